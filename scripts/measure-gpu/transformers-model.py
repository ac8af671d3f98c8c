# A Qwen3 model of random weights in transformers, with Stream's heads, on the card the guard was measured on. Argument: a
# JSON object {shape, device, counts, positions, attention, bandwidth, gen}. Prints a JSON object a line:
#   bandwidth  bytes a second of a copy on the card, reading and writing counted
#   direct     k tokens with a KV cache that holds so many positions, and the heads' labels on the host
#   official   what the official stream_moderate_from_ids does for a token: the whole sequence again, without a cache,
#              and the labels of every position
#   gen        a prompt's prefill and ten greedy tokens, as generate() makes them
# Times are milliseconds, each to a synchronised device.
import json, sys, time

try:
    import torch
    import transformers
    from transformers import DynamicCache, Qwen3Config, Qwen3ForCausalLM
except ImportError as error:
    print(f"no torch and transformers ({error})", file=sys.stderr)
    sys.exit(3)

ask = json.loads(sys.argv[1])
shape, device, counts = ask["shape"], ask["device"], ask["counts"]
if device == "cuda" and not torch.cuda.is_available():
    print(f"torch {torch.__version__} finds no CUDA device", file=sys.stderr)
    sys.exit(3)
WARM_UP = 3
GEN_PROMPT, GEN_TOKENS = 340, 10
on_card = device == "cuda"


def say(**row):
    print(json.dumps(row), flush=True)


def wait():
    if on_card:
        torch.cuda.synchronize()


def timed(work, count):
    times = []
    for i in range(-WARM_UP, count):
        wait()
        started = time.perf_counter()
        work()
        wait()
        if i >= 0:
            times.append(1000 * (time.perf_counter() - started))
    times.sort()
    return {"n": count, "p50": times[len(times) // 2], "p99": times[min(len(times) - 1, int(len(times) * 0.99))]}


def bandwidth():
    source = torch.empty(2**30, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    best = timed(lambda: target.copy_(source), 20)["p50"]
    say(kind="bandwidth", bytesPerSecond=2 * 4 * source.numel() / (best / 1000))
    del source, target
    torch.cuda.empty_cache()


config = Qwen3Config(
    vocab_size=shape["vocab"], hidden_size=shape["embedding"], intermediate_size=shape["feedForward"],
    num_hidden_layers=shape["blocks"], num_attention_heads=shape["heads"], num_key_value_heads=shape["headsKv"],
    head_dim=shape["headSize"], max_position_embeddings=8192, rope_theta=1e6, tie_word_embeddings=True,
)  # fmt: skip
config._attn_implementation = ask["attention"]
torch.manual_seed(0)
torch.set_default_dtype(torch.bfloat16)
say(kind="versions", torch=torch.__version__, transformers=transformers.__version__, attention=ask["attention"],
    card=torch.cuda.get_device_name() if on_card else "CPU")  # fmt: skip

with torch.inference_mode(), torch.device(device):
    if on_card and ask["bandwidth"]:
        bandwidth()
    lm = Qwen3ForCausalLM(config).eval().to(device)
    backbone = lm.model

    def group(*widths):
        pre = torch.nn.Linear(shape["embedding"], shape["inner"], bias=False)
        norm = torch.nn.RMSNorm(shape["inner"])
        return pre, norm, [torch.nn.Linear(shape["inner"], width, bias=False) for width in widths]

    groups = [group(3, 8), group(3, 9)]

    def labels(hidden):
        """The likeliest class of every head at every position, and its probability, on the host."""
        for pre, norm, heads in groups:
            inner = norm(pre(hidden))
            for head in heads:
                best = torch.softmax(head(inner).float(), dim=-1).max(dim=-1)
                best.indices.tolist(), best.values.tolist()

    for positions in ask["positions"]:
        ids = torch.randint(300, 9000, (1, positions))
        more = torch.randint(300, 9000, (1, 16))
        cache = DynamicCache(config=config)
        for part in ids.split(2048, dim=1):
            backbone(input_ids=part, past_key_values=cache)
        for k in (1, 16):

            def direct():
                labels(backbone(input_ids=more[:, :k], past_key_values=cache).last_hidden_state)
                cache.crop(positions)

            say(kind="direct", positions=positions, k=k, **timed(direct, counts["direct"]))
        del cache
        say(kind="official", positions=positions, k=1, **timed(
            lambda: labels(backbone(input_ids=ids, use_cache=False).last_hidden_state), counts["official"]))  # fmt: skip

    if ask["gen"]:
        prompt = torch.randint(300, 9000, (1, GEN_PROMPT))
        mask = torch.ones_like(prompt)
        greedy = {"do_sample": False, "max_new_tokens": GEN_TOKENS, "min_new_tokens": GEN_TOKENS, "pad_token_id": 0}
        say(kind="gen", prompt=GEN_PROMPT, tokens=GEN_TOKENS, **timed(
            lambda: lm.generate(prompt, attention_mask=mask, **greedy).tolist(), counts["gen"]))  # fmt: skip
