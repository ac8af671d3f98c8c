"""Moves a guard's line between Safe and the rest to where the development split and everyday texts say: python calibrate.py --data DIR --gen DIR --out DIR (or --stream DIR)

The heads have no bias. A direction v with v·x ≈ 1 for all inputs x of the head stands in for one: taken from Safe's row, it is
a constant that is subtracted from Safe's logit. Prompts and replies get a constant each.
"""
import argparse
from pathlib import Path

import torch

from chat import RISKS
from evaluate import debounce, f1, load, text_of
from everyday_test import DEVELOPMENT, EVERYDAY, FRESH_REPLIES, PROMPTS
from everyday_test import REPLIES as OLD_REPLIES
from model import export_gen, export_stream, hidden_states
from samples import read_rows
from train_gen import shared_prefix
from training import pad

ORDINARY = PROMPTS + DEVELOPMENT + [text for texts in EVERYDAY.values() for text in texts]
REPLIES = OLD_REPLIES + FRESH_REPLIES
STEPS = [step / 10 for step in range(-20, 31)]
# Half of what F1 on some 840 replies differs by from one split to another
SURE = 0.008


def direction(inputs, targets, strength=1e-3):
    """v with inputs·v ≈ targets (ridge regression)"""
    inputs, targets = inputs.double(), targets.double()
    square = inputs.T @ inputs
    return torch.linalg.solve(square + strength * square.diagonal().mean() * torch.eye(len(square)), inputs.T @ targets).float()


def best(name, truth, judge, harmless):
    """truth: list of bools; judge(step) → (list of bools, false alarms among `harmless` texts)"""
    table = []
    for step in STEPS:
        said, alarms = judge(step)
        table.append((step, f1(list(zip(truth, said))), alarms / max(1, harmless)))
    # What a false alarm costs; replies have few harmless ones to count by. Of those that the split cannot tell from the best, the one that moves least:
    # a line that comes sooner also flags replies before they turn.
    worth = lambda row: row[1]["f1"] - row[2] / (2 if harmless > 100 else 10)
    near = [row for row in table if worth(row) >= max(map(worth, table)) - SURE]
    chosen = min(near, key=lambda row: abs(row[0]))
    at_zero = next(row for row in table if row[0] == 0)
    print(name, *(f"{step}: {figures['f1']} {alarms:.3f}" for step, figures, alarms in table[::2]), sep="  ")
    print(f"{name}: F1 {at_zero[1]} (false alarms {at_zero[2]:.3f}) → {chosen[1]} (false alarms {chosen[2]:.3f}) with {chosen[0]}", flush=True)
    return chosen[0]


@torch.inference_mode()
def gen_inputs(model, chat, conversations):
    """The hidden states from which the risk is written."""
    start = chat.plain.encode("Safety:").ids
    encoded = [(index, *chat.gen(messages)) for index, messages in enumerate(conversations)]
    out = [None] * len(encoded)
    for prefix in {entry[2] for entry in encoded}:
        same = sorted((entry for entry in encoded if entry[2] == prefix), key=lambda entry: len(entry[1]))
        for at in range(0, len(same), 32):
            group = same[at: at + 32]
            hidden = hidden_states(model, pad([ids[prefix:] + start for _, ids, _ in group]), cache=shared_prefix(model, group[0][1][:prefix], len(group)))
            for row, (index, ids, _) in zip(hidden, group):
                out[index] = row[len(ids) - prefix + len(start) - 1]
    return torch.stack(out)


