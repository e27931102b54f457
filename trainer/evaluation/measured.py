"""What a training measured on held-out rows, row by row. It is kept by claim under work_dir/evaluations, where validation finds
it, and what counts of it in each checkpoint, for a run that goes on elsewhere."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from .evaluation import Losses

FOLDER = "evaluations"
FILE = "evaluations.json"
MOST_TRIES = 2


@dataclass
class Measured:
    """By step, the losses; at step 0 those of the base, as it was before anything was learnt."""

    rows: str
    by_step: dict[int, Losses] = field(default_factory=dict)
    left_out: set[int] = field(default_factory=set)
    # Steps whose evaluation was begun and did not end, and how often: whoever measured was killed.
    begun: dict[int, int] = field(default_factory=dict)
    # Whose weights were exported.
    exported_step: int | None = None

    @property
    def given_up(self) -> bool:
        """Whether evaluating was what killed the trainer, as far as one can tell."""
        return any(times >= MOST_TRIES for times in self.begun.values())

    def is_settled(self, step: int) -> bool:
        return step in self.by_step or step in self.left_out

    def add(self, line: dict) -> None:
        if "exported_step" in line:
            self.exported_step = line["exported_step"]
            return
        step, what = line["step"], line["what"]
        if what == "begun":
            self.begun[step] = self.begun.get(step, 0) + 1
            return
        if what != "killed":
            self.begun.pop(step, None)
        if what == "measured":
            self.by_step[step] = {trait: [tuple(row) for row in rows] for trait, rows in line["losses"].items()}
            self.left_out.discard(step)
        else:
            self.left_out.add(step)

    def as_text(self, best_step: int | None) -> str:
        """What its file in a checkpoint holds: the base's, the latest, and those of the best."""
        kept = {0, max(self.by_step, default=0), best_step}
        losses = {step: losses for step, losses in self.by_step.items() if step in kept}
        return json.dumps({"rows": self.rows, "by_step": losses})


class Record:
    """What was measured, and the file of this claim that it is added to."""

    def __init__(self, work_dir: Path, lease_epoch: int, rows: str, checkpoint: Path | None = None, step: int = 0):
        """`checkpoint`, of `step`: what the training goes on from, and what was measured until then."""
        folder = work_dir / FOLDER
        told = read_claims(folder, rows, before=lease_epoch)
        self.measured = Measured(rows, begun=told.begun)
        # Of what was measured by those who trained these steps here; another run's checkpoint knows of what none reported here.
        self.untold: dict[int, Losses] = {}
        if checkpoint is not None:
            here = {number: losses for number, losses in told.by_step.items() if number <= step}
            kept = {number: losses for number, losses in _kept_in(checkpoint, rows).items() if number <= step}
            self.untold = {number: losses for number, losses in kept.items() if number not in here}
            self.measured.by_step = {**kept, **here}
            self.measured.left_out = {number for number in told.left_out if number <= step}
            if not (checkpoint / FILE).exists():
                self.measured.left_out.add(step)  # Of an earlier version, which evaluated before it saved.
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"e{lease_epoch}.jsonl"
        for number, losses in self.measured.by_step.items():
            self._write({"step": number, "what": "measured", "losses": losses})

    def add(self, **line) -> None:
        self.measured.add(line)
        self._write(line)

    def _write(self, line: dict) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"rows": self.measured.rows, **line}) + "\n")


def read_claims(folder: Path, rows: str | None = None, before: int | None = None) -> Measured:
    """What all claims noted, or those before one: what a later one noted counts in place of an earlier one's. Of other rows than
    these, nothing; without `rows`, of those that were measured last."""
    claims = sorted(int(path.stem[1:]) for path in folder.glob("e*.jsonl") if path.stem[1:].isdigit())
    lines = [line for claim in claims if before is None or claim < before for line in _lines(folder / f"e{claim}.jsonl")]
    if rows is None:
        rows = lines[-1]["rows"] if lines else ""
    measured = Measured(rows)
    for line in lines:
        if line["rows"] == rows:
            measured.add(line)
    return measured


def _lines(file: Path) -> list[dict]:
    """Without one that its writer was killed in."""
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def _kept_in(checkpoint: Path, rows: str) -> dict[int, Losses]:
    """Checkpoints of earlier versions have none."""
    file = checkpoint / FILE
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if kept.get("rows") != rows:
        return {}
    return {int(step): {trait: [tuple(row) for row in losses] for trait, losses in by_trait.items()} for step, by_trait in kept["by_step"].items()}
