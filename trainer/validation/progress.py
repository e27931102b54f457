"""How far a comparison of base and tuned is: it takes minutes on a CPU."""

import time
from collections.abc import Callable

from ..platform.events import Events

_TELL_EVERY_S = 1.0


class Progress:
    """Sends how much of `whole` is done and about how long the rest takes, once a second at most."""

    def __init__(self, events: Events, whole: float):
        self._events, self._whole = events, whole
        self._before = self._part = 0.0
        self._began = self._sent = time.monotonic()

    def of_part(self, size: float, each: float = 1.0) -> Callable[[int], None]:
        """The next part, of `size`; the one before is done. What is returned hears how much of it is done, in units of `each`."""
        self._before += self._part
        self._part = size
        return lambda done: self._send(self._before + each * done)

    def _send(self, done: float) -> None:
        now = time.monotonic()
        if now - self._sent < _TELL_EVERY_S:
            return
        self._sent = now
        share = min(1.0, done / self._whole)
        left = (now - self._began) * (1 - share) / share if share else None
        self._events.send("compared", percent=100 * share, seconds_left=left)
