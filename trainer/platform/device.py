"""Which GPUs a training was given and whether torch can use them, what it takes of its machine, and what a GPU says of itself.

  python -m trainer.platform.device      says as JSON what torch can use of them: for `npm run doctor`
"""

import json
import os
import shutil
import subprocess
import threading

from .failures import BadInput, lacks_memory
from .memory import most_resident_bytes

LOOK_EVERY_S = 5.0
LOOK_TIMEOUT_S = 10.0

# By the names of `nvidia-smi --help-query-gpu`, and how they are reported.
_MIB = 1 << 20
_FIGURES = {
    "utilization.gpu": ("utilization_percent", 1),
    "temperature.gpu": ("temperature_c", 1),
    "power.draw": ("power_w", 1),
    "memory.used": ("memory_used_bytes", _MIB),
    "memory.total": ("memory_total_bytes", _MIB),
}


def given_gpus() -> list[str]:
    """What CUDA_VISIBLE_DEVICES names; nothing, where it is empty, not set, or says that there is none (-1)."""
    names = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return [] if "-1" in names[:1] else [name for name in names if name]


def usable_gpus() -> tuple[int, str]:
    """How many of them torch can use, or of all that there are where none is named; and why it is none, where torch says so.
    Adds two numbers on the first one: a driver or a GPU that is too old for this torch shows there."""
    import torch

    if torch.version.cuda is None and torch.version.hip is None:
        return 0, f"torch {torch.__version__} is a build for the CPU"
    try:
        (torch.ones(1, device="cuda") + 1).item()
    except (RuntimeError, AssertionError) as error:
        if not lacks_memory(error):
            return 0, (str(error).splitlines() or [""])[0].rstrip(".")
    return torch.cuda.device_count(), ""


def require_given_gpus() -> None:
    """Raises BadInput where this process was given a GPU that torch cannot use: torch would take the CPU instead, without a
    word, and train many times slower. To be called once torch may be loaded."""
    given = given_gpus()
    if not given:
        return
    usable, why = usable_gpus()
    if usable >= len(given):
        return
    raise BadInput(
        f"This training was given GPU {', '.join(given)} (CUDA_VISIBLE_DEVICES), and torch can use {usable or 'none'} of them{f': {why}' if why else ''}. "
        "Install a CUDA build of torch (unset MTM_PIP_ARGS where it names an index of CPU builds; with Docker, add docker-compose.gpu.yml), or a newer "
        "driver, and see what `npm run doctor` says. To train on the CPU, set MTM_DEVICES to cpu; by hand, CUDA_VISIBLE_DEVICES to nothing."
    )


def on_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def gpu_bytes() -> int | None:
    """Of this process's GPU, or None on the CPU."""
    import torch

    return torch.cuda.get_device_properties(0).total_memory if on_gpu() else None


def device_name(processes: int, threads: int) -> str:
    import torch

    if on_gpu():
        return f"{f'{processes} x ' if processes > 1 else ''}{torch.cuda.get_device_name(0)}"
    return f"cpu, {threads} threads" + (f" in {processes} processes" if processes > 1 else "")


def memory_bytes() -> int:
    """The most that was taken so far: of the GPU's memory by tensors, or, without one, of the machine's by this process."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return most_resident_bytes()


def figures_of(line: str) -> dict[str, float | None]:
    """A line of nvidia-smi, as DeviceFigures asks for it. None where a device does not say ([N/A])."""
    figures: dict[str, float | None] = {}
    for (name, factor), text in zip(_FIGURES.values(), line.split(","), strict=True):
        try:
            figures[name] = float(text) * factor
        except ValueError:
            figures[name] = None
    return figures


class DeviceFigures:
    """Asks nvidia-smi every few seconds, in a thread, and has its latest answer; None while there is none, or no GPU."""

    def __init__(self):
        self.latest: dict[str, float | None] | None = None
        self._over = threading.Event()

    def start(self) -> None:
        # nvidia-smi knows nothing of this variable, which says on which GPU this process may train: none, where it is empty.
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        if visible == "" or shutil.which("nvidia-smi") is None:
            return
        command = ["nvidia-smi", f"--query-gpu={','.join(_FIGURES)}", "--format=csv,noheader,nounits", f"--id={(visible or '0').split(',')[0]}"]
        threading.Thread(target=self._look, args=[command], daemon=True, name="device figures").start()

    def stop(self) -> None:
        self._over.set()
        self.latest = None

    def _look(self, command: list[str]) -> None:
        while not self._over.is_set():
            try:
                answer = subprocess.run(command, capture_output=True, text=True, timeout=LOOK_TIMEOUT_S, check=True).stdout
                self.latest = figures_of(answer.strip())
            except (OSError, subprocess.SubprocessError, ValueError):
                self.latest = None  # Figures of a while ago would pass for those of now.
            self._over.wait(LOOK_EVERY_S)


def main() -> None:
    import torch

    usable, why = usable_gpus()
    print(json.dumps({"torch": torch.__version__, "given": len(given_gpus()), "usable": usable, "why": why}))


if __name__ == "__main__":
    main()
