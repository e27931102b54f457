"""What the trainings of a run told, read back from work_dir/events: the plan, the steps, and the losses on held-out rows."""

import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class History:
    plan: dict | None = None
    # By step. What a later claim did again counts in place of what an earlier one had done.
    steps: dict[int, dict] = field(default_factory=dict)
    # By trait (None: of all rows), then by step.
    held_out_loss: dict[str | None, dict[int, float]] = field(default_factory=dict)


def read_history(work_dir: Path) -> History:
    """Events of all claims, oldest first. A line that its writer was killed in is left out."""
    history = History()
    files = [path for path in (work_dir / "events").glob("e*.jsonl") if path.stem[1:].isdigit()]
    for path in sorted(files, key=lambda path: int(path.stem[1:])):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                _add(history, line)
    return history


def _add(history: History, line: str) -> None:
    try:
        event = json.loads(line)
    except ValueError:
        return
    if event["type"] == "plan":
        history.plan = event
    elif event["type"] == "step":
        history.steps[event["step"]] = event
    elif event["type"] == "eval" and event["loss"] is not None:
        history.held_out_loss.setdefault(event["trait"], {})[event["step"]] = event["loss"]
