"""First token, tokens a second and memory of language models: our artifacts and other programs.

python benchmarks/generate_speed.py [--shapes smollm2-135m gpt2] [--rounds 5]
python benchmarks/generate_speed.py --check --shapes llama-tiny gpt2 --layers 2 \\
    --vocabulary-size 1000 --prompt 20 --new-tokens 6 --batches 1 2
The second times nothing, and fails unless all programs run and write the same tokens.

Random weights in the shapes of published models, the same in every program, greedy search, prompts
of random tokens, as many new tokens for each. Every program has a process of its own, with two
threads, and they take turns. First all write on from the same prompts: their tokens are compared
with those of our ONNX file in float32, and the table has the share of equal ones. Then they are
timed, with one new token, which is the time to the first, and with all. Memory is the peak of the
process, weights included.

Programs whose packages are not there are left out with a line. Those of PyTorch may have another
Python (--peers-python), where benchmarks/requirements-peers.txt is installed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.figures import add_json_option, as_text, spread, write_figures
from benchmarks.generate_programs import ONE_ROW, OURS, PEERS, REFERENCE

WORKER = Path(__file__).with_name("generate_programs.py")


class Worker:
    """A program in a process of its own.

    Args:
        python: interpreter.
        name: of the program.
        folder: with what the programs read.
        threads: that it may use.

    Raises:
        RuntimeError: if it cannot be made; says why.
    """

    def __init__(self, python, name, folder, threads):
        self.name = name
        self._errors = open(folder / "errors.txt", "w+", encoding="utf-8")
        self._process = subprocess.Popen(
            [python, str(WORKER), name, str(folder), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._answer()

    def run(self, prompts, new_tokens):
        """The new tokens (B, N) after prompts (B, S), the seconds, and the peak in bytes."""
        request = {"prompts": np.asarray(prompts).tolist(), "new_tokens": new_tokens}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        found = self._answer()
        return np.array(found["token_ids"]), found["seconds"], found["peak"]

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _answer(self):
        for line in self._process.stdout:  # libraries print too
            if line.startswith("{"):
                return json.loads(line)
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines() or ["it said nothing"]
        self.close()
        raise RuntimeError(lines[-1])


def workers_of(names, options, folder):
    """The programs that can be made: a dict; says which cannot."""
    found = {}
    for name in names:
        python = options.peers_python if name in PEERS else sys.executable
        try:
            found[name] = Worker(python or sys.executable, name, folder, options.threads)
        except (RuntimeError, OSError) as error:
            print(f"{name} is left out: {error}", flush=True)
    return found


def compared(workers, prompts, new_tokens):
    """How many tokens of each program are those of `REFERENCE`, before the first other one."""
    expected, _, _ = workers[REFERENCE].run(prompts, new_tokens)
    same = {}
    for name, worker in workers.items():
        found, _, _ = worker.run(prompts, new_tokens)
        if found.shape != expected.shape:
            raise SystemExit(f"{name} gives {found.shape} tokens instead of {expected.shape}.")
        equal = np.cumprod(found == expected, axis=1)
        same[name] = float(equal.mean())
    return same


def require_equal(shape, batch, same):
    """Prints the shares of equal tokens; says which programs are at fault.

    In float32 all tokens are equal. In int8 most are, in so small a model.
    """
    print(f"\n{shape}, batch {batch}: " + ", ".join(f"{n} {s:.1%}" for n, s in same.items()))
    return [f"{name}: {shape}, batch {batch}" for name, s in same.items() if s < _least(name)]


def _least(name):
    return 1.0 if "float32" in name else 0.5


def measure(workers, prompts, new_tokens, rounds):
    """The seconds to the first token and of all, and the peak, of every program in every round."""
    for worker in workers.values():
        worker.run(prompts, 1), worker.run(prompts, new_tokens)
    times = {name: {"first": [], "all": [], "peak": 0} for name in workers}
    for _ in range(rounds):
        for name, worker in workers.items():
            for part, count in (("first", 1), ("all", new_tokens)):
                _, seconds, peak = worker.run(prompts, count)
                times[name][part].append(seconds)
            times[name]["peak"] = peak
    return times


def report(shape, batch, new_tokens, times, same):
    """Prints a table; returns its rows."""
    print(f"\n{shape}, batch {batch}")
    rows = []
    for name, found in times.items():
        rates = [batch * new_tokens / seconds for seconds in found["all"]]
        row = {
            "shape": shape,
            "batch": batch,
            "program": name,
            "first_token_ms": spread([1000 * seconds for seconds in found["first"]]),
            "tokens_per_second": spread(rates),
            "peak_mb": found["peak"] / 1e6,
            "equal_tokens": same[name],
        }
        rows.append(row)
        print(
            f"{name:<28}first {as_text(row['first_token_ms']):<28} ms  "
            f"{as_text(row['tokens_per_second']):<26} tokens/s  {row['peak_mb']:7.0f} MB  "
            f"equal {same[name]:.1%}",
            flush=True,
        )
    for precision in ("float32", "int8"):
        ours, peers = (
            [r for r in rows if r["program"] in group and precision in r["program"]]
            for group in (OURS, PEERS)
        )
        if ours and peers:
            ours, peer = (
                max(group, key=lambda r: r["tokens_per_second"]["median"])
                for group in (ours, peers)
            )
            pairs = zip(times[peer["program"]]["all"], times[ours["program"]]["all"], strict=True)
            ratio = spread([a / b for a, b in pairs])
            ours["over_best_peer"] = ratio
            print(f"{ours['program']} over {peer['program']}: {as_text(ratio)}", flush=True)
    return rows


def main():
    """Prints a table for each shape and batch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", default=["smollm2-135m", "gpt2"], metavar="PRESET")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--prompt", type=int, default=128, help="tokens of a prompt")
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--programs", nargs="+", default=[*OURS, *PEERS])
    parser.add_argument("--peers-python", metavar="F", help="interpreter of the peers")
    parser.add_argument("--layers", type=int, metavar="N", help="of the presets, fewer")
    parser.add_argument("--vocabulary-size", type=int, metavar="N", help="of them, another")
    parser.add_argument("--check", action="store_true", help="compare tokens and time nothing")
    parser.add_argument("--folder", metavar="DIR", help="where to keep what the programs read")
    add_json_option(parser)
    options, rows, faults = parser.parse_args(), [], []
    names = list(dict.fromkeys([REFERENCE, *options.programs]))
    with tempfile.TemporaryDirectory() as temporary:
        for shape in options.shapes:
            folder = Path(options.folder or temporary) / shape
            length = options.prompt + options.new_tokens
            given = dict(num_layers=options.layers, vocabulary_size=options.vocabulary_size)
            sizes = {name: value for name, value in given.items() if value is not None}
            prepare(shape, sizes, folder, length, names)
            workers = workers_of(names, options, folder)
            faults += [f"{name}: {shape}" for name in names if name not in workers]
            try:
                for batch in options.batches:
                    random = np.random.default_rng(batch)
                    prompts = random.integers(0, _vocabulary(folder), (batch, options.prompt))
                    able = {n: w for n, w in workers.items() if batch == 1 or n not in ONE_ROW}
                    same = compared(able, prompts, options.new_tokens)
                    if options.check:
                        faults += require_equal(shape, batch, same)
                        continue
                    times = measure(able, prompts, options.new_tokens, options.rounds)
                    rows += report(shape, batch, options.new_tokens, times, same)
            finally:
                for worker in workers.values():
                    worker.close()
    write_figures(options.json, rows)
    if options.check and faults:
        raise SystemExit("These do not run, or write other tokens: " + "; ".join(faults))


def prepare(shape, sizes, folder, length, names):
    """Writes what the programs read, in a process of its own, unless it is there."""
    if not (folder / "shape.json").exists():
        shutil.rmtree(folder, ignore_errors=True)  # what an interrupted one left
        command = [sys.executable, str(WORKER), "--prepare", shape, json.dumps(sizes)]
        command += [str(folder), str(length)]
        subprocess.run([*command, *names], check=True)


def _vocabulary(folder):
    return json.loads((folder / "shape.json").read_text())["vocabulary_size"]


if __name__ == "__main__":
    main()
