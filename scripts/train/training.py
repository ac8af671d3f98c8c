"""What both training scripts share: batches of similar length, the schedule, the loop's progress."""
import argparse
import json
import math
import random
import time
from pathlib import Path

import torch

from model import compile_parts


def batches(rng, items, tokens, length):
    """Lists of items of similar length, at most `tokens` with padding, in random order."""
    order = sorted(items, key=lambda item: length(item) + rng.random() * 4)
    out, batch = [], []
    for item in order:
        if batch and (len(batch) + 1) * length(item) > tokens:
            out.append(batch)
            batch = []
        batch.append(item)
    out.append(batch)
    rng.shuffle(out)
    return out


def pad(rows, fill=0):
    width = max(map(len, rows))
    return torch.tensor([row + [fill] * (width - len(row)) for row in rows])


class Mean:
    """A running mean of the weights, which is what is exported: its span grows with the training, up to `steps` steps."""

    def __init__(self, modules, steps=400):
        self.live = [p for module in modules for p in module.parameters()]
        self.mean, self.most, self.count = [p.detach().clone() for p in self.live], steps, 0

    @torch.no_grad()
    def add(self):
        self.count += 1
        torch._foreach_lerp_(self.mean, [p.detach() for p in self.live], 1 / min(self.most, 1 + self.count / 5))

    @torch.no_grad()
    def exchange(self):
        """The mean in the modules and the live weights here; a second call puts them back."""
        for live, mean in zip(self.live, self.mean):
            kept = live.detach().clone()
            live.copy_(mean)
            mean.copy_(kept)


class Schedule:
    """AdamW with warm-up and cosine decay over a number of tokens' worth of steps, within a budget of this process's CPU time: beside other work it takes longer, not less."""

    def __init__(self, modules, rate, minutes, decay):
        named = [(name, p) for module in modules for name, p in module.named_parameters()]
        self.optimizer = torch.optim.AdamW([{"params": [p for _, p in named if p.ndim > 1], "weight_decay": decay},
                                            {"params": [p for _, p in named if p.ndim == 1], "weight_decay": 0.0}], lr=rate, betas=(0.9, 0.98), fused=True)
        self.parameters = [p for _, p in named]
        self.rate, self.seconds, self.steps = rate, minutes * 60 * torch.get_num_threads(), 0
        self.start, self.start_cpu = time.time(), time.process_time()

    def done(self, at):
        """Share of the work done: by time where the budget is shorter than the epochs."""
        return max(at, (time.process_time() - self.start_cpu) / self.seconds)

    def step(self, loss, at):
        share = min(1.0, self.done(at))
        rate = self.rate * min(1.0, (self.steps + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.steps += 1
        return share


def arguments(about, minutes, rate, seed):
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--data", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--words", required=True, help="folder of the packages of words.py")
    parser.add_argument("--out", required=True)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--minutes", type=float, default=minutes, help="stop after so much CPU time a thread; the schedule adapts")
    parser.add_argument("--rate", type=float, default=rate)
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--everyday", type=float, default=1, help="how many of the short everyday texts, against the usual number")
    parser.add_argument("--dropout", type=float, default=0.03)
    parser.add_argument("--decay", type=float, default=0.02, help="weight decay")
    parser.add_argument("--tokens", type=int, default=4096, help="in a batch")
    parser.add_argument("--compile", action="store_true", help="with torch.compile: a quarter faster, needs a C++ compiler")
    return parser


def prepare(parser):
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    if options.compile:
        compile_parts()
    return options


def same_tokenizer(tokenizer, folder):
    """Weights go with their tokens: with another vocabulary a trained guard reads noise, and nothing but the loss tells."""
    vocabulary = lambda path: json.loads(Path(path).read_text())["model"]["vocab"]
    if vocabulary(tokenizer) != vocabulary(Path(folder) / "tokenizer.json"):
        raise SystemExit(f"{folder} was trained with another tokenizer than {tokenizer}")


def chunks(items, size):
    part = []
    for item in items:
        part.append(item)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def run(options, rng, modules, items, loss_of, length, save, kind=lambda item: 0):
    """Epochs of freshly drawn items, until the work or the time is over; saves now and then."""
    print("weights", sum(p.numel() for module in modules for p in module.parameters()), flush=True)
    schedule, weights = Schedule(modules, options.rate, options.minutes, options.decay), Mean(modules)
    share, mean, tokens, saved = 0.0, None, 0, time.time()

    def export():
        weights.exchange()
        save()
        weights.exchange()

    epoch, size = 0, 12_000
    while share < 1:
        # in parts, so that training starts at once; an epoch has about `expected` items
        expected = getattr(options, "expected", 50_000)
        seen = 0
        for part in chunks(items(), size):
            kinds = [[item for item in part if kind(item) == one] for one in sorted({kind(item) for item in part})]
            todo = [batch for same in kinds for batch in batches(rng, same, options.tokens, length)]
            random.Random(epoch).shuffle(todo)
            for batch in todo:
                if share >= 1:
                    break
                loss = loss_of(batch)
                seen += len(batch)
                share = schedule.step(loss, (epoch + min(1, seen / expected)) / options.epochs)
                weights.add()
                tokens += sum(map(length, batch))
                mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
                if schedule.steps % 50 == 0:
                    spent = time.time() - schedule.start
                    print(f"{spent:6.0f} s ({time.process_time():.0f} s CPU)  step {schedule.steps:5d}  epoch {epoch + seen / expected:.2f}  {share:4.0%}  loss {mean:.3f}  {tokens / spent:.0f} tokens/s", flush=True)
                if time.time() - saved > 300:
                    export()
                    saved = time.time()
            if share >= 1:
                break
        options.expected, epoch = max(seen, 1), epoch + 1
    export()
    print(f"trained in {(time.time() - schedule.start) / 60:.1f} min → {options.out}")
