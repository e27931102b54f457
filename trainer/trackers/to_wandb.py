"""To files of Weights & Biases, which `wandb sync` sends to a server. wandb cannot go on with a file that it began, and sends what two files of one
run have twice: so each is written at the end of its run, as a whole, and takes its place at once."""

import shutil
from pathlib import Path

import wandb

from .told import Place, eval_name, stated

ENDED_WELL = 0
FAILED = 1


class ToWandb:
    def __init__(self, place: Place):
        self.place = place
        self.run = None
        self.draft = Path()
        self.evals: dict[int, dict] = {}

    def open(self, run: dict) -> tuple[str, str | None]:
        run_id = run["token"].replace("-", "")
        self.published = self.place.folder / "wandb"
        self.published.mkdir(parents=True, exist_ok=True)
        there = next(self.published.glob(f"*-{run_id}"), None)
        if there is not None:
            return run_id, str(there)
        self.draft = self.place.folder / f".{run_id}.partial"
        shutil.rmtree(self.draft, ignore_errors=True)
        self.draft.mkdir()
        quiet = wandb.Settings(silent=True, console="off", x_disable_stats=True, x_disable_meta=True, disable_git=True, disable_code=True, save_code=False)
        asked = run.get("wandb", {})
        self.run = wandb.init(
            project=asked.get("project", self.place.project),
            entity=asked.get("entity"),
            tags=asked.get("tags"),
            id=run_id,
            name=run["name"],
            dir=self.draft,
            mode="offline",
            config={**stated(run["params"]), **run["tags"]},
            settings=quiet,
        )
        # Where it will be.
        return run_id, str(self.published / Path(self.run.dir).parent.name)

    def rows(self, steps: list[dict], evals: list[dict]) -> None:
        """Held-out losses come first: each stands with the figures of its step."""
        if self.run is None:
            return
        for row in evals:
            self.evals.setdefault(row["step"], {"_timestamp": row["at_ms"] / 1000})[eval_name(row["trait"])] = row["loss"]
        for row in steps:
            self._log_evals(before=row["step"])
            self.run.log({**row["figures"], "_timestamp": row["at_ms"] / 1000, **self.evals.pop(row["step"], {})}, step=row["step"])

    def close(self, end: dict) -> None:
        if self.run is None:
            return
        self._log_evals(before=None)
        self.run.summary.update({**end["summary"], **end["tags"], **{f"artifact/{name}": where for name, where in end["artifacts"].items()}})
        self.run.finish(exit_code=ENDED_WELL if end["status"] == "FINISHED" else FAILED)
        written = Path(self.run.dir).parent
        written.rename(self.published / written.name)
        shutil.rmtree(self.draft, ignore_errors=True)

    def _log_evals(self, before: int | None) -> None:
        for step in sorted(step for step in self.evals if before is None or step < before):
            self.run.log(self.evals.pop(step), step=step)
