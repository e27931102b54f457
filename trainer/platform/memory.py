"""A finished model is compared in as much memory as there is: lack of it is no reason to fail after a training of days."""

from collections.abc import Callable
from typing import TypeVar

from .failures import lacks_memory

Item = TypeVar("Item")
Result = TypeVar("Result")


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
