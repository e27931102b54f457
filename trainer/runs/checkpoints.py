"""Checkpoints that can be trusted: a manifest with the hash of every file, written last.

A checkpoint is work_dir/checkpoints/e<lease epoch>/checkpoint-<step>/. Without a manifest that verifies it does not count.
Of a training that is over, the service removes them (src/runs/run-folder.ts).
"""

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..platform.events import Events, fsync
from ..platform.failures import BadInput, CheckpointLost, LeaseLost
from ..platform.places import Places
from ..platform.supervision import Commands

MANIFEST = "manifest.json"
_LATE_S = 3.0  # So long an entry of a folder that another machine wrote may stay hidden on a network disk.
_LEVELS = 4  # From a checkpoint to the folder of all runs.
KEEP = 2  # Never fewer: the newest may turn out torn on a disk that lied about fsync.


@dataclass(frozen=True)
class Checkpoint:
    path: Path
    lease_epoch: int
    step: int

    @property
    def threads(self) -> int:
        """A training that goes on keeps its number of threads: sums in another order round differently."""
        return self.manifest["threads"]

    @property
    def tokens_sha256(self) -> str | None:
        """Of the tokens that it was trained on (token_cache.py). None from before there was one."""
        return self.manifest.get("tokens_sha256")

    @property
    def manifest(self) -> dict:
        return json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _sha256(file)


def _sha256(file) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def write_manifest(directory: Path, facts: dict) -> tuple[str, int]:
    """Makes the files durable, then the manifest that vouches for them. Returns its sha256 and the bytes of all files."""
    files = {}
    for path in sorted(p for p in directory.rglob("*") if p.is_file() and p.name != MANIFEST):
        fsync(path)
        files[str(path.relative_to(directory))] = {"sha256": sha256_of(path), "bytes": path.stat().st_size}
    text = json.dumps({**facts, "files": files}, indent=2, sort_keys=True)
    temporary = directory / (MANIFEST + ".new")
    temporary.write_text(text, encoding="utf-8")
    fsync(temporary)
    temporary.rename(directory / MANIFEST)
    for folder in {path.parent for path in directory.rglob("*")} | {directory}:
        fsync(folder)
    # Some of them may have been made just now. One that is not ours to read was there before.
    for folder in list(directory.resolve().parents)[:_LEVELS]:
        with contextlib.suppress(PermissionError):
            fsync(folder)
    return hashlib.sha256(text.encode()).hexdigest(), sum(file["bytes"] for file in files.values())


def problem_with(directory: Path, expected: dict) -> str | None:
    """Why a checkpoint does not count: no manifest, a file missing or changed, or another training's. None: it does."""
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "it has no manifest, so saving it was interrupted"
    except ValueError:
        return "its manifest is no JSON"
    for name, file in manifest["files"].items():
        path = directory / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != file["bytes"] or sha256_of(path) != file["sha256"]:
            return f"{name} is not what was saved"
    for name, value in expected.items():
        if comparable(name, manifest.get(name)) != comparable(name, value):
            return f"it belongs to a training with another {name}"
    return None


_WITHOUT_EFFECT = ("save_steps", "batch_size", "gradient_accumulation", "eval_steps", "early_stopping_patience", "merge", "activation_checkpointing")


# Of what could not be chosen when a checkpoint was saved.
_AS_BEFORE = {
    "too_long": "truncate", "batching": "random", "packing": False, "chunk_tokens": 200, "chunk_overlap": 20, "compile": False, "lora_target_modules": None, "modules_to_save": None, "new_tokens": None, "weights": None,
    "reasoning": "inline", "tool_calls": "refuse", "on_bad_rows": "refuse", "train_on": "answers",
    "lr_scheduler": "cosine", "warmup_steps": None, "warmup_ratio": None, "weight_decay": 0, "max_grad_norm": 1, "optimizer": None,
    "use_rslora": False, "use_dora": False, "loraplus_lr_ratio": None, "neftune_noise_alpha": None,
    "beta": 0.1, "loss_type": "sigmoid", "finetuning_type": "lora", "sharding": "none",
}  # fmt: skip


def comparable(name: str, value):
    """A value of a manifest as it is compared. Of the hyperparameters, what decides the weights: how often is saved or
    evaluated and what is exported do not, nor into how many parts the rows of a step are split (but for the rounding of sums)."""
    if name != "hyperparameters" or not isinstance(value, dict):
        return value
    value = {**_AS_BEFORE, **value}
    rest = {key: kept for key, kept in value.items() if key not in _WITHOUT_EFFECT}
    return {**rest, "rows_per_step": value["batch_size"] * value["gradient_accumulation"]}


def all_checkpoints(root: Path) -> list[Checkpoint]:
    """Newest first: by lease epoch, then by step, as numbers."""
    found = []
    for directory in root.glob("e*/checkpoint-*"):
        lease_epoch, step = directory.parent.name[1:], directory.name.removeprefix("checkpoint-")
        if lease_epoch.isdigit() and step.isdigit():
            found.append(Checkpoint(directory, int(lease_epoch), int(step)))
    return sorted(found, key=lambda c: (c.lease_epoch, c.step), reverse=True)


