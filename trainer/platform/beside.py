"""What need not be waited for until it is used: done by a thread meanwhile."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def beside(work: Callable) -> Iterator[Callable]:
    """Has `work` done while the block goes on, which gets what it returned, or raises what it raised, where it calls what this gives.

    A block that fails fails as if it had waited first: of two things that are wrong, the first is reported.
    """
    with ThreadPoolExecutor(1, "beside") as executor:
        done = executor.submit(work)
        try:
            yield done.result
        except BaseException:
            done.result()
            raise
