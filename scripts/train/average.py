"""The mean of neighbouring checkpoints of one training: python average.py --stream DIR DIR … --out DIR (or --gen)"""
import argparse
from pathlib import Path

import torch

from evaluate import load
from model import export_gen, export_stream

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gen", nargs="+")
    parser.add_argument("--stream", nargs="+")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    kind, folders = ("gen", options.gen) if options.gen else ("stream", options.stream)
    models = [load(folder, kind)[0] for folder in folders]
    states = [model.state_dict() for model in models]
    models[0].load_state_dict({name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]})
    (export_gen if kind == "gen" else export_stream)(options.out, models[0], Path(folders[0]) / "tokenizer.json")
    print(f"{' + '.join(folders)} → {options.out}")
