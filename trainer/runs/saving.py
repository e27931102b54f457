"""When to save a checkpoint: often enough to lose little, seldom enough to cost little."""

import time

LONGEST_S = 600.0  # What a loss of the worker may cost at most, where saving is cheap enough.


class SavePlan:
    """Every `save_steps` steps. With a `share`, saving is ours to time: also after LONGEST_S, and never so often that it
    takes more than that share of the time since training began. What it costs is measured: the first save is free."""

    def __init__(self, save_steps: int, share: float | None, clock=time.monotonic):
        self._save_steps = save_steps
        self._share = share
        self._clock = clock
        self._began = self._last = clock()
        self._spent = 0.0
        self._cost = 0.0  # Of the latest save: the next one will cost about as much.
        self._wanted = False

    def due(self, step: int) -> bool:
        """To be asked after every step. What is wanted while it is too dear is wanted until it is not."""
        on_step = step % self._save_steps == 0
        if self._share is None:
            return on_step
        now = self._clock()
        self._wanted = self._wanted or on_step or now - self._last >= LONGEST_S
        return self._wanted and self._spent + self._cost <= self._share * (now - self._began)

    def saved(self, seconds: float) -> None:
        self._wanted = False
        self._last = self._clock()
        self._spent += seconds
        self._cost = seconds
