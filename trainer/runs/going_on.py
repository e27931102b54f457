"""What a training that goes on is held to: the model of before; and what it is told of, since it may round otherwise."""

from collections.abc import Iterator
from pathlib import Path

from ..platform.failures import BadInput
from ..platform.libraries import versions
from .checkpoints import Checkpoint
from .run_file import RunFile


def arithmetic() -> dict[str, str]:
    """What rounds as it does: the libraries, and the GPU, or what the processor can."""
    import torch

    device = {"device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu"}
    return {**versions(), "instructions": torch.backends.cpu.get_cpu_capability(), **device}


def require_same_model(before: Checkpoint, fingerprint: str, name: str, path: Path) -> None:
    """Raises BadInput where its files are others than those that the checkpoint was made with. (Older ones do not tell.)"""
    if before.manifest.get("model_fingerprint", fingerprint) != fingerprint:
        raise BadInput(
            f"The files of the model {name} in {str(path)!r} are not those that this training began with, so that its checkpoint of step "
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
