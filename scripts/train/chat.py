"""Turns conversations into token ids: Qwen3's chat template (Stream) and the short moderation template (Gen).

Only what the template itself writes may become a special token, so each run of ordinary text is encoded by a copy of
the tokenizer that knows no added tokens.
"""
import json
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer

TEMPLATES = Path(__file__).parent / "templates"
CHAT_TEMPLATE = (TEMPLATES / "chat.jinja").read_text()
GEN_TEMPLATE = (TEMPLATES / "gen.jinja").read_text()
RISKS = ["Safe", "Unsafe", "Controversial"]
CATEGORIES = ["Violent", "Sexual Content or Sexual Acts", "Suicide & Self-Harm", "Politically Sensitive Topics", "PII", "Copyright Violation",
              "Non-violent Illegal Acts", "Unethical Acts", "Jailbreak"]


def render(template, messages, **options):
    import jinja2
    env = jinja2.Environment(trim_blocks=False, lstrip_blocks=False)
    env.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    return env.from_string(template).render(messages=messages, **options)


@cache
def gen_frame(last_role):
    """What the Gen template writes before and after the conversation."""
    return render(GEN_TEMPLATE, [{"role": last_role, "content": ""}]).split("<BEGIN CONVERSATION>\n\n")


class Chat:
    def __init__(self, tokenizer_json):
        spec = json.loads(Path(tokenizer_json).read_text())
        self.full = Tokenizer.from_str(json.dumps(spec))
        self.special = {token["content"]: token["id"] for token in spec["added_tokens"]}
        spec["added_tokens"] = []
        self.plain = Tokenizer.from_str(json.dumps(spec))
        # for training: now and then other splits of a word, so that rare ones are met too
        spec["model"]["dropout"] = 0.06
        self.noisy = Tokenizer.from_str(json.dumps(spec))

    def join(self, parts, noisy=()):
        """parts: text and special tokens in turn; `noisy` names the parts to split at random.
        → ids, and for each id (start, end) in its part and the part's index."""
        ids, spans, where = [], [], []
        for index, part in enumerate(parts):
            if part and index % 2:
                ids.append(self.special[part])
                spans.append((0, 0))
                where.append(index)
            elif part:
                encoded = (self.noisy if index in noisy else self.plain).encode(part, add_special_tokens=False)
                ids += encoded.ids; spans += encoded.offsets; where += [index] * len(encoded.ids)
        return ids, spans, where

    def stream(self, history, prompt, reply=None, reasoning=None, noise=False):
        """→ ids, index of the `<|im_end|>` that closes the last user turn, [(index, offset in reply)] of the reply's tokens, indices of reasoning tokens."""
        parts = [""]

        def turn(role, text):
            parts.extend(["<|im_start|>", f"{role}\n{text}", "<|im_end|>", "\n"])

        for role, text in history:
            turn(role, text)
        turn("user", prompt)
        closing = len(parts) - 2
        lead = thought = None
        if reply is not None:
            thought = len(parts) + 3
            parts += ["<|im_start|>", "assistant\n", "<think>", "\n\n" if reasoning is None else f"\n{reasoning}\n", "</think>"]
            lead = len(parts)
            parts += ["\n\n" + reply, "<|im_end|>", "\n"]
        ids, spans, where = self.join(parts, range(len(parts)) if noise else ())
        content = [(i, spans[i][1] - 2) for i, w in enumerate(where) if w == lead and spans[i][1] > 2]
        thinking = [i for i, w in enumerate(where) if w == thought and spans[i][0] > 0] if reasoning is not None else []
        return ids, where.index(closing), content, thinking

    def gen(self, messages, noise=False):
        """The rendered moderation prompt of the messages [(role, text)] → ids, how many of them never change."""
        head, tail = gen_frame(messages[-1][0])
        body = ""
        for index, (role, text) in enumerate(messages):
            bare = role == "user" and index == 1 and messages[0][0] == "system"
            body += ("ASSISTANT: " if role == "assistant" else "" if bare else "USER: ") + text + "\n\n"
        # a line ends before the body, so that encoding it apart changes nothing; "" stands for no special token
        head = head.removeprefix("<|im_start|>") + "<BEGIN CONVERSATION>\n\n"
        end = ["<|im_end|>", "\n", "<|im_start|>", "assistant\n", "<think>", "\n\n", "</think>", "\n\n"]
        assert tail.endswith("".join(end))
        ids, _, where = self.join(["", "<|im_start|>", head, "", body + "<END CONVERSATION>", *end], {4} if noise else ())
        return ids, where.index(4)


def answer_text(risk, categories, refusal=None):
    text = f"Safety: {risk}\nCategories: {', '.join(categories) or 'None'}"
    return text if refusal is None else f"{text}\nRefusal: {refusal}"
