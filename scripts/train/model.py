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


def training_states(model, ids, dropout=0.0, past=None, keep=False):
    """What `hidden_states` computes, with less around it, for training. `past`: [(keys, values)] of a prefix. → states, and with `keep` those of `ids`."""
    config, functional = model.config, nn.functional
    queries, keys, size = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    rows, length = ids.shape
    start = past[0][0].shape[2] if past else 0
    angles = torch.outer(torch.arange(start, start + length, dtype=torch.float32), model.rotary_emb.inv_freq)
    angles = torch.cat([angles, angles], -1)
    cos, sin = angles.cos(), angles.sin()
    norm = lambda x, module: functional.rms_norm(x.float(), module.weight.shape, module.weight, config.rms_norm_eps)
    mask = None if start == 0 else torch.ones(length, start + length, dtype=torch.bool).tril(start)
    x, kept = model.embed_tokens(ids), []
    if dropout:
        x = functional.dropout(x, dropout)
    for index, layer in enumerate(model.layers):
        attention, mlp = layer.self_attn, layer.mlp
        h = norm(x, layer.input_layernorm)
        qkv = functional.linear(h, torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight]))
        q, k, v = qkv.view(rows, length, queries + 2 * keys, size).transpose(1, 2).split([queries, keys, keys], 1)
        q, k = rotate(norm(q, attention.q_norm), cos, sin), rotate(norm(k, attention.k_norm), cos, sin)
        kept.append((k, v))
        if past:
            k, v = (torch.cat([old.expand(rows, -1, -1, -1), new], 2) for old, new in zip(past[index], (k, v)))
        k, v = (t.repeat_interleave(queries // keys, 1) for t in (k, v))
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        x = x + attention.o_proj(y.transpose(1, 2).reshape(rows, length, queries * size))
        h = norm(x, layer.post_attention_layernorm)
        x = x + mlp.down_proj(functional.silu(mlp.gate_proj(h)) * mlp.up_proj(h))
    x = norm(x, model.norm)
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
