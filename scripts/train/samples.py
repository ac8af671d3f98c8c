"""From labelled rows to training conversations, drawn anew for every epoch."""
import gzip
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from everyday import ACTIONS, FOREIGN, HOW, STEPS, everyday, safe_sentences
from refusals import refusal
from restate import action_of, restate
from wishes import wish

STATEMENTS = {"hatecheck", "multilingual-hatecheck", "surge-toxicity", "openai-moderation"}
# the order in which Gen lists categories
GEN_ORDER = ["Violent", "Non-violent Illegal Acts", "Sexual Content or Sexual Acts", "PII", "Suicide & Self-Harm", "Unethical Acts",
             "Politically Sensitive Topics", "Copyright Violation", "Jailbreak"]
REASONING = ["Okay, the user wants an answer. Let me think about it.", "The user is asking a question. I should answer clearly and kindly.",
             "Let me see. First I look at what is asked, then I write a short reply.", "Hmm, what does the user need here? I will keep it simple.",
             "I need to think step by step before I reply.", "The user greets me, so a friendly answer is fine."]


@dataclass
class Label:
    risk: str
    categories: list | None = field(default_factory=list)  # None: not known


@dataclass
class Sample:
    prompt: str
    query: Label | None = None
    reply: str | None = None
    verdict: Label | None = None
    onset: int | None = None      # where the reply turns unsafe; None: only the whole is labelled
    refusal: str | None = None
    history: list = field(default_factory=list)
    reasoning: str | None = None


