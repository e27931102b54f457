"""What a training that goes on is held to: the model of before; and what it is told of, since it may round otherwise."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from .checkpoints import Checkpoint, sha256_of
from .failures import BadInput
from .libraries import versions
from .run_file import RunFile

_SAMPLE_BYTES = 256


def fingerprint_of(model: Path) -> str:
    """A hash of config.json, and of each file of weights its header, its size, and the first bytes of each tensor: of another model, or
    another training of it, all are others, and no more than that is read of files of many gigabytes."""
    digest = hashlib.sha256()
    for path in sorted([*model.glob("*.safetensors"), *model.glob("config.json")]):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        if path.suffix == ".json":
            digest.update(sha256_of(path).encode())
            continue
        with path.open("rb") as file:
            size = file.read(8)
            # A header may lie about its length, which is told when the model is loaded.
            header = file.read(min(int.from_bytes(size, "little"), path.stat().st_size))
            digest.update(size + header)
            for offset in _tensors(header):
                file.seek(len(size) + len(header) + offset)
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def _tensors(header: bytes) -> list[int]:
    """Where each tensor begins; none of a header that is none."""
    try:
        return sorted(tensor["data_offsets"][0] for name, tensor in json.loads(header).items() if name != "__metadata__")
    except (ValueError, AttributeError, KeyError, TypeError, IndexError):
        return []


def arithmetic() -> dict[str, str]:
    """What rounds as it does: the libraries, and the GPU, or what the processor can."""
    import torch

    device = {"device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu"}
    return {**versions(), "instructions": torch.backends.cpu.get_cpu_capability(), **device}


def require_same_model(before: Checkpoint, fingerprint: str, run: RunFile) -> None:
    """Raises BadInput where its files are others than those that the checkpoint was trained from. (Older ones do not tell.)"""
    if before.manifest.get("model_fingerprint", fingerprint) != fingerprint:
        raise BadInput(
            f"The files of the model {run.model_name} in {str(run.model_path)!r} are not those that this training began with, so that its checkpoint of step "
            f"{before.step} cannot go on. Put those back, or start the run afresh."
        )


def differences(before: Checkpoint, run: RunFile) -> Iterator[str]:
    """Why the weights will not be those of a training that was not interrupted, to the bit."""
    processes = before.manifest.get("processes", 1)
    if processes != run.processes:
        yield (
            f"This training had {_processes(processes)} until step {before.step}, and goes on with {_processes(run.processes)}: on the same rows, but sums are rounded "
            "differently, so the weights are not those to the bit."
        )
    earlier, now = before.manifest.get("versions", {}), arithmetic()
    others = [f"{name} {earlier[name]} (now {now[name]})" for name in now if earlier.get(name, now[name]) != now[name]]
    if others:
        yield (
            f"This training was computed with {', '.join(others)} until step {before.step}. It goes on from there, but may round differently, so the weights are not "
            "those to the bit."
        )


def _processes(count: int) -> str:
    return "one process" if count == 1 else f"{count} processes"
