"""Trains, calibrates, measures and converts both demonstration models: python all.py --data DIR --work DIR

Goes on from the published models (`--from`, default ../../models) or, with `--from nothing`, starts with a new tokenizer and no weights.
Every step leaves a folder in the work directory; a step whose folder is there is not repeated, so that a run that was stopped goes on.
"""
import argparse
import os
import subprocess
import sys
from pathlib import Path

from words import PACKAGES

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent


def start(script, *arguments):
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    print("$", *command, flush=True)
    return subprocess.Popen(command, env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ})


def finish(*processes):
    if any([process.wait() for process in processes]):
        sys.exit("a step failed")


def fetch_words(work):
    """The two packages of words.py, from the npm registry."""
    folder = work / "words"
    if not (folder / "node_modules").exists():
        folder.mkdir(exist_ok=True)
        subprocess.run(["npm", "install", "--no-save", "--ignore-scripts", "--prefix", folder, *PACKAGES], check=True)
    return folder / "node_modules"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--from", dest="origin", default=str(PROJECT / "models"), help="folder of demo-gen.gguf and demo-stream.gguf, or 'nothing'")
    parser.add_argument("--minutes", type=float, nargs="+", default=[17, 34, 10],
                        help="of each pass; both guards train side by side, with one thread each. The last pass has four times the everyday texts")
    parser.add_argument("--test", action="store_true", help="measure the test split too: once, when nothing is left to choose")
    parser.add_argument("--compile", action="store_true", help="with torch.compile: a quarter faster, needs a C++ compiler")
    parser.add_argument("--models", help="folder for the converted models; the package has to be built")
    options = parser.parse_args()
    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    data, lists = ("--data", options.data), ("--words", fetch_words(work))

    last = {}
    if options.origin == "nothing":
        tokenizer = work / "tokenizer.json"
        if not tokenizer.exists():
            finish(start("bpe.py", *data, "--out", tokenizer))
        first = work / "stream-0"
        if not first.exists():  # Stream's many labels teach a backbone more; Gen goes on from it
            finish(start("train_stream.py", *data, *lists, "--tokenizer", tokenizer, "--out", first, "--minutes", options.minutes[0]))
        last = {"stream": first, "gen": first}
    else:
        for kind in ("gen", "stream"):
            last[kind] = work / f"{kind}-0"
            if not last[kind].exists():
                finish(start("unpack.py", Path(options.origin) / f"demo-{kind}.gguf", "--out", last[kind]))
        tokenizer = last["gen"] / "tokenizer.json"

    passes = {kind: [] for kind in last}
    for number, minutes in enumerate(options.minutes, 1):
        running, final = [], 1 < number == len(options.minutes)
        for kind in ("stream", "gen"):
            out = work / f"{kind}-{number}"
            done = out.with_suffix(".done")
            if not done.exists():
                process = start(f"train_{kind}.py", *data, *lists, "--tokenizer", tokenizer, "--start", last[kind], "--out", out, "--minutes", minutes,
                                "--rate", 7e-4 if final else 1e-3, "--everyday", 4 if final else 1, "--epochs", 4, "--seed", 20 + 2 * number + (kind == "gen"), "--threads", 1, *["--compile"] * options.compile)
                running.append((process, done))
            last[kind] = out
            passes[kind].append(out)
        finish(*[process for process, _ in running])
        for _, done in running:
            done.touch()
    for kind in ("stream", "gen"):
        mean = work / f"{kind}-mean"
        finish(start("average.py", f"--{kind}", *passes[kind][-2:], "--out", mean))
        finish(start("calibrate.py", *data, f"--{kind}", mean, "--out", work / kind))
    for split in ("dev", "test") if options.test else ("dev",):
        finish(start("evaluate.py", *data, "--split", split, "--gen", work / "gen", "--stream", work / "stream", "--out", work / f"{split}.json"))
    if options.models:
        for kind in ("gen", "stream"):
            subprocess.run(["node", PROJECT / "dist/cli/main.js", "convert", work / kind, Path(options.models) / f"demo-{kind}.gguf", "--type", "q8_0", "--demonstration",
                            "--name", f"Qwen3Guard demonstration model ({kind})"], check=True)


if __name__ == "__main__":
    main()
