"""What a tracker is asked for, and the names of figures that all of them use."""

from pathlib import Path
from typing import NamedTuple, Protocol


class Place(NamedTuple):
    """Where a tracker is: an address or a folder; and what it calls the runs of this service together."""

    at: str
    project: str

    @property
    def folder(self) -> Path:
        return Path(self.at)


class Tracker(Protocol):
    """Each may be asked again for what it has done: it does nothing twice, also where this process was killed in the middle."""

    def open(self, run: dict) -> tuple[str, str | None]:
        """Its id of the run, and the run's address."""

    def rows(self, steps: list[dict], evals: list[dict]) -> None:
        """Returns when they are kept."""

    def close(self, end: dict) -> None:
        """Nothing follows."""


def eval_name(trait: str | None) -> str:
    return "eval/loss" if trait is None else f"eval/{trait}/loss"


def stated(params: dict) -> dict:
    """Those that say something."""
    return {name: value for name, value in params.items() if value is not None}
