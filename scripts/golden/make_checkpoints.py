"""Writes small random Qwen3Guard checkpoints and what transformers computes with them: see README.md."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import Qwen3Config, Qwen3ForCausalLM, Qwen3Model

from tiny_tokenizer import ADDED, BPE_SIZE, PAD, TEXTS, tokenizer_json, write_tokenizer

FIXTURES = Path(__file__).resolve().parents[2] / "test" / "fixtures"
VOCAB = 544  # more than the tokenizer has: the rest are rows without a token
INNER = 32
LEAST_LEAD = 0.02
RISKS = ["Safe", "Unsafe", "Controversial"]
CATEGORIES = [
    "Violent", "Sexual Content or Sexual Acts", "Suicide & Self-Harm", "Politically Sensitive Topics", "PII",
    "Copyright Violation", "Non-violent Illegal Acts", "Unethical Acts", "Jailbreak",
]
GEN_TEMPLATE = (
    "{{- '<|im_start|>user\\nAnswer with Safety: and Categories:.\\n\\n' }}{%- for message in messages %}"
    "{{- message.role + ': ' + message.content + '\\n\\n' }}{%- endfor %}"
    "{{- '<|im_end|>\\n<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' }}"
)
CHAT_TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' }}{%- endif %}"
)


def config_of(heads, heads_kv, theta, eps, tied):
    return Qwen3Config(
        vocab_size=VOCAB, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=heads,
        num_key_value_heads=heads_kv, head_dim=32, max_position_embeddings=1024, rms_norm_eps=eps,
        rope_parameters={"rope_type": "default", "rope_theta": theta}, tie_word_embeddings=tied, use_cache=True,
        attn_implementation="eager",
    )


def random_weights(module, seed, final_norm):
    """Scales that make every part matter: embeddings small enough for epsilon, attention peaked enough for RoPE."""
    generator = torch.Generator().manual_seed(seed)

    def normal(shape, mean, std):
        return mean + std * torch.randn(shape, generator=generator)

    state = {}
    for name, tensor in module.state_dict().items():
        if name == "lm_head.weight" and module.config.tie_word_embeddings:
            continue
        if name.endswith("norm.weight"):
            mean = final_norm if name.endswith("model.norm.weight") or name == "norm.weight" else 1.6 if "self_attn" in name else 1.0
            state[name] = normal(tensor.shape, mean, 0.25)
        elif "embed_tokens" in name:
            state[name] = normal(tensor.shape, 0, 0.1)
        elif name == "lm_head.weight":
            state[name] = normal(tensor.shape, 0, 0.3)
        else:
            state[name] = normal(tensor.shape, 0, 1.3 / tensor.shape[1] ** 0.5)
    return state


def random_heads(seed):
    generator = torch.Generator().manual_seed(seed)
    heads = {}
    for prefix, categories in (("", 8), ("query_", 9)):
        heads[f"{prefix}risk_level_category_pre.weight"] = torch.randn(INNER, 64, generator=generator) / 8
        heads[f"{prefix}risk_level_category_layernorm.weight"] = 1 + 0.25 * torch.randn(INNER, generator=generator)
        heads[f"{prefix}risk_level_head.weight"] = 0.35 * torch.randn(3, INNER, generator=generator)
        heads[f"{prefix}category_head.weight"] = 0.35 * torch.randn(categories, INNER, generator=generator)
    return heads


def rounded(state, dtype):
    return {name: tensor.to(dtype) for name, tensor in state.items()}


def sequences(seed, lengths):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, BPE_SIZE + len(ADDED), (n,), generator=generator).tolist() for n in lengths]


def number(value):
    return float(f"{value:.7g}")


def rows(tensor):
    return [[number(x) for x in row] for row in tensor.tolist()]


def head_outputs(heads, hidden, eps):
    """The formulas of the model, written out: x = RMSNorm(W_pre h), softmax(W_risk x), softmax(W_category x)."""
    outputs = {}
    for group, prefix in (("response", ""), ("query", "query_")):
        x = hidden @ heads[f"{prefix}risk_level_category_pre.weight"].float().T
        x = x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps)
        x = x * heads[f"{prefix}risk_level_category_layernorm.weight"].float()
        outputs[group] = {
            "risk": torch.softmax(x @ heads[f"{prefix}risk_level_head.weight"].float().T, -1),
            "category": torch.softmax(x @ heads[f"{prefix}category_head.weight"].float().T, -1),
        }
    return outputs


def assert_sensitive(config, build, reference):
    """A wrong RoPE base, epsilon or head grouping must show: `build` computes probabilities with a changed config."""
    theta = config.rope_parameters["rope_theta"]
    changes = {"rope": {"rope_parameters": {"rope_type": "default", "rope_theta": theta * 1.1}}}
    if config.rms_norm_eps > 1e-4:
        changes["eps"] = {"rms_norm_eps": config.rms_norm_eps / 10}
    for what, change in changes.items():
        changed = Qwen3Config(**(config.to_dict() | change), attn_implementation="eager")
        difference = (build(changed) - reference).abs().max().item()
        assert difference > 1e-3, (what, difference)


def labels_config(quoted):
    def labels(names):
        return {str(i): f'"{name}"' if quoted and i == 0 and name == "Violent" else name for i, name in enumerate(names)}

    return {
        "guard_inner_size": INNER, "num_risk_level": 3, "num_category": 8, "num_query_risk_level": 3, "num_query_category": 9,
        "response_risk_level_map": labels(RISKS), "response_category_map": labels(CATEGORIES[:8]),
        "query_risk_level_map": labels(RISKS), "query_category_map": labels(CATEGORIES),
    }


def config_json(config, architecture, dtype, rope, head_dim=True):
    result = {
        "architectures": [architecture], "attention_bias": False, "attention_dropout": 0.0,
        "eos_token_id": BPE_SIZE + 2, "hidden_act": "silu", "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size, "max_position_embeddings": config.max_position_embeddings,
        "model_type": "qwen3", "num_attention_heads": config.num_attention_heads,
        "num_hidden_layers": config.num_hidden_layers, "num_key_value_heads": config.num_key_value_heads,
        "rms_norm_eps": config.rms_norm_eps, "sliding_window": None, "tie_word_embeddings": config.tie_word_embeddings,
        "torch_dtype": dtype, "use_sliding_window": False, "vocab_size": VOCAB,
    }
    theta = config.rope_parameters["rope_theta"]
    result.update({"rope_theta": theta, "rope_scaling": None} if rope == "top" else {"rope_parameters": {"rope_type": "default", "rope_theta": theta}})
    if head_dim:
        result["head_dim"] = config.head_dim
    return result


def write_json(path, value, indent=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    separators = None if indent else (",", ":")
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent, separators=separators) + "\n", encoding="utf-8")


def save_shards(directory, state, count):
    names = sorted(state)
    shards = [names[i * len(names) // count : (i + 1) * len(names) // count] for i in range(count)]
    weight_map = {}
    for i, part in enumerate(shards):
        file = f"model-{i + 1:05d}-of-{count:05d}.safetensors"
        save_file({name: state[name].contiguous() for name in part}, directory / file, metadata={"format": "pt"})
        weight_map.update({name: file for name in part})
    total = sum(t.numel() * t.element_size() for t in state.values())
    write_json(directory / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map}, 1)


def stream(name, config, dtype, seed, shards, lm_head, pairs, quoted, rope, head_dim):
    directory = FIXTURES / "checkpoints" / name
    directory.mkdir(parents=True, exist_ok=True)
    model = Qwen3Model(config).eval()
    backbone = random_weights(model, seed, 1.5)
    heads = rounded(random_heads(seed + 1), dtype)
    backbone = rounded(backbone, dtype)
    state = {f"model.{key}": value for key, value in backbone.items()} | heads
    if lm_head:
        generator = torch.Generator().manual_seed(seed + 2)
        state["lm_head.weight"] = torch.randn(VOCAB, 64, generator=generator).to(dtype)
    if shards > 1:
        save_shards(directory, state, shards)
    else:
        save_file(state, directory / "model.safetensors", metadata={"format": "pt"})
    values = config_json(config, "Qwen3ForGuardModel", str(dtype).removeprefix("torch."), rope, head_dim)
    write_json(directory / "config.json", values | labels_config(quoted), 2)
    write_tokenizer(directory, pairs, CHAT_TEMPLATE, None)

    model.load_state_dict(rounded(backbone, torch.float32))
    golden = {"sequences": [], "texts": texts()}
    spread = []
    for ids in sequences(seed + 3, [1, 20, 33, 300]):
        with torch.no_grad():
            hidden = model(torch.tensor([ids])).last_hidden_state[0]
        outputs = head_outputs(heads, hidden, config.rms_norm_eps)
        spread.append(outputs["response"]["risk"])
        golden["sequences"].append({
            "ids": ids,
            "hidden": {str(i): [number(x) for x in hidden[i].tolist()] for i in (0, len(ids) - 1)},
            "response": {kind: rows(value) for kind, value in outputs["response"].items()},
            "query": {kind: rows(value) for kind, value in outputs["query"].items()},
        })
    def risks(changed):
        other = Qwen3Model(changed).eval()
        other.load_state_dict(rounded(backbone, torch.float32))
        with torch.no_grad():
            hidden = other(torch.tensor([golden["sequences"][-1]["ids"]])).last_hidden_state[0]
        return head_outputs(heads, hidden, changed.rms_norm_eps)["response"]["risk"]

    assert_sensitive(config, risks, spread[-1])
    spread = torch.cat(spread)
    assert spread.std(0).min() > 0.15, spread.std(0)
    write_json(FIXTURES / "golden" / f"{name}.json", golden)
    print(name, "risk spread", spread.std(0).tolist())


def gen(name, config, dtype, seed, jinja):
    directory = FIXTURES / "checkpoints" / name
    directory.mkdir(parents=True, exist_ok=True)
    model = Qwen3ForCausalLM(config).eval()
    state = rounded(random_weights(model, seed, 4.0 if config.tie_word_embeddings else 1.2), dtype)
    save_file(state, directory / "model.safetensors", metadata={"format": "pt"})
    write_json(directory / "config.json", config_json(config, "Qwen3ForCausalLM", str(dtype).removeprefix("torch."), "top"), 2)
    write_json(directory / "generation_config.json", {"eos_token_id": [BPE_SIZE + 2, BPE_SIZE], "pad_token_id": BPE_SIZE}, 2)
    write_tokenizer(directory, True, "{{ 'not this one' }}" if jinja else GEN_TEMPLATE, GEN_TEMPLATE if jinja else None)

    loaded = rounded(state, torch.float32)
    if config.tie_word_embeddings:
        loaded["lm_head.weight"] = loaded["model.embed_tokens.weight"]
    model.load_state_dict(loaded)
    named = [0, 7, 100, 319, BPE_SIZE - 1, BPE_SIZE + 2, VOCAB - 1]
    golden = {"named": named, "leastLead": LEAST_LEAD, "texts": texts(), "prompts": []}
    attempt = 0
    for length in (5, 40, 280):
        while True:  # until every greedy step is decided clearly
            attempt += 1
            ids = sequences(seed + 10 * attempt, [length])[0]
            text, lead, logprobs = greedy(model, ids, 24, named)
            if lead >= LEAST_LEAD and len(set(text)) > 4:
                break
        golden["prompts"].append({"ids": ids, "greedy": text, "lead": number(lead), "logProbs": rows(logprobs)})
    def named_logprobs(changed):
        other = Qwen3ForCausalLM(changed).eval()
        other.load_state_dict(loaded)
        with torch.no_grad():
            return torch.log_softmax(other(torch.tensor([golden["prompts"][-1]["ids"]])).logits[0], -1)[:, named]

    assert_sensitive(config, named_logprobs, logprobs)
    write_json(FIXTURES / "golden" / f"{name}.json", golden)
    print(name, "leads", [p["lead"] for p in golden["prompts"]], "attempts", attempt)


def greedy(model, prompt, steps, named):
    """→ ids, the smallest lead of the best logit, log-probabilities of `named` at every prompt position."""
    ids, lead, logprobs = list(prompt), float("inf"), None
    with torch.no_grad():
        for _ in range(steps):
            logits = model(torch.tensor([ids])).logits[0]
            if logprobs is None:
                logprobs = torch.log_softmax(logits, -1)[:, named]
            best = torch.topk(logits[-1], 2)
            lead = min(lead, (best.values[0] - best.values[1]).item())
            ids.append(best.indices[0].item())
    return ids[len(prompt):], lead, logprobs


def texts():
    """Ids of content, in which no added token is special."""
    plain = tokenizer_json(pairs=True)
    plain["added_tokens"] = []
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(json.dumps(plain))
    return [{"text": text, "ids": tokenizer.encode(text).ids} for text in TEXTS]


def readable():
    for path in (FIXTURES / "checkpoints").rglob("*.safetensors"):
        path.chmod(0o644)  # safetensors writes for the owner only


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    assert PAD == BPE_SIZE
    stream("stream-f32-tied", config_of(4, 2, 1e6, 1e-3, True), torch.float32, 11, 1, False, True, True, "top", True)
    stream("stream-bf16-sharded", config_of(2, 1, 1e4, 1e-6, False), torch.bfloat16, 21, 2, True, False, False, "parameters", False)
    gen("gen-f32-tied", config_of(4, 2, 1e6, 1e-3, True), torch.float32, 31, True)
    gen("gen-f16-untied", config_of(4, 1, 1e6, 1e-6, False), torch.float16, 41, False)
    readable()


if __name__ == "__main__":
    main()
