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


def spans_of_first_step(events):
    """The callback that measures what the Trainer does before its first step, and tells all spans at that. It comes before the others."""
    from transformers import TrainerCallback

    class SpansOfFirstStep(TrainerCallback):
        def __init__(self):
            self.since: float | None = time.monotonic()

        def _add(self, name: str) -> None:
            if self.since is not None:
                since, self.since = self.since, time.monotonic()
                events.spans.add(name, since, self.since - since)

        def on_train_begin(self, args, state, control, **_):
            self._add("optimizer")

        def on_step_begin(self, args, state, control, **_):
            # What is tried and evaluated before a training begins.
            self._add("rehearsal")

        def on_log(self, args, state, control, **_):
            self._add("first_step")
            self.since = None
            events.spans.tell(events)

    return SpansOfFirstStep()
