"""The schedule of checkpoints, often enough to lose little and seldom enough to cost little, and who waits for one: the next steps do not. (What else asks for one:
training/after_each_step.py.)"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

LONGEST_S = 600.0  # What a loss of the worker may cost at most, where saving is cheap enough.


class SavePlan:
    """Every `save_steps` steps. With a `share`, saving is ours to time: also after LONGEST_S, and never so often that it
    takes more than that share of the time since training began, nor while one is under way. What it costs is measured: the first save is free."""

    def __init__(self, save_steps: int, share: float | None, clock=time.monotonic):
        self._save_steps = save_steps
        self._share = share
        self._clock = clock
        self._began = self._last = clock()
        self._spent = 0.0
        self._cost = 0.0  # Of the latest save: the next one will cost about as much.
        self._wanted = False
        self._under_way = False

    def due(self, step: int) -> bool:
        """To be asked after every step. What is wanted while it is too dear is wanted until it is not."""
        on_step = step % self._save_steps == 0
        if self._share is None:
            return on_step
        now = self._clock()
        self._wanted = self._wanted or on_step or now - self._last >= LONGEST_S
        return self._wanted and not self._under_way and self._spent + self._cost <= self._share * (now - self._began)

    def begun(self) -> None:
        self._wanted = False
        self._under_way = True
        self._last = self._clock()

    def saved(self, seconds: float) -> None:
        """`seconds`: what it cost the training."""
        self._under_way = False
        self._spent += seconds
        self._cost = seconds


class Saver:
    """Saves one checkpoint after the other, by a plan: at once, or behind the steps that follow, in a thread, at most one at a time.

    Left as a context, it waits for the one under way. What that failed with is raised at the next step, or at the end.
    """

    def __init__(self):
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="saving")
        self._under_way: Future | None = None
        self.plan: SavePlan | None = None

    def __enter__(self) -> "Saver":
        return self

    def __exit__(self, kind, *_) -> None:
        try:
            if kind is None:
                self.wait()
        finally:
            self._thread.shutdown()

    def look(self) -> None:
        """To be called after each step. Raises what the save before failed with, where that is known by now."""
        if self._under_way is not None and self._under_way.done():
            self.wait()

    def wait(self) -> None:
        """Waits for the save under way. Raises what it failed with."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            self.plan.saved(under_way.result())

    def at_once(self, save: Callable[[float | None], None], since: float) -> None:
        """`save` gets the seconds that the training waited, where that is known before; `since`: of the monotonic clock, when saving began."""
        self.wait()
        self.plan.begun()
        save(None)
        self.plan.saved(time.monotonic() - since)

    def behind(self, save: Callable[[float | None], None], since: float) -> None:
        self.wait()
        self.plan.begun()
        self._under_way = self._thread.submit(_cost_of, save, time.monotonic() - since)


def _cost_of(save: Callable[[float | None], None], waited: float) -> float:
    """The seconds that the training waited and, at the most that it may lose by them, those in which the thread had a processor."""
    began = time.thread_time()
    save(waited)
    return waited + time.thread_time() - began
