"""What the trainer tells: JSON lines on a file descriptor, or plain lines for a person at a terminal."""

import json
import math
import os
import threading


class Events:
    """Writes one event per line. Threads may share it."""

    def __init__(self, fd: int | None):
        self._stream = None if fd is None else os.fdopen(fd, "w", buffering=1, encoding="utf-8")
        self._lock = threading.Lock()

    def send(self, type: str, **data) -> None:
        event = {"type": type, **{key: _finite(value) for key, value in data.items()}}
        with self._lock:
            if self._stream is None:
                print(f"{type:12} " + "  ".join(f"{key}={_short(value)}" for key, value in event.items() if key != "type"), flush=True)
            else:
                self._stream.write(json.dumps(event, allow_nan=False) + "\n")
                self._stream.flush()


def _finite(value):
    """JSON has no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _short(value) -> str:
    text = f"{value:.5g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 160 else text[:157] + "..."
