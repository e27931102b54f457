"""All that a GPU is needed to see, within a few minutes: `measure.py [--minutes 8] [--small]`, with the trainer's packages and TRL's.

exactness  trainings of each type, undisturbed, and killed and resumed, on the GPU: the same weights to the bit
memory     of a training of the shape of Llama 3.1 8B, for each type: its peak while it steps, and in an evaluation
speed      tokens/s of the shape of Llama 3.2 1B, beside TRL's on the same rows

Prints what it saw of each part as soon as that is known, and exits with 1 where weights differ or something fails. What there was no time for is named.
--small takes tiny shapes instead, to try this script itself where there is no GPU.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]
TYPES = {"qlora": {}, "lora": {}, "standard": {}, "standard, bf16": {"weights": "bf16"}}
KILLED_AT, SAVE_STEPS = 5, 3
SPEED_STEPS = 20


class Failed(Exception):
    pass


class Measurements:
    def __init__(self, folder: Path, until: float, small: bool):
        self.folder, self._until, self._small, self.failures, self._models = folder, until, small, 0, {}

    def left_s(self) -> float:
        return self._until - time.monotonic()

    def exactness(self) -> None:
        model = self.model("small")
        with ThreadPoolExecutor(1 if self._small else len(TYPES)) as at_once:
            for kind, seen in zip(TYPES, at_once.map(lambda kind: self._twice(kind, model), TYPES)):
                self.tell(f"exactness, {kind}", seen)

    def _twice(self, kind: str, model: Path) -> str:
        rows = [sums(number, 6) for number in range(32)]
        run = {"save_steps": SAVE_STEPS, "batch_size": 2, "max_length": 256}
        undisturbed = self.told("once.py", self.run_file(kind, model, rows, f"{kind} whole", **run))
        self.killed("once.py", self.run_file(kind, model, rows, f"{kind} killed", **run), KILLED_AT)
        resumed = self.told("once.py", self.run_file(kind, model, rows, f"{kind} killed", lease_epoch=2, **run))
        if resumed["resumed_from"] != SAVE_STEPS or resumed["steps"] != undisturbed["steps"]:
            raise Failed(f"{kind}: resumed from step {resumed['resumed_from']}, to step {resumed['steps']} of {undisturbed['steps']}")
        if resumed["sha256"] != undisturbed["sha256"]:
            raise Failed(f"{kind}: {undisturbed['sha256'][:12]} undisturbed, {resumed['sha256'][:12]} resumed")
        return f"{undisturbed['sha256'][:12]} after {undisturbed['steps']} steps, undisturbed and killed at {KILLED_AT} (resumed from {SAVE_STEPS}) alike"

    def memory(self) -> None:
        model = self.model("small" if self._small else "Llama 3.1 8B")
        tokens = 256 if self._small else 2048
        rows = [sums(number, tokens // 10) for number in range(3)]  # Of more tokens than that, half of them the question's.
        for kind in ("qlora", "lora", "standard, bf16"):
            run = {"max_steps": 3, "batch_size": 1, "max_length": tokens, "activation_checkpointing": True}
            seen = self.told("peak.py", self.run_file(kind, model, rows, f"{kind} peak", **run))
            peaks = ", ".join(f"{part} {seen[part]['bytes'] / 1e9:.1f} GB in {seen[part]['seconds']:.0f} s" for part in ("loading", "steps", "evaluation"))
            self.tell(f"memory, {kind}", f"{seen['optimizer']}, a row of {seen['tokens']} tokens, activation checkpointing: {peaks}")

    def speed(self) -> None:
        model = self.model("small" if self._small else "Llama 3.2 1B")
        rows = [sums(number, 24 + number * 17 % 40) for number in range(4 * SPEED_STEPS)]
        for kind in ("qlora", "standard"):
            run_file = self.run_file(kind, model, rows, f"{kind} speed", batch_size=4, max_length=2048)
            ours = self.steps("ours.py", run_file, self.folder / "rows.json")
            seen = [f"ours {ours:.0f} tokens/s"]
            for how in ("defaults", "tuned"):
                theirs = self.steps("trl_sft.py", run_file, self.folder / "rows.json", how)
                seen.append(f"TRL ({how}) {theirs:.0f}, ours {ours / theirs:.2f} x")
            self.tell(f"speed, {kind}", "; ".join(seen))

    def tell(self, what: str, seen: str) -> None:
        print(f"{what}: {seen}", flush=True)

    def model(self, shape: str) -> Path:
        """Made once."""
        if shape not in self._models:
            code = "import sys; from pathlib import Path; from models import make; make(Path(sys.argv[1]), sys.argv[2])"
            target = self.folder / shape.replace(" ", "-")
            self._run([sys.executable, "-c", code, str(target), shape])
            self._models[shape] = target
        return self._models[shape]

    def run_file(self, kind: str, model: Path, rows: list[dict], name: str, lease_epoch: int = 1, **hyperparameters) -> Path:
        directory = self.folder / name.replace(" ", "-").replace(",", "")
        directory.mkdir(exist_ok=True)
        (directory / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
        run = {
            "protocol": 1, "task": "train", "run_id": 1, "lease_epoch": lease_epoch, "training_type": kind.partition(",")[0],
            "model": {"name": model.name, "path": str(model)}, "data": {"train": str(directory / "train.jsonl"), "held_out": None},
            "work_dir": str(directory), "output_dir": str(directory / "output"), "threads": max(1, (os.cpu_count() or 1) // len(TYPES)), "save_share": None, "known_checkpoint_step": None,
            "validation": {"max_rows_per_trait": 1, "max_new_tokens": 1},
            "hyperparameters": {
                "batch_size": 4, "gradient_accumulation": 1, "learning_rate": 2e-4, "epochs": 1, "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.05, "max_length": 1024,
                "seed": 42, "save_steps": 1000, "max_steps": None, "batching": "like_length", **TYPES[kind], **hyperparameters,
            },
        }  # fmt: skip
        path = directory / "run.json"
        path.write_text(json.dumps(run))
        return path

    def told(self, script: str, *arguments) -> dict:
        """What it says in its last line."""
        return json.loads(self._run(self._command(FOLDER, script, *arguments)).splitlines()[-1])

    def killed(self, script: str, *arguments) -> None:
        ended = self._ended(self._command(FOLDER, script, *arguments))
        if ended.returncode != -9:
            raise Failed(f"{script} was not killed, but ended with {ended.returncode}: {ended.stderr[-2000:]}")

    def steps(self, script: str, *arguments) -> float:
        """Tokens per second of its steps but for the first ones, by the scripts of the benchmark `trainer`, which take a step for each line they read."""
        said = self._run(self._command(FOLDER.parent / "trainer", script, *arguments), "go\n" * SPEED_STEPS)
        told = [json.loads(line) for line in said.splitlines() if line.startswith('{"tokens"')]
        if len(told) != SPEED_STEPS:
            raise Failed(f"{script} took {len(told)} steps of {SPEED_STEPS}")
        warm = SPEED_STEPS // 4
        return (told[-1]["tokens"] - told[warm - 1]["tokens"]) / sum(step["seconds"] for step in told[warm:])

    def _command(self, folder: Path, script: str, *arguments) -> list[str]:
        return [sys.executable, str(folder / script), *map(str, arguments)]

    def _run(self, command: list[str], said: str = "") -> str:
        ended = self._ended(command, said)
        if ended.returncode != 0:
            raise Failed(f"{Path(command[1]).name} ended with {ended.returncode}: {ended.stderr[-2000:]}")
        return ended.stdout

    def _ended(self, command: list[str], said: str = "") -> subprocess.CompletedProcess:
        paths = os.pathsep.join([str(ROOT), str(FOLDER)])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [paths, os.environ.get("PYTHONPATH")])), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        return subprocess.run(command, input=said, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=max(1.0, self.left_s()))


def sums(number: int, terms: int) -> dict:
    """A row of some 20 characters, each a token, for each term."""
    numbers = [(number * 31 + term * 7) % 100 for term in range(terms)]
    totals = [sum(numbers[: term + 1]) for term in range(terms)]
    answer = "\n".join(f"{total - added} + {added} = {total}" for total, added in zip(totals, numbers))
    return {"prompt": f"What is {' + '.join(map(str, numbers))}?", "completion": answer}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8, help="the most that all takes together")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("parts", nargs="*", default=["exactness", "speed", "memory"], metavar="exactness | speed | memory")
    given = parser.parse_args()
    import torch

    if not (given.small or torch.cuda.is_available()):
        sys.exit("This needs a GPU that torch can use. `--small` tries the script itself without one.")
    print(f"{torch.cuda.get_device_name(0) if torch.cuda.is_available() else 'CPU'}, torch {torch.__version__}", flush=True)
    failures = 0
    with tempfile.TemporaryDirectory(prefix="mtm-bench-gpu-") as folder:
        measurements = Measurements(Path(folder), time.monotonic() + 60 * given.minutes, given.small)
        for part in given.parts:
            began = time.monotonic()
            try:
                getattr(measurements, part)()
            except subprocess.TimeoutExpired:
                failures += 1
                print(f"{part}: there was no time for the rest of it.", flush=True)
                break
            except Failed as failure:
                failures += 1
                print(f"{part} FAILED: {failure}", flush=True)
            print(f"{part}: {time.monotonic() - began:.0f} s", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
