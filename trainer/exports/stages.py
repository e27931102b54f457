"""The steps of an export: each leaves a file that is whole, by its hash, and is not made again."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from ..platform.events import fsync
from ..runs.checkpoints import sha256_of

_DONE = "stages.json"


class Stages:
    """In a folder that only one process uses at a time."""

    def __init__(self, folder: Path):
        self.folder = folder
        try:
            self._hashes: dict[str, str] = json.loads((folder / _DONE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            self._hashes = {}

    def made(self, name: str, make: Callable[[Path], None]) -> Path:
        """The file `name`, which `make` writes unless it is there as it was written."""
        path = self.folder / name
        if name in self._hashes and path.is_file() and sha256_of(path) == self._hashes[name]:
            return path
        draft = self.folder / f"{name}.partial"
        draft.unlink(missing_ok=True)
        make(draft)
        with draft.open("rb+") as written:
            os.fsync(written.fileno())
        draft.rename(path)
        self._note({**self._hashes, name: sha256_of(path)})
        return path

    def sha256_of(self, name: str) -> str:
        return self._hashes[name]

    def _note(self, hashes: dict[str, str]) -> None:
        draft = self.folder / f"{_DONE}.partial"
        with draft.open("w", encoding="utf-8") as written:
            json.dump(hashes, written)
            written.flush()
            os.fsync(written.fileno())
        draft.rename(self.folder / _DONE)
        fsync(self.folder)
        self._hashes = hashes
