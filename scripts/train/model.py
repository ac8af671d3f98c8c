"""The two networks (Qwen3 as transformers has it) and their export in the official checkpoints' layout."""
import json
import math
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import Qwen3Config, Qwen3Model

from chat import CATEGORIES, CHAT_TEMPLATE, GEN_TEMPLATE, RISKS

SHAPE = dict(hidden_size=256, intermediate_size=512, num_hidden_layers=4, num_attention_heads=2, num_key_value_heads=1, head_dim=128)
EMBEDDINGS = 10_240  # 10,000 + 26, padded as Qwen3's are
INNER = 256


def config(**more):
    return dict(
        attention_bias=False, attention_dropout=0.0, hidden_act="silu", initializer_range=0.02, max_position_embeddings=8192, max_window_layers=4,
        model_type="qwen3", rms_norm_eps=1e-6, rope_scaling=None, rope_theta=1_000_000, sliding_window=None, tie_word_embeddings=True, torch_dtype="bfloat16",
        use_cache=True, use_sliding_window=False, vocab_size=EMBEDDINGS, **SHAPE, **more)


def backbone(settings=None):
    model = Qwen3Model(Qwen3Config.from_dict(settings or config()))
    assert model.rotary_emb.inv_freq[-1] < 2e-6  # rope_theta arrived
    return model


class RMSNorm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return nn.functional.rms_norm(x, self.weight.shape, self.weight, 1e-6)


class Guard(nn.Module):
    """Qwen3ForGuardModel: two head groups on the backbone's last hidden state."""

    def __init__(self, settings=None):
        super().__init__()
        self.model = backbone(settings)
        hidden = SHAPE["hidden_size"]
        for prefix, categories in (("", 8), ("query_", 9)):
            setattr(self, prefix + "risk_level_category_pre", nn.Linear(hidden, INNER, bias=False))
            setattr(self, prefix + "risk_level_category_layernorm", RMSNorm(INNER))
            setattr(self, prefix + "risk_level_head", nn.Linear(INNER, 3, bias=False))
            setattr(self, prefix + "category_head", nn.Linear(INNER, categories, bias=False))
            for name in ("risk_level_category_pre", "risk_level_head", "category_head"):
                nn.init.normal_(getattr(self, prefix + name).weight, std=0.5 / math.sqrt(hidden))

    def heads(self, hidden, prefix=""):
        x = getattr(self, prefix + "risk_level_category_layernorm")(getattr(self, prefix + "risk_level_category_pre")(hidden))
        return getattr(self, prefix + "risk_level_head")(x), getattr(self, prefix + "category_head")(x)


def hidden_states(model, ids, dropout=0.0, cache=None):
    """Right padding needs no mask: attention is causal."""
    embedded = model.embed_tokens(ids)
    if dropout:
        embedded = nn.functional.dropout(embedded, dropout)
    return model(inputs_embeds=embedded, past_key_values=cache, use_cache=cache is not None).last_hidden_state


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


def normed(x, weight):
    x = x.float()
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * weight


def heads_of(x, norm, qkv, q_norm, k_norm, cos, sin):
    """→ queries (scaled), keys, values of one layer: [rows, heads, length, size]"""
    rows, length, _ = x.shape
    queries, keys, size = SHAPE["num_attention_heads"], SHAPE["num_key_value_heads"], SHAPE["head_dim"]
    both = nn.functional.linear(normed(x, norm).to(FAST), qkv.to(FAST)).view(rows, length, queries + 2 * keys, size)
    q, k, v = both.split([queries, keys, keys], 2)
    cos, sin = cos[None, :, None], sin[None, :, None]
    q, k = rotate(normed(q, q_norm), cos, sin) * size ** -0.5, rotate(normed(k, k_norm), cos, sin)
    return q.to(FAST).transpose(1, 2), k.to(FAST).transpose(1, 2), v.transpose(1, 2)


def attend(q, k, v):
    """One key head serves all queries; the last of the keys are the queries' own positions."""
    ahead = torch.full((q.shape[2], k.shape[2]), float("-inf")).triu(1 + k.shape[2] - q.shape[2])
    share = (torch.matmul(q, k.transpose(-1, -2)).float() + ahead).softmax(-1)
    return torch.matmul(share.to(FAST), v)


def rest_of(x, y, output, norm, gate, up, down, dropout: float):
    linear, functional = nn.functional.linear, nn.functional
    x = x + functional.dropout(linear(y, output.to(FAST)).float(), dropout)
    h = normed(x, norm).to(FAST)
    return x + functional.dropout(linear(functional.silu(linear(h, gate.to(FAST))) * linear(h, up.to(FAST)), down.to(FAST)).float(), dropout)


