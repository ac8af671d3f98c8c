# Qwen3-0.6B's shape with random weights in transformers, in bf16 on the CPU. Argument: THREADS. Each line of stdin is
# {"tokens": N, "steps": K}: the milliseconds of a prefill of N tokens, the last one's logits included, and of a step of one
# token after it (median of K) come back as a line.
import json, resource, statistics, sys, time
import torch
from transformers import DynamicCache, Qwen3Config, Qwen3ForCausalLM

torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(0)
config = Qwen3Config(
    vocab_size=151936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=28, num_attention_heads=16,
    num_key_value_heads=8, head_dim=128, max_position_embeddings=8192, rope_theta=1e6, tie_word_embeddings=True,
)  # fmt: skip
torch.set_default_dtype(torch.bfloat16)
model = Qwen3ForCausalLM(config).eval()


def timed(ids, cache):
    started = time.perf_counter()
    model(input_ids=ids, past_key_values=cache, logits_to_keep=1)
    return 1000 * (time.perf_counter() - started)


with torch.inference_mode():
    timed(torch.randint(1000, 5000, (1, 64)), DynamicCache(config=config))
    print(json.dumps({"ready": torch.__version__}), flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        ids = torch.randint(1000, 5000, (1, job["tokens"]))
        cache = DynamicCache(config=config)
        prefill = timed(ids, cache)
        steps = [timed(ids[:, :1], cache) for _ in range(job["steps"])]
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answer = {"prefill": prefill, "step": statistics.median(steps) if steps else None, "peak": peak}
        print(json.dumps(answer), flush=True)
