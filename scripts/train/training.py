"""What both training scripts share: batches of similar length, the schedule, the loop's progress."""
import math
import time

import torch


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


class Schedule:
    """AdamW with warm-up and cosine decay over a number of tokens' worth of steps, within a time budget."""

    def __init__(self, modules, rate, minutes):
        named = [(name, p) for module in modules for name, p in module.named_parameters()]
        self.optimizer = torch.optim.AdamW([{"params": [p for _, p in named if p.ndim > 1], "weight_decay": 0.05},
                                            {"params": [p for _, p in named if p.ndim == 1], "weight_decay": 0.0}], lr=rate, betas=(0.9, 0.98), fused=True)
        self.parameters = [p for _, p in named]
        self.rate, self.seconds, self.start, self.steps = rate, minutes * 60, time.time(), 0

    def done(self, at):
        """Share of the work done: by time where the budget is shorter than the epochs."""
        return max(at, (time.time() - self.start) / self.seconds)

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
