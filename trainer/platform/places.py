"""That a training writes where it was asked to, and not where a link leads that was put in place of a folder meanwhile."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .failures import BadInput


class Places:
    """Folders, and where they really are. A link that was there before is somebody's choice."""

    def __init__(self, *folders: Path):
        self._real = {folder: folder.resolve() for folder in folders}

    def require(self) -> None:
        """To be called before anything is written or removed. Raises BadInput."""
        for folder in self._real:
            self._require(folder, folder.resolve())

    def _require(self, folder: Path, now: Path) -> None:
        if now != self._real[folder]:
            raise BadInput(f"{folder} leads to {now} through a link that was not there when this began, so nothing is written. Put the folder back, then start the run again.")

    @contextmanager
    def fresh(self, output: Path) -> Iterator[Path]:
        """A path of `output`, made afresh, that stays the same directory: to write a model takes minutes, and a link may come in between.
        Where that fails nothing is left: on a full disk half a model takes the room for a whole one."""
        self.require()
        output.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(output.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            parent = Path(f"/proc/self/fd/{descriptor}")
            if parent.exists():
                self._require(output.parent, parent.resolve())
            else:  # Not on Linux: as good as names can do it.
                self.require()
                parent = output.parent
            made = parent / output.name
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            try:
                yield made
                _as_others(made)
            except BaseException:
                shutil.rmtree(made, ignore_errors=True)
                raise
        finally:
            os.close(descriptor)


def _as_others(folder: Path) -> None:
    """Gives files the modes that new files have: safetensors writes its own for their owner alone, and whoever serves a model may be another."""
    umask = os.umask(0)
    os.umask(umask)
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o666 & ~umask)
