"""Trains the Stream demonstration guard: python train_stream.py --data DIR --tokenizer FILE --out DIR"""
import argparse
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from chat import CATEGORIES, RISKS, Chat
from model import Guard, export_stream, hidden_states
from samples import Pools, build, read_rows
from training import Schedule, batches, pad

LONGEST = 420  # tokens; longer conversations are left out of training


def encode(chat, sample, noise):
    """→ ids, query target (position, risk, category), [(position, risk, category, weight)] of the reply. -1: not known."""
    ids, closing, content, thinking = chat.stream(sample.history, sample.prompt, sample.reply, sample.reasoning, noise)
    query = (closing, RISKS.index(sample.query.risk), one_category(sample.query)) if sample.query else None
    targets = []
    if sample.verdict and content:
        targets = [(i, 0, -1, 0.5) for i in thinking] + reply_targets(sample, content)
        total, size = sum(t[3] for t in targets), min(2.5, 0.8 + len(targets) / 40)
        targets = [(i, risk, category, weight / total * size) for i, risk, category, weight in targets]
    return ids, query, targets


def one_category(label):
    return CATEGORIES.index(label.categories[0]) if label.categories and len(label.categories) == 1 else -1


def reply_targets(sample, content):
    risk, category, count = RISKS.index(sample.verdict.risk), one_category(sample.verdict), len(content)
    if risk == 0:
        return [(i, 0, -1, 1.0) for i, _ in content]
    if sample.onset is None:  # somewhere in the reply: the later, the surer
        return [(i, risk, category, ((k + 1) / count) ** 2) for k, (i, _) in enumerate(content)]
    targets, since = [], 0
    for i, end in content:
        if end <= sample.onset:
            targets.append((i, 0, -1, 1.3))
        else:  # a few words are needed to see what it is
            since += 1
            targets.append((i, risk, category, min(1.0, since / 7)))
    return targets


def losses(guard, batch, dropout):
    hidden = hidden_states(guard.model, pad([ids for ids, _, _ in batch]), dropout)
    total = hidden.new_zeros(())
    query = [(b, *target) for b, (_, target, _) in enumerate(batch) if target]
    if query:
        rows, at, risk, category = map(torch.tensor, zip(*query))
        total = total + head_loss(*guard.heads(hidden[rows, at], "query_"), risk, category, torch.ones(len(rows)))
    reply = [(b, *target) for b, (_, _, targets) in enumerate(batch) for target in targets]
    if reply:
        rows, at, risk, category, weight = map(torch.tensor, zip(*reply))
        total = total + head_loss(*guard.heads(hidden[rows, at]), risk, category, weight)
    return total / len(batch)


def head_loss(risk_logits, category_logits, risk, category, weight):
    loss = (F.cross_entropy(risk_logits, risk, reduction="none", label_smoothing=0.02) * weight).sum()
    known = category >= 0
    if known.any():
        loss = loss + 0.5 * (F.cross_entropy(category_logits[known], category[known], reduction="none") * weight[known]).sum()
    return loss


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--start", nargs="*", default=[], help="trained guards to go on from; a later one's tensors replace an earlier one's")
    parser.add_argument("--out", required=True)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=18, help="stop after this long; the schedule adapts")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rng = random.Random(options.seed)
    chat, rows = Chat(options.tokenizer), read_rows(options.data, "train")
    pools, guard = Pools(rows), Guard()
    for folder in options.start:
        state = load_file(Path(folder) / "model.safetensors")
        guard.load_state_dict({name: value.float() for name, value in state.items()}, strict=False)
    print("weights", sum(p.numel() for p in guard.parameters()), flush=True)
    schedule, share, mean = Schedule([guard], options.rate, options.minutes), 0.0, None
    for epoch in range(options.epochs):
        items = [encode(chat, sample, rng.random() < 0.4) for sample in build(rng, rows, pools)]
        items = [item for item in items if len(item[0]) <= LONGEST and (item[1] or item[2])]
        todo = batches(rng, items, 2560, lambda item: len(item[0]))
        print("epoch", epoch, "conversations", len(items), "tokens", sum(len(item[0]) for item in items), "batches", len(todo), flush=True)
        for step, batch in enumerate(todo):
            if share >= 1:
                break
            loss = losses(guard, batch, 0.1)
            share = schedule.step(loss, (epoch + step / len(todo)) / options.epochs)
            mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
            if step % 50 == 0:
                print(f"{time.time() - schedule.start:6.0f} s  step {schedule.steps:5d}  {share:4.0%}  loss {mean:.3f}", flush=True)
    export_stream(options.out, guard, options.tokenizer)
    print(f"trained in {(time.time() - schedule.start) / 60:.1f} min → {options.out}")


if __name__ == "__main__":
    main()
