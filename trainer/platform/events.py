"""What the trainer reports: JSON lines on a file descriptor, or plain lines for a person at a terminal."""

import json
import math
import os
import sys
import threading
from functools import cached_property
from pathlib import Path

from .spans import Spans


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
                print(line_for_people(type, data), file=sys.stderr if type == "error" else sys.stdout, flush=True)
            else:
                self._stream.write(line)
                self._stream.flush()

    @cached_property
    def spans(self) -> Spans:
        """Of this training or validation, which begins when they are first asked for."""
        return Spans()

    def make_durable(self) -> None:
        """What was reported is in the kept file after a loss of power as well: whoever goes on from a checkpoint reads there what led to it."""
        kept = self._kept
        if kept is None:
            return
        os.fsync(kept.fileno())  # Whoever reports the next steps meanwhile need not wait.
        fsync(Path(kept.name).parent)

    def _keep_line(self, line: str) -> None:
        try:
            self._kept.write(line)
            self._kept.flush()
        except OSError:
            # How this ends must still be reported, which would fail the same way.
            self._kept = None
            raise


def fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _finite(value):
    """JSON has no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def line_for_people(type: str, data: dict) -> str:
    match type:
        case "error":
            return data["message"]
        case "phase":
            return data["phase"].replace("_", " ").capitalize() + (f": {data['message']}" if data.get("message") else "") + "."
        case "plan":
            return (
                f"{data['total_steps']} steps, {data['steps_per_epoch']} an epoch, on {data['device']}: {data['rows']} rows as {data['examples']} examples of "
                f"{data['tokens']:,} tokens ({data['truncated_rows']} cut off, {data['dropped_rows']} left out for their length, {data['skipped_rows']} without "
                f"an answer). {data['trainable_parameters']:,} of {data['total_parameters']:,} parameters are trained."
            )
        case "step":
            # An index learns nothing, and has no loss.
            learnt = "" if data["loss"] is None else f"loss {data['loss']:.4f}  learning rate {data['learning_rate']:.3g}  "
            return (
                f"step {data['step']:>{len(str(data['total_steps']))}}/{data['total_steps']}  epoch {data['epoch']:.2f}  {learnt}"
                f"{data['tokens_per_s']:,.0f} tokens/s  {duration(data['seconds_left'])} left"
            )
        case "eval":
            loss = "no number" if data["loss"] is None else f"{data['loss']:.4f}"
            whose = f"at step {data['step']}" if data["step"] else "of the base"
            return f"held-out loss {loss} {whose}, {data['trait'] or 'over all'} ({data['rows']} rows)"
        case "compared":
            left = "" if data["seconds_left"] is None else f", about {duration(data['seconds_left'])} left"
            return f"compared {data['percent']:.0f} %{left}"
        case "spans":
            parts = [f"{span['name'].replace('_', ' ')} {span['seconds']:.1f} s" for span in data["spans"]]
            return f"Until now it took {data['seconds']:.1f} s: {', '.join(parts)}."
        case "log":
            return data["message"]
        case "checkpoint":
            return f"checkpoint of step {data['step']}, {data['bytes'] / 1e6:,.1f} MB in {data['seconds']:.1f} s, of which training waited {data['waited_seconds']:.1f} s: {data['path']}"
        case "resumed":
            return f"Going on from the checkpoint of step {data['step']}: {data['path']}"
        case "done" if "final_step" in data["result"]:
            return f"Trained: {data['result']['final_step']} steps."
    return f"{type} " + "  ".join(f"{key}={_short(value)}" for key, value in data.items())


def duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _short(value) -> str:
    text = f"{value:.5g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 160 else text[:157] + "..."