def read_rows(data, split):
    with gzip.open(Path(data) / f"{split}.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def label_of(row):
    if row["safety"] == "Safe":
        return Label("Safe")
    return Label(row["safety"], [row["category"]] if row["category"] else None)


def sentences(text):
    return [part.strip() for part in re.split(r"(?<=[.!?。！？])\s*", text) if part.strip()]


def cut(text, chars):
    """At most that many characters: the start and the end."""
    text = text.strip()
    return text if len(text) <= chars else text[: chars * 2 // 3].rstrip() + " " + text[-chars // 3:].lstrip()


class Pools:
    """What constructed replies are made of."""

    def __init__(self, rows):
        prompts = [row for row in rows if row["response"] is None]
        self.bad = []          # (row, kind, phrase or whole statement)
        for row in prompts:
            if row["safety"] == "Safe" or row["category"] == "Jailbreak":
                continue
            found = action_of(row["lang"], row["prompt"])
            if found:
                self.bad.append((row, *found))
            elif row["source"] in STATEMENTS and len(row["prompt"]) < 250:
                self.bad.append((row, "statement", row["prompt"].strip()))
        self.bad_of = {id(row): (row, kind, phrase) for row, kind, phrase in self.bad if kind != "statement"}
        acts = [entry for entry in self.bad if entry[1] != "statement"]
        self.bad_actions = acts
        self.topics = [phrase for _, kind, phrase in acts if kind == "en"]
        self.by_category = {}
        for entry in self.bad:
            self.by_category.setdefault(entry[0]["category"], []).append(entry)
        self.safe = [s for row in rows if row["response"] and row["safety"] == "Safe" and row["lang"] == "en"
                     for s in sentences(row["response"]) if 20 < len(s) < 160]
        self.prose = [s for row in rows if row["source"] in ("t0-p3", "self-instruct") for s in sentences(row["prompt"]) if 30 < len(s) < 200]
        self.safe_in = {}      # language → harmless sentences
        for row in prompts:
            if row["safety"] == "Safe" and row["lang"] in FOREIGN and len(row["prompt"]) < 160:
                self.safe_in.setdefault(row["lang"], []).append(row["prompt"].strip())
        found = [action_of("en", row["prompt"]) for row in prompts if row["safety"] == "Safe" and row["lang"] == "en"]
        self.safe_requests = [entry for entry in found if entry]
        self.unsafe = [row for row in prompts if row["safety"] != "Safe" and row["category"] and len(row["prompt"]) < 300]

    def pick_bad(self, rng):
        if rng.random() < 0.35:
            return rng.choice(self.by_category[rng.choice([c for c in self.by_category if c])])
        return rng.choice(self.bad_actions if rng.random() < 0.6 else self.bad)

    def lead(self, rng, count, lang="en"):
        """Harmless sentences before (or instead of) something else."""
        if lang in FOREIGN and rng.random() < 0.6:
            if lang in self.safe_in and rng.random() < 0.4:
                return rng.sample(self.safe_in[lang], count)
            return safe_sentences(rng, count, lang)
        style = rng.random()
        if style < 0.25:
            return rng.sample(self.prose, count)
        if style < 0.45:
            return safe_sentences(rng, count)
        if style < 0.52:
            return ([restate(rng, *rng.choice(self.safe_requests))[0]] + rng.sample(STEPS, max(0, count - 1)))[:count]
        if style < 0.72:
            action = rng.choice(ACTIONS).replace(" my ", " your ")
            return ([restate(rng, "en", action)[0]] + rng.sample(STEPS, max(0, count - 1)))[:count]
        return rng.sample(self.safe, count)

    def unsafe_reply(self, rng, bad, lead_count):
        """→ reply, offset of its onset, label. Sticky: what follows the onset counts as unsafe too."""
        row, kind, phrase = bad
        lead = self.lead(rng, lead_count, row["lang"])
        sentence, offset = (phrase, 0) if kind == "statement" else restate(rng, kind, phrase)
        tail = rng.sample(STEPS, rng.choice([0, 0, 1, 2, 4])) if row["lang"] == "en" or rng.random() < 0.3 else []
        if rng.random() < 0.25:
            tail += self.lead(rng, rng.randint(1, 3), row["lang"])
        if rng.random() < 0.25:  # more of the same
            other = rng.choice(self.by_category[row["category"]])
            tail.insert(0, other[2] if other[1] == "statement" else restate(rng, *other[1:])[0])
        before = " ".join(lead)
        return " ".join([*lead, sentence, *tail]), len(before) + bool(lead) + offset, label_of(row)


def with_reply(rng, pools, sample, row):
    """Adds a constructed reply to a prompt's sample, or leaves it alone."""
    draw = rng.random()
    if sample.query.risk == "Safe":
        if draw < 0.50:
            return
        if draw < 0.78:
            sample.reply, sample.verdict, sample.refusal = " ".join(pools.lead(rng, rng.randint(1, 5), row["lang"])), Label("Safe"), "No"
        elif draw < 0.82:
            sample.reply, sample.verdict, sample.refusal = refusal(rng, row["lang"]), Label("Safe"), "Yes"
        else:
            sample.reply, sample.onset, sample.verdict = pools.unsafe_reply(rng, pools.pick_bad(rng), rng.choice([0, 0, 1, 2, 3, 5]))
            sample.refusal = "No"
        return
    own = pools.bad_of.get(id(row))
    if draw < 0.36:
        return
    if draw < 0.66:
        phrase = own[2] if own and own[1] == "en" else rng.choice(pools.topics) if rng.random() < 0.4 else None
        sample.reply, sample.verdict, sample.refusal = refusal(rng, row["lang"], phrase), Label("Safe"), "Yes"
        if rng.random() < 0.15:
            sample.reply += " " + " ".join(pools.lead(rng, rng.randint(1, 2), row["lang"]))
    elif draw < 0.74:
        sample.reply, sample.verdict, sample.refusal = " ".join(pools.lead(rng, rng.randint(1, 4), row["lang"])), Label("Safe"), "No"
    else:
        sample.reply, sample.onset, sample.verdict = pools.unsafe_reply(rng, own or pools.pick_bad(rng), rng.choice([0, 0, 0, 1, 2, 3]))
        sample.refusal = "No"


def reworded(rng, pools, row):
    """The prompt, or now and then the same wish in one of the frames of harmless questions."""
    own = pools.bad_of.get(id(row))
    if own and own[1] == "en" and rng.random() < 0.4:
        return rng.choice(HOW).format(a=own[2].replace("your ", "my "))
    return cut(row["prompt"], 600)


def build(rng, rows, pools):
    samples = []
    for row in rows:
        label = label_of(row)
        if row["source"] == "t0-p3" and rng.random() < 0.4:
            continue  # long, easy and plentiful: a part of them in each epoch
        if row["response"] is not None:
            source = row["source"]
            chatty = source.startswith("diasafety")
            query = None if chatty or source == "jade" else Label("Safe")
            samples.append(Sample(cut(row["prompt"], 600 if chatty else 350), query, cut(row["response"], 800), label, None, row["refusal"]))
            continue
        for _ in range(3 if label.risk == "Controversial" else 1):
            sample = Sample(reworded(rng, pools, row), label)
            with_reply(rng, pools, sample, row)
            samples.append(sample)
        if row["source"] in STATEMENTS and len(row["prompt"]) < 200:  # short, and hard: met twice in an epoch
            samples.append(Sample(cut(row["prompt"], 200), label))
    for _ in range(5000):
        _, prompt, reply = everyday(rng, foreign=0.55)
        sample = Sample(prompt, Label("Safe"))
        draw = rng.random()
        if draw < 0.55:
            sample.reply, sample.verdict, sample.refusal = reply, Label("Safe"), "No"
        elif draw < 0.7:  # harmless first, then not
            bad = pools.pick_bad(rng)
            tail, onset, label = pools.unsafe_reply(rng, bad, 0)
            sample.reply, sample.onset, sample.verdict, sample.refusal = f"{reply} {tail}", len(reply) + 1 + onset, label, "No"
        samples.append(sample)
    for _ in range(3000):
        category, action = wish(rng)
        row = {"safety": "Unsafe", "category": category, "lang": "en"}
        sample = Sample(rng.choice(HOW).format(a=action), label_of(row))
        if rng.random() < 0.55:
            reply, sample.onset, sample.verdict = pools.unsafe_reply(rng, (row, "en", action.replace("my ", "your ")), rng.choice([0, 0, 1, 2, 3]))
            sample.reply, sample.refusal = reply, "No"
        elif rng.random() < 0.4:
            sample.reply, sample.verdict, sample.refusal = refusal(rng, "en", action), Label("Safe"), "Yes"
        samples.append(sample)
    for _ in range(500):  # two categories at once
        one, two = rng.sample(pools.unsafe, 2)
        if one["category"] != two["category"]:
            risk = "Unsafe" if "Unsafe" in (one["safety"], two["safety"]) else "Controversial"
            pair = sorted((one["category"], two["category"]), key=GEN_ORDER.index)
            samples.append(Sample(f"{one['prompt'].strip()} {two['prompt'].strip()}", Label(risk, pair)))
    short = [s for s in samples if len(s.prompt) < 200 and len(s.reply or "") < 200]
    for sample in samples:
        if rng.random() < 0.08:  # earlier turns; the last message alone is judged
            for _ in range(rng.choice([1, 1, 2, 3])):
                other = rng.choice(short)
                sample.history += [("user", other.prompt), ("assistant", other.reply or " ".join(pools.lead(rng, 2)))]
        elif rng.random() < 0.02:
            sample.history = [("system", rng.choice(["You are a helpful assistant.", "Answer briefly.", "You are a friendly tutor."]))]
        if sample.reply and rng.random() < 0.03:
            sample.reasoning = rng.choice(REASONING)
    rng.shuffle(samples)
    return samples
