# Qwen3-0.6B's shape with random weights in transformers, on the CPU: milliseconds a token of a reply costs with a KV
# cache, and by running the whole sequence again for each token. Arguments: THREADS ROUNDS POSITIONS...
import json, statistics, sys, time
import torch
from transformers import DynamicCache, Qwen3Config, Qwen3Model

threads, rounds, *positions = map(int, sys.argv[1:])
torch.set_num_threads(threads)
torch.manual_seed(0)
config = Qwen3Config(
    vocab_size=151936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28, num_attention_heads=16,
    num_key_value_heads=8, head_dim=128, max_position_embeddings=8192, rope_theta=1e6,
)  # fmt: skip
model = Qwen3Model(config).eval()
# The guard heads: per group a matrix, a norm and two small matrices.
heads = [torch.nn.Sequential(torch.nn.Linear(1024, 512, bias=False), torch.nn.RMSNorm(512), torch.nn.Linear(512, n))
         for n in (11, 12)]  # fmt: skip


def timed(work, count):
    times = []
    for _ in range(count):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


with torch.inference_mode():
    for count in positions:
        ids = torch.randint(1000, 5000, (1, count))
        cache = DynamicCache(config=config)
        for part in ids.split(512, dim=1):
            model(input_ids=part, past_key_values=cache)

        def step():
            out = model(input_ids=ids[:, :1], past_key_values=cache).last_hidden_state
            [head(out) for head in heads]
            cache.crop(-1)

        def again():
            out = model(input_ids=ids, use_cache=False).last_hidden_state[:, -1:]
            [head(out) for head in heads]

        step()
        kv = timed(step, 6 * rounds)
        whole = timed(again, 1 if count > 64 else rounds)
        print(json.dumps({"positions": count, "kv": kv, "again": whole}), flush=True)
