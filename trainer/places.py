"""That a training writes where it was told to, and not where a link leads that was put in place of a folder meanwhile."""

from pathlib import Path

from .failures import BadInput


class Places:
    """Folders, and where they really are. A link that was there before is somebody's choice."""

    def __init__(self, *folders: Path):
        self._real = {folder: folder.resolve() for folder in folders}

    def require(self) -> None:
        """To be called before anything is written or removed. Raises BadInput."""
        for folder, real in self._real.items():
            now = folder.resolve()
            if now != real:
                raise BadInput(f"{folder} leads to {now} through a link that was not there when this began, so nothing is written. Put the folder back, then start the run again.")
