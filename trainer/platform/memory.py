"""How much memory there is. A finished model is compared in as much as that: lack of it is no reason to fail after a training of days."""

import contextlib
import ctypes
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from .failures import lacks_memory
from .room import in_gb

Item = TypeVar("Item")
Result = TypeVar("Result")
_MARGIN = 1.1  # Of what is counted: the writing itself takes some.
# Of malloc.h of glibc, for mallopt.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = -1


def as_many_as_fit(items: list[Item], most: int, compute: Callable[[list[Item]], list[Result]]) -> list[Result]:
    """What `compute` makes of all items, at most so many at once, and half as many from where memory did not suffice.

    Raises the lack of memory that a single one meets. (accelerate's find_executable_batch_size begins at the first item again,
    nine tenths as many each time, and forgets what was lacking.)
    """
    results: list[Result] = []
    start = 0
    while start < len(items):
        most = min(most, len(items) - start)
        try:
            results += compute(items[start : start + most])
            start += most
            continue
        except RuntimeError as error:
            if most == 1 or not lacks_memory(error):
                raise
        # Not among the above: the error holds what was computed until then.
        most //= 2
        free()
    return results


def free() -> None:
    """Gives back what torch keeps of a GPU for later."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def keep_freed() -> None:
    """Has this process keep the memory that it frees, for what it asks for next. Each step of a training asks for the same again; of large tensors, glibc would give
    each back and have the system clear every page of the next one, which took a sixth of a step on a CPU. Without glibc nothing is done."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)


class Room:
    """For a copy of so many bytes in the host's memory, beside what this process takes at its most without one."""

    def __init__(self, size: int):
        self._size = size
        self._most: int | None = None

    def is_enough(self) -> bool:
        """To be asked between steps, when there is no copy: what a step takes is free then, and not to be had."""
        import psutil

        self._most = self._most or most_resident_bytes()
        between_steps = psutil.Process().memory_info().rss
        self._free = available_bytes() - max(0, self._most - between_steps)
        return self._free >= _MARGIN * self._size

    def __str__(self) -> str:
        return f"A copy of what a checkpoint holds takes {in_gb(self._size)} of memory, and {in_gb(max(0, self._free))} can be had."


def most_resident_bytes() -> int:
    """The most that this process had of the host's memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def available_bytes(cgroups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """What this process may still take of the host's memory, by what the machine has and by the limits of its control groups (containers have some)."""
    import psutil

    groups = own.read_text(encoding="utf-8").splitlines() if own.is_file() else []
    limits = [left for group in groups for left in _left_in(cgroups, *group.split(":", 2)[1:])]
    return min([psutil.virtual_memory().available, *limits])


def _left_in(cgroups: Path, controllers: str, group: str) -> list[int]:
    """Of a group of version 2 (no controllers are named) or 1, and of all above it; nothing of groups that have no limit."""
    if controllers not in ("", "memory"):
        return []
    root = cgroups / controllers
    limit, used, cached = ("memory.max", "memory.current", "") if controllers == "" else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
    own = root / group.lstrip("/")
    left = []
    for folder in [own, *own.parents][: len(own.relative_to(root).parts) + 1]:
        if not (folder / limit).is_file() or (most := (folder / limit).read_text().strip()) == "max":
            continue
        # What it has of files is given up where memory is short.
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        files = int(stat.get(f"{cached}inactive_file", 0)) + int(stat.get(f"{cached}active_file", 0))
        left.append(int(most) - int((folder / used).read_text()) + files)
    return left
