"""What the trainer tells: JSON lines on a file descriptor, or plain lines for a person at a terminal."""

import json
import math
import os
import threading
from pathlib import Path


class Events:
    """Writes one event per line. Threads may share it."""

    def __init__(self, fd: int | None):
        self._stream = None if fd is None else os.fdopen(fd, "w", buffering=1, encoding="utf-8")
        self._kept = None
        self._lock = threading.Lock()

    def keep(self, path: Path) -> None:
        """From now on writes every event to this file as well: what nobody could record meanwhile is read there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._kept = path.open("a", buffering=1, encoding="utf-8")

    def send(self, type: str, **data) -> None:
        event = {"type": type, **{key: _finite(value) for key, value in data.items()}}
        line = json.dumps(event, allow_nan=False) + "\n"
        with self._lock:
            if self._kept is not None:
                self._keep_line(line)
            if self._stream is None:
                print(f"{type:12} " + "  ".join(f"{key}={_short(value)}" for key, value in event.items() if key != "type"), flush=True)
            else:
                self._stream.write(line)
                self._stream.flush()

    def _keep_line(self, line: str) -> None:
        try:
            self._kept.write(line)
            self._kept.flush()
        except OSError:
            # How this ends must still be told, which would fail the same way.
            self._kept = None
            raise


def _finite(value):
    """JSON has no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _short(value) -> str:
    text = f"{value:.5g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 160 else text[:157] + "..."
