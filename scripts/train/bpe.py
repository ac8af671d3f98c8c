"""A small byte-level BPE tokenizer with the structure of Qwen3's tokenizer.json: python bpe.py --data DIR --out FILE"""
import argparse
import json
import random
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from chat import CATEGORIES, CHAT_TEMPLATE, GEN_TEMPLATE, RISKS, Chat, answer_text, render
from samples import Pools, build, read_rows

SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIAL = """<|endoftext|> <|im_start|> <|im_end|> <|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|> <|quad_start|> <|quad_end|>
<|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|>""".split()
ADDED = """<tool_call> </tool_call> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> <|file_sep|> <tool_response> </tool_response>
<think> </think>""".split()


def corpus(data):
    rng = random.Random(5)
    rows = read_rows(data, "train")
    for sample in build(rng, rows, Pools(rows)):
        yield sample.prompt
        if sample.reply:
            yield sample.reply
    # the fixed texts: a few tokens each, and labels that differ in their first token
    fixed = [text for role in ("user", "assistant") for text in render(GEN_TEMPLATE, [{"role": role, "content": ""}]).split("<|im_end|>")]
    fixed += [f"USER: Hello\n\nASSISTANT: Hi\n\n{role}\n" for role in ("user", "assistant", "system")]
    fixed += [answer_text(risk, [name], yes) for risk in RISKS for name in [*CATEGORIES, "None"] for yes in ("Yes", "No")]
    for text in fixed:
        yield from [text.replace("<|im_start|>", "")] * 400


def layout():
    """Everything of a Qwen3 tokenizer but its vocabulary."""
    tokenizer = Tokenizer(models.BPE(dropout=None, unk_token=None, continuing_subword_prefix="", end_of_word_suffix="", fuse_unk=False, byte_fallback=False))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def finish(spec):
    byte_level = dict(add_prefix_space=False, trim_offsets=False, use_regex=False)
    for part in (spec["pre_tokenizer"]["pretokenizers"][1], spec["post_processor"], spec["decoder"]):
        part.update(byte_level)
    base = len(spec["model"]["vocab"])
    spec["added_tokens"] = [
        {"id": base + i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": content in SPECIAL}
        for i, content in enumerate([*SPECIAL, *ADDED])]
    return spec


def skeleton(vocab, merges):
    """The tokenizer of a vocabulary that is there already."""
    spec = json.loads(layout().to_str())
    spec["model"].update(vocab=vocab, merges=merges)
    return finish(spec)


def train(data, size):
    tokenizer = layout()
    trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=2, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=[], show_progress=False)
    tokenizer.train_from_iterator(corpus(data), trainer)
    return finish(json.loads(tokenizer.to_str()))


def check(path):
    spec = json.loads(Path(path).read_text())
    vocab, chat = spec["model"]["vocab"], Chat(path)
    assert all(byte in vocab for byte in pre_tokenizers.ByteLevel.alphabet()), "a byte is missing"
    assert len(spec["added_tokens"]) == 26 and sorted(vocab.values()) == list(range(len(vocab)))
    first = lambda text: chat.plain.encode(text).ids[0]
    assert len({first(" " + risk) for risk in RISKS}) == 3, "safety labels share a first token"
    assert len({first(" " + name) for name in [*CATEGORIES, "None"]}) == 10, "categories share a first token"
    assert first(" Yes") != first(" No")
    assert chat.plain.encode("Safety: Unsafe").tokens[:2] == ["Safety", ":"], chat.plain.encode("Safety: Unsafe").tokens
    assert chat.plain.decode(chat.plain.encode("Grüße, 世界 🙂\n").ids) == "Grüße, 世界 🙂\n"
    for messages in ([("user", "Hi there")], [("user", "Hi"), ("assistant", "Hello you")], [("system", "Be kind."), ("user", "Hi"), ("assistant", "Yes?"), ("user", "No")]):
        named = [{"role": role, "content": text} for role, text in messages]
        assert chat.full.encode(render(GEN_TEMPLATE, named)).ids == chat.gen(messages)[0], "the Gen template and chat.py disagree"
    turn = [{"role": "user", "content": "Hi there"}]
    ids, closing, content, _ = chat.stream([], "Hi there", "Hello you")
    assert ids[: content[0][0]] == chat.full.encode(render(CHAT_TEMPLATE, turn, add_generation_prompt=True, enable_thinking=False)).ids
    assert ids == chat.full.encode(render(CHAT_TEMPLATE, [*turn, {"role": "assistant", "content": "Hello you"}])).ids, "the chat template and chat.py disagree"
    for role in ("user", "assistant"):
        ids, prefix = chat.gen([(role, "")])
        print(f"Gen template, last message from {role}: {prefix} tokens before the conversation, {len(ids)} in all when it is empty")
    return chat


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--size", type=int, default=10_000)
    options = parser.parse_args()
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    Path(options.out).write_text(json.dumps(train(options.data, options.size), ensure_ascii=False, indent=2))
    check(options.out)
