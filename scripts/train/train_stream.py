"""Trains the Stream demonstration guard: python train_stream.py --data DIR --tokenizer FILE --out DIR"""
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from chat import CATEGORIES, RISKS, Chat
from model import Guard, export_stream, training_states
from samples import Pools, build, read_rows
from training import arguments, pad, prepare, run, same_tokenizer
from words import all_words

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
    targets, inside = [], sum(1 for _, end in content if sample.onset < end <= (sample.clear or 0))
    since = 0
    for i, end in content:
        if end <= sample.onset:
            targets.append((i, 0, -1, 1.3))
        else:  # a few words are needed to see what it is, but no more than the first harmful clause
            since += 1
            targets.append((i, risk, category, min(1.0, max(since / 7, (since / inside) ** 2 if inside else 1.0))))
    return targets


def losses(guard, batch, dropout):
    hidden = training_states(guard.model, pad([ids for ids, _, _ in batch]), dropout)
    total = hidden.new_zeros(())
    query = [(b, *target) for b, (_, target, _) in enumerate(batch) if target]
    if query:
        rows, at, risk, category = map(torch.tensor, zip(*query))
        total = total + head_loss(*guard.heads(hidden[rows, at].float(), "query_"), risk, category, torch.ones(len(rows)))
    reply = [(b, *target) for b, (_, _, targets) in enumerate(batch) for target in targets]
    if reply:
        rows, at, risk, category, weight = map(torch.tensor, zip(*reply))
        total = total + head_loss(*guard.heads(hidden[rows, at].float()), risk, category, weight)
    return total / len(batch)


def head_loss(risk_logits, category_logits, risk, category, weight):
    loss = (F.cross_entropy(risk_logits, risk, reduction="none", label_smoothing=0.02) * weight).sum()
    known = category >= 0
    if known.any():
        loss = loss + 0.7 * (F.cross_entropy(category_logits[known], category[known], reduction="none") * weight[known]).sum()
    return loss


def main():
    parser = arguments(__doc__, minutes=18, rate=1.5e-3, seed=1)
    parser.add_argument("--start", nargs="*", default=[], help="trained guards to go on from; a later one's tensors replace an earlier one's")
    options = prepare(parser)
    rng = random.Random(options.seed)
    chat, rows = Chat(options.tokenizer), read_rows(options.data, "train")
    words = all_words(options.words)
    pools, guard = Pools(rows), Guard()
    for folder in options.start:
        same_tokenizer(options.tokenizer, folder)
        state = load_file(Path(folder) / "model.safetensors")
        guard.load_state_dict({name: value.float() for name, value in state.items()}, strict=False)
    def items():
        for sample in build(rng, rows, pools, words, options.everyday):
            item = encode(chat, sample, rng.random() < 0.4)
            if len(item[0]) <= LONGEST and (item[1] or item[2]):
                yield item

    run(options, rng, [guard], items, lambda batch: losses(guard, batch, options.dropout), lambda item: len(item[0]), lambda: export_stream(options.out, guard, options.tokenizer))


if __name__ == "__main__":
    main()
