"""Where the time goes from a Trainer that is ready to its first step."""

import time

from ..platform.events import Events


def spans_of_first_step(events: Events):
    """The callback that measures what the Trainer does before its first step, and reports all spans at that. It comes before the others."""
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
