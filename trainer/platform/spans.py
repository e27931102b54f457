"""Where the time goes from the start of a trainer to its first step, or to the first comparison of a validation."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Spans:
    """Parts of that time, each from when to when. They may lie within one another, and threads may have some at once."""

    def __init__(self):
        self._began = time.monotonic()
        self._of: dict[str, tuple[float, float]] = {}
        self._is_told = False

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.add(name, began, time.monotonic() - began)

    def add(self, name: str, began: float, seconds: float) -> None:
        """`began`: of the monotonic clock. What happens several times is one span, of as many seconds as all of them."""
        first, earlier = self._of.get(name, (began, 0.0))
        self._of[name] = first, earlier + seconds

    def tell(self, events) -> None:
        """As one event, once."""
        if self._is_told:
            return
        self._is_told = True
        spans = [{"name": name, "from_s": round(began - self._began, 3), "seconds": round(seconds, 3)} for name, (began, seconds) in self._of.items()]
        events.send("spans", seconds=round(time.monotonic() - self._began, 3), spans=sorted(spans, key=lambda span: span["from_s"]))