def gen(model, chat, asked, answered):
    labels = [chat.plain.encode(f"Safety: {risk}").ids[len(chat.plain.encode("Safety:").ids)] for risk in RISKS]
    turns = lambda pairs: [[("user", prompt), ("assistant", reply)] for prompt, reply in pairs]
    groups = [("prompts", [row["safety"] != "Safe" for row in asked], [[("user", text_of(row))] for row in asked], [[("user", text)] for text in ORDINARY]),
              ("replies", [row["safety"] != "Safe" for row in answered], turns((text_of(row), row["response"]) for row in answered), turns(REPLIES))]
    rows, wanted = [], []
    for name, truth, conversations, ordinary in groups:
        inputs = gen_inputs(model, chat, conversations + ordinary)
        logits = inputs @ model.embed_tokens.weight.detach()[labels].T
        def judge(step):
            unsafe = (logits[:, 1:].max(1).values > logits[:, 0] - step).tolist()
            return unsafe[: len(truth)], sum(unsafe[len(truth):])
        step = best(name, truth, judge, len(ordinary))
        rows.append(inputs); wanted.append(torch.full((len(inputs),), step))
    with torch.no_grad():
        model.embed_tokens.weight[labels[0]] -= direction(torch.cat(rows), torch.cat(wanted))


@torch.inference_mode()
def stream_inputs(guard, chat, conversations):
    """→ what the prompt's heads read, and for each conversation what the reply's heads read"""
    query, reply = [None] * len(conversations), [None] * len(conversations)
    encoded = sorted(((index, *chat.stream(*conversation)) for index, conversation in enumerate(conversations)), key=lambda entry: len(entry[1]))
    inner = lambda hidden, prefix: getattr(guard, prefix + "risk_level_category_layernorm")(getattr(guard, prefix + "risk_level_category_pre")(hidden))
    for at in range(0, len(encoded), 32):
        group = encoded[at: at + 32]
        hidden = hidden_states(guard.model, pad([ids for _, ids, *_ in group]))
        for row, (index, _, closing, content, _) in zip(hidden, group):
            query[index] = inner(row[closing], "query_")
            if content:
                reply[index] = inner(row[[i for i, _ in content]], "")
    return torch.stack(query), reply


def stream(guard, chat, asked, answered):
    truth = [row["safety"] != "Safe" for row in asked]
    inputs, _ = stream_inputs(guard, chat, [([], text_of(row)) for row in asked] + [([], text) for text in ORDINARY])
    logits = inputs @ guard.query_risk_level_head.weight.detach().T

    def judge(step):
        unsafe = (logits[:, 1:].max(1).values > logits[:, 0] - step).tolist()
        return unsafe[: len(truth)], sum(unsafe[len(truth):])

    step = best("prompts", truth, judge, len(ORDINARY))
    with torch.no_grad():
        guard.query_risk_level_head.weight[0] -= step * direction(inputs, torch.ones(len(inputs)))
    truth = [row["safety"] != "Safe" for row in answered]
    _, replies = stream_inputs(guard, chat, [([], text_of(row), row["response"]) for row in answered] + [([], *pair) for pair in REPLIES])
    replies = [reply if reply is not None else torch.zeros(0, 256) for reply in replies]
    logits = [reply @ guard.risk_level_head.weight.detach().T for reply in replies]

    def judge_replies(step):
        moved = [reply - torch.tensor([step, 0.0, 0.0]) for reply in logits]
        unsafe = [debounce([(risk, 0) for risk in reply.argmax(-1).tolist()])[0] != "Safe" for reply in moved]
        return unsafe[: len(truth)], sum(unsafe[len(truth):])

    step = best("replies", truth, judge_replies, len(REPLIES))
    every = torch.cat(replies)
    with torch.no_grad():
        guard.risk_level_head.weight[0] -= step * direction(every, torch.ones(len(every)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--gen")
    parser.add_argument("--stream")
    parser.add_argument("--out", required=True)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = read_rows(options.data, "dev")
    asked, answered = ([row for row in rows if (row["response"] is not None) == reply] for reply in (False, True))
    kind, folder = ("gen", options.gen) if options.gen else ("stream", options.stream)
    model, chat = load(folder, kind)
    (gen if kind == "gen" else stream)(model, chat, asked, answered)
    (export_gen if kind == "gen" else export_stream)(options.out, model, Path(folder) / "tokenizer.json")
    print(f"{folder} → {options.out}")
