"""A published demonstration model back to the folder that training starts from: python unpack.py FILE.gguf --out DIR

Reads the two types that `convert --type q8_0` writes. The weights are those of the file, rounded to 8 bits.
"""
import argparse
import json
import re
import struct
from pathlib import Path

import numpy
import torch

from bpe import ADDED, SPECIAL, skeleton
from model import Guard, backbone, export_gen, export_stream

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
HEADS = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
         "attn_k_norm": "self_attn.k_norm", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
         "ffn_down": "mlp.down_proj"}
NAMES = {"token_embd.weight": "embed_tokens.weight", "output_norm.weight": "norm.weight"}
for prefix, group in (("", "response"), ("query_", "query")):
    NAMES |= {f"cls.{group}.weight": f"{prefix}risk_level_category_pre.weight", f"cls.norm.{group}.weight": f"{prefix}risk_level_category_layernorm.weight",
              f"cls.output.{group}_risk.weight": f"{prefix}risk_level_head.weight", f"cls.output.{group}_category.weight": f"{prefix}category_head.weight"}


class Reader:
    def __init__(self, path):
        self.data, self.at = Path(path).read_bytes(), 4
        assert self.data[:4] == b"GGUF" and self.take("I") == 3
        tensors, keys = self.take("Q"), self.take("Q")
        self.keys = {}
        for _ in range(keys):
            name = self.string()
            self.keys[name] = self.value(self.take("I"))
        entries = []
        for _ in range(tensors):
            name, dimensions = self.string(), self.take("I")
            shape = [self.take("Q") for _ in range(dimensions)]
            entries.append((name, shape[::-1], self.take("I"), self.take("Q")))
        unit = self.keys.get("general.alignment", 32)
        base = -(-self.at // unit) * unit
        self.tensors = {name: self.tensor(shape, kind, base + offset) for name, shape, kind, offset in entries}

    def take(self, kind):
        value, = struct.unpack_from("<" + kind, self.data, self.at)
        self.at += struct.calcsize("<" + kind)
        return value

    def string(self):
        size = self.take("Q")
        self.at += size
        return self.data[self.at - size: self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            inner, count = self.take("I"), self.take("Q")
            return [self.value(inner) for _ in range(count)]
        return self.take(SCALARS[kind])

    def tensor(self, shape, kind, at):
        count = int(numpy.prod(shape))
        if kind in (0, 1):
            values = numpy.frombuffer(self.data, "<f4" if kind == 0 else "<f2", count, at).astype(numpy.float32)
        elif kind == 30:  # bf16
            values = (numpy.frombuffer(self.data, "<u2", count, at).astype(numpy.uint32) << 16).view(numpy.float32)
        elif kind == 8:  # q8_0: 32 weights share a scale
            blocks = numpy.frombuffer(self.data, numpy.dtype([("scale", "<f2"), ("values", "i1", 32)]), count // 32, at)
            values = (blocks["scale"].astype(numpy.float32)[:, None] * blocks["values"]).reshape(-1)
        else:
            raise ValueError(f"type {kind} is not read here")
        return torch.from_numpy(values.copy()).reshape(shape)


def tokenizer(keys):
    tokens = keys["tokenizer.ggml.tokens"]
    base = next(i for i, token in enumerate(tokens) if token == SPECIAL[0])
    assert tokens[base: base + 26] == [*SPECIAL, *ADDED]
    merges = [merge.split(" ", 1) for merge in keys["tokenizer.ggml.merges"]]
    return skeleton({token: i for i, token in enumerate(tokens[:base])}, merges)


def place(state, tensors):
    """Puts the file's tensors under the network's names."""
    found = {}
    for name, value in tensors.items():
        block = re.fullmatch(r"blk\.(\d+)\.(\w+)\.weight", name)
        if block:
            found[f"layers.{block[1]}.{HEADS[block[2]]}.weight"] = value
        else:
            found[NAMES[name]] = value
    return {name: found[name.removeprefix("model.")].reshape(value.shape) for name, value in state.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    reader, out = Reader(options.file), Path(options.out)
    stream = "cls.query.weight" in reader.tensors
    model = Guard() if stream else backbone()
    model.load_state_dict(place(model.state_dict(), reader.tensors))
    out.parent.mkdir(parents=True, exist_ok=True)
    path = out.with_name(out.name + "-tokenizer.json")
    path.write_text(json.dumps(tokenizer(reader.keys), ensure_ascii=False, indent=2))
    (export_stream if stream else export_gen)(out, model, path)
    print(f"{options.file} → {out}")
