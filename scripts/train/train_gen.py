"""Trains the Gen demonstration guard: python train_gen.py --data DIR --tokenizer FILE --start STREAM_DIR --out DIR

`--start` takes the backbone of a trained Stream guard, which already reads the same texts; without it training starts from nothing.
"""
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from transformers import DynamicCache

from chat import Chat, answer_text
from model import FAST, backbone, export_gen, hidden_states, training_states
from samples import Pools, build, read_rows
from training import arguments, pad, prepare, run, same_tokenizer
from words import all_words

LONGEST = 420


def answer(sample, response):
    """→ text, and whether it is complete: what the data does not say is left out, not invented."""
    label = sample.verdict if response else sample.query
    if label.categories is None:
        return f"Safety: {label.risk}\nCategories:", False
    if response and sample.refusal is None:
        return answer_text(label.risk, label.categories) + "\nRefusal:", False
    return answer_text(label.risk, label.categories, sample.refusal if response else None), True


def encode(chat, sample, response, noise):
    """→ ids, length of the constant prefix, [(position, next id, weight)]"""
    messages = sample.history + [("user", sample.prompt)] + ([("assistant", sample.reply)] if response else [])
    ids, prefix = chat.gen(messages, noise)
    text, complete = answer(sample, response)
    encoded = chat.plain.encode(text)
    second, third = text.index("\n"), text.rfind("\nRefusal:")
    targets = []
    for token, (start, _) in zip(encoded.ids, encoded.offsets):
        if start < second:
            weight = 1.0 if start >= 7 else 0.1       # after "Safety:"
        elif third > 0 and start > third:
            weight = 0.6 if start >= third + 9 else 0.05  # after "\nRefusal:"
        else:
            weight = 0.4 if start >= second + 12 else 0.05  # after "\nCategories:"
        targets.append((len(ids) - 1, token, weight))
        ids.append(token)
    if complete:
        targets.append((len(ids) - 1, chat.special["<|im_end|>"], 0.2))
    return ids, prefix, targets


def shared_prefix(model, prefix, count):
    """The keys and values of the constant text, computed once for the whole batch."""
    cache = DynamicCache()
    hidden_states(model, torch.tensor([prefix]), cache=cache)
    for layer in cache.layers:
        layer.keys, layer.values = layer.keys.expand(count, -1, -1, -1), layer.values.expand(count, -1, -1, -1)
    return cache


def losses(model, batch, dropout):
    prefix = batch[0][1]
    _, past = training_states(model, torch.tensor([batch[0][0][:prefix]]), keep=True)
    hidden = training_states(model, pad([ids[prefix:] for ids, _, _ in batch]), dropout, past)
    rows, at, following, weight = map(torch.tensor, zip(*[(b, at - prefix, token, w) for b, (_, _, targets) in enumerate(batch) for at, token, w in targets]))
    logits = hidden[rows, at].to(FAST) @ model.embed_tokens.weight.to(FAST).T
    return (F.cross_entropy(logits.float(), following, reduction="none") * weight).sum() / len(batch)


def draw(rng, chat, samples):
    for sample in samples:
        both = sample.verdict and sample.query
        response = bool(sample.verdict) and (not both or rng.random() < 0.5)
        if response or sample.query:
            ids, prefix, targets = encode(chat, sample, response, rng.random() < 0.4)
            if len(ids) <= LONGEST:
                yield ids, prefix, targets


def main():
    parser = arguments(__doc__, minutes=14, rate=1.0e-3, seed=2)
    parser.add_argument("--start")
    options = prepare(parser)
    rng = random.Random(options.seed)
    chat, rows = Chat(options.tokenizer), read_rows(options.data, "train")
    words = all_words(options.words)
    pools, model = Pools(rows), backbone()
    if options.start:
        same_tokenizer(options.tokenizer, options.start)
        state = load_file(Path(options.start) / "model.safetensors")
        model.load_state_dict({name.removeprefix("model."): value.float() for name, value in state.items() if name.startswith("model.")})
    else:
        torch.nn.init.normal_(model.embed_tokens.weight, std=0.02)
    run(options, rng, [model], lambda: draw(rng, chat, build(rng, rows, pools, words, options.everyday)), lambda batch: losses(model, batch, options.dropout), lambda item: len(item[0]) - item[1],
        lambda: export_gen(options.out, model, options.tokenizer), kind=lambda item: item[1])


if __name__ == "__main__":
    main()