FAST = torch.bfloat16  # what training multiplies in; sums and norms are f32
PARTS = {"heads_of": heads_of, "attend": attend, "rest_of": rest_of}


def compile_parts():
    """A quarter faster, after a minute or two; needs a C++ compiler."""
    PARTS.update({name: torch.compile(part, dynamic=True) for name, part in PARTS.items()})


def training_states(model, ids, dropout=0.0, past=None, keep=False):
    """What `hidden_states` computes, in half the time, for training. `past`: [(keys, values)] of a prefix. → states, and with `keep` those of `ids`."""
    start = past[0][0].shape[2] if past else 0
    rows, length = ids.shape
    with torch.autocast("cpu", enabled=False):
        angles = torch.outer(torch.arange(start, start + length, dtype=torch.float32), model.rotary_emb.inv_freq)
        angles = torch.cat([angles, angles], -1)
        cos, sin = angles.cos(), angles.sin()
        x, kept = nn.functional.dropout(model.embed_tokens(ids), dropout), []
        for index, layer in enumerate(model.layers):
            attention, mlp = layer.self_attn, layer.mlp
            qkv = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight])
            q, k, v = PARTS["heads_of"](x, layer.input_layernorm.weight, qkv, attention.q_norm.weight, attention.k_norm.weight, cos, sin)
            kept.append((k, v))
            if past:
                k, v = (torch.cat([old.expand(rows, -1, -1, -1), new], 2) for old, new in zip(past[index], (k, v)))
            y = PARTS["attend"](q, k, v).transpose(1, 2).flatten(2)
            x = PARTS["rest_of"](x, y, attention.o_proj.weight, layer.post_attention_layernorm.weight, mlp.gate_proj.weight, mlp.up_proj.weight, mlp.down_proj.weight, dropout)
        x = normed(x, model.norm.weight)
    return (x, kept) if keep else x


def export(folder, state, architecture, template, tokenizer_json, **more):
    """Writes config, weights (bf16), tokenizer and template, then puts the folder in place at once."""
    folder, temporary = Path(folder), Path(f"{folder}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    spec = json.loads(Path(tokenizer_json).read_text())
    token = {entry["content"]: entry["id"] for entry in spec["added_tokens"]}
    save_file({name: value.detach().to(torch.bfloat16).contiguous() for name, value in state.items()}, temporary / "model.safetensors", metadata={"format": "pt"})

    def write(name, value):
        (temporary / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    write("config.json", {"architectures": [architecture], **config(bos_token_id=token["<|endoftext|>"], eos_token_id=token["<|im_end|>"]), **more})
    write("generation_config.json", {"bos_token_id": token["<|endoftext|>"], "do_sample": False, "eos_token_id": [token["<|im_end|>"], token["<|endoftext|>"]],
                                     "max_new_tokens": 128, "pad_token_id": token["<|endoftext|>"]})
    write("tokenizer.json", spec)
    flags = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
    write("tokenizer_config.json", {
        "add_bos_token": False, "add_prefix_space": False, "added_tokens_decoder": {str(entry["id"]): {flag: entry[flag] for flag in flags} for entry in spec["added_tokens"]},
        "additional_special_tokens": [entry["content"] for entry in spec["added_tokens"] if entry["special"]][1:], "bos_token": None, "chat_template": template,
        "clean_up_tokenization_spaces": False, "eos_token": "<|im_end|>", "errors": "replace", "model_max_length": 8192, "pad_token": "<|endoftext|>",
        "split_special_tokens": False, "tokenizer_class": "Qwen2Tokenizer", "unk_token": None})
    old = Path(f"{folder}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(temporary, folder)
    shutil.rmtree(old, ignore_errors=True)


def export_stream(folder, guard, tokenizer_json):
    numbered = lambda names: {str(i): name for i, name in enumerate(names)}
    export(folder, guard.state_dict(), "Qwen3ForGuardModel", CHAT_TEMPLATE, tokenizer_json, guard_inner_size=INNER, num_risk_level=3, num_category=8,
           num_query_risk_level=3, num_query_category=9, response_risk_level_map=numbered(RISKS), response_category_map=numbered(CATEGORIES[:8]),
           query_risk_level_map=numbered(RISKS), query_category_map=numbered(CATEGORIES))


def export_gen(folder, model, tokenizer_json):
    export(folder, {f"model.{name}": value for name, value in model.state_dict().items()}, "Qwen3ForCausalLM", GEN_TEMPLATE, tokenizer_json)