def require_latest_claim(root: Path, lease_epoch: int) -> None:
    """Raises LeaseLost when a later claim of this run has its folder: whoever made that trains now, from what was there."""
    epochs = [int(path.name[1:]) for path in root.glob("e*") if path.name[1:].isdigit()]
    if epochs and max(epochs) > lease_epoch:
        raise LeaseLost(f"Another worker trains this run now (lease epoch {max(epochs)}; this one is {lease_epoch}).")


def publish(path: Path, root: Path, facts: dict, commands: Commands, events: Events, since: float, waited: float | None, best_step: int | None = None) -> None:
    """Vouches for a checkpoint that was saved, tells of it, and removes those that it makes superfluous.

    `facts`: with step, epoch and lease_epoch; `since`: of the monotonic clock, when saving began; `waited`: the seconds of it in which the
    training stood still, or None, where it does so to the end; `best_step`: one that is never superfluous. Raises LeaseLost where the run is another's by now: a process that was stopped goes on in the middle of its work.
    """
    if commands.lease_is_over():
        raise LeaseLost("The lease of this run ran out before its checkpoint was published.")
    require_latest_claim(root, facts["lease_epoch"])
    events.make_durable()
    sha256, size = write_manifest(path, facts)
    seconds = time.monotonic() - since
    events.send("checkpoint", step=facts["step"], epoch=facts["epoch"], path=str(path), manifest_sha256=sha256, bytes=size, seconds=seconds, waited_seconds=seconds if waited is None else waited)
    prune(root, events, best_step)


def newest_complete(root: Path, lease_epoch: int, expected: dict, known_step: int | None, events: Events) -> Checkpoint | None:
    """The checkpoint to go on from. What does not verify is put aside under another name. `known_step`: of the newest that
    the service knows of; to go on from less is told.

    Raises CheckpointLost when one was known and none verifies: starting again at 0 must be somebody's decision.
    """
    candidates = _once_known_is_there(root, known_step)
    put_aside = False
    if candidates and candidates[0].lease_epoch > lease_epoch:
        raise BadInput(f"A later claim of this run (lease epoch {candidates[0].lease_epoch}) has saved already; this one is {lease_epoch}.")
    for checkpoint in candidates:
        reason = problem_with(checkpoint.path, expected)
        if reason is None:
            if known_step is not None and checkpoint.step < known_step and not put_aside:
                message = (
                    f"A checkpoint of step {known_step} was saved, and is not under {root} any more: training goes on from step {checkpoint.step}, "
                    "and does the steps in between again."
                )
                events.send("log", level="warning", message=message)
            return checkpoint
        put_aside = True
        # Reported first: where that fails, as on a full disk, or the trainer dies, the next claim finds it as it is, and reports it.
        events.send("quarantined", path=str(checkpoint.path), reason=reason)
        events.make_durable()
        aside = checkpoint.path.with_name("quarantine-" + checkpoint.path.name)
        shutil.rmtree(aside, ignore_errors=True)
        checkpoint.path.rename(aside)
    if known_step is not None:
        raise CheckpointLost(
            f"A checkpoint of step {known_step} was saved under {root}, and none there verifies now. Put the files back, or start the run afresh."
        )
    return None


def _once_known_is_there(root: Path, known_step: int | None) -> list[Checkpoint]:
    """All checkpoints. A network disk may show another machine's newest some seconds late: it is looked for again."""
    deadline = time.monotonic() + _LATE_S
    while True:
        found = all_checkpoints(root)
        if known_step is None or any(checkpoint.step >= known_step for checkpoint in found) or time.monotonic() > deadline:
            return found
        time.sleep(0.25)


@contextlib.contextmanager
def whole_or_none(path: Path, places: Places) -> Iterator[None]:
    """While a checkpoint is written within this, which may be behind the steps, so that a link comes meanwhile. Where it fails nothing is left.

    Raises BadInput where a link has come: whatever the writing failed with is not the cause then, and nothing is removed where the link leads.
    """
    places.require()
    try:
        yield
    except BaseException:
        places.require()
        # On a full disk it takes the room for a whole one.
        remove_unfinished([path])
        raise


def remove_unfinished(checkpoints: Iterable[Path]) -> None:
    """Removes those that somebody began to save and did not finish: half a save is of no use, and tells nothing."""
    for path in checkpoints:
        if not (path / MANIFEST).exists():
            shutil.rmtree(path, ignore_errors=True)


def checkpoint_of(root: Path, step: int | None) -> Checkpoint | None:
    """The latest of this step."""
    return next((checkpoint for checkpoint in all_checkpoints(root) if checkpoint.step == step), None)


def prune(root: Path, events: Events, best_step: int | None = None) -> None:
    """Removes all but the newest, and the best if there is one. Called after the newest is durable."""
    best = checkpoint_of(root, best_step)
    for checkpoint in all_checkpoints(root)[KEEP:]:
        if checkpoint == best:
            continue
        # Without its manifest it does not count, so that a removal that is interrupted leaves nothing half-valid.
        (checkpoint.path / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(checkpoint.path, ignore_errors=True)
        events.send("pruned", step=checkpoint.step, path=str(checkpoint.path))
    # Put aside when this training went on. Damage is kept, for whoever looks into it.
    remove_unfinished(root.glob("e*/quarantine-checkpoint-*"))
