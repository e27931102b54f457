"""What a training takes of its machine: memory, and what a GPU tells about itself."""

import os
import resource
import shutil
import subprocess
import sys
import threading

LOOK_EVERY_S = 5.0
LOOK_TIMEOUT_S = 10.0

# By the names of `nvidia-smi --help-query-gpu`, and how they are told.
_MIB = 1 << 20
_FIGURES = {
    "utilization.gpu": ("utilization_percent", 1),
    "temperature.gpu": ("temperature_c", 1),
    "power.draw": ("power_w", 1),
    "memory.used": ("memory_used_bytes", _MIB),
    "memory.total": ("memory_total_bytes", _MIB),
}


def memory_bytes() -> int:
    """The most that was taken so far: of the GPU's memory by tensors, or, without one, of the machine's by this process."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def figures_of(line: str) -> dict[str, float | None]:
    """A line of nvidia-smi, as DeviceFigures asks for it. None where a device does not tell ([N/A])."""
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
