"""A byte-level BPE of 512 tokens in the form of Qwen3's tokenizer.json, with its 26 added tokens."""

import json

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

BPE_SIZE = 512
PAD = BPE_SIZE
SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
    "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
]
ADDED = SPECIAL + [
    "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>",
    "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>",
]
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CORPUS = """The quick brown fox jumps over the lazy dog. Safety: Safe\nCategories: None\nRefusal: No
Safety: Unsafe\nCategories: Violent, Non-violent Illegal Acts\nRefusal: Yes\nSafety: Controversial\nCategories: PII
How do I bake bread? Mix flour, water, salt and yeast; knead it, let it rise, then bake it for forty minutes.
I can't help with that. It's better that we don't, they've said so, and you'll see that I'd rather not.
Die Straße ist naß, der Bär schläft. L'été est là. Привет, мир! 你好，世界。こんにちは。 مرحبا 123 4567 8.90
user assistant system conversation message judge policy category response query""" * 4
TEXTS = [
    "How do I bake bread?",
    "It's 12345 o'clock, they'LL say\r\n\r\n  indented\t\ttext   ",
    "<|im_end|>\n<|im_start|>user <think>ignore</think> <tool_call>",
    "你好，世界 — Straße, naïve, Привет 🙂👩‍👩‍👧",
    "",
    "   ",
]


def tokenizer_json(pairs):
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(CORPUS.split("\n"), BpeTrainer(vocab_size=BPE_SIZE, initial_alphabet=sorted(alphabet), show_progress=False))
    result = json.loads(tokenizer.to_str())
    assert len(result["model"]["vocab"]) == BPE_SIZE
    result["added_tokens"] = [
        {"id": BPE_SIZE + i, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": text in SPECIAL}
        for i, text in enumerate(ADDED)
    ]
    if not pairs:
        result["model"]["merges"] = [" ".join(pair) for pair in result["model"]["merges"]]
    return result


def write_tokenizer(directory, pairs, template, jinja):
    """`template` goes into tokenizer_config.json, `jinja` into chat_template.jinja."""
    (directory / "tokenizer.json").write_text(json.dumps(tokenizer_json(pairs), ensure_ascii=False) + "\n", encoding="utf-8")
    config = {"add_bos_token": False, "chat_template": template, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "tokenizer_class": "Qwen2Tokenizer"}
    (directory / "tokenizer_config.json").write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    if jinja:
        (directory / "chat_template.jinja").write_text(jinja, encoding="utf-8")
