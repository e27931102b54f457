"""What was found out about the files of a model, for as long as they are the same files: to read all of them again takes seconds to minutes."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_SUFFIXES = (".safetensors", ".json")
# A file that was written a moment ago may be written again within one tick of the clock that its times are taken from.
_SETTLED_S = 2.0

Found = TypeVar("Found")


class KnownModel:
    """Of the model in a directory. `cache`: where it is kept; with None, nothing is known, and nothing is kept.

    The files are the same where names, sizes, inodes and both times are: whoever changes one and sets its time back does not set back the time of that.
    """

    def __init__(self, cache: Path | None, model: Path):
        self._model = model
        self._file = cache and cache / "models" / f"{hashlib.sha256(str(model.resolve()).encode()).hexdigest()[:32]}.json"

    def once(self, fact: str, find: Callable[[], Found]) -> Found:
        """What `find` returned for these files: now, or before. It has to be what JSON can write. What it raises is not kept.

        Another rule of finding needs another name of the `fact`.
        """
        if self._file is None:
            return find()
        before, now = self._states(), time.time()
        known = self._read(before)
        if fact in known:
            return known[fact]
        found = find()
        # Of files that changed meanwhile it is kept as of those before, which are nobody's any more.
        if is_settled(before.values(), now):
            self._write(before, {**self._read(before), fact: found})
        return found

    def _states(self) -> dict[str, list[int]]:
        return {path.name: state_of(path) for path in sorted(self._model.iterdir()) if path.suffix in _SUFFIXES and path.is_file()}

    def _read(self, states: dict) -> dict:
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            return kept["facts"] if kept["files"] == states else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}  # Not there, or damaged: it is found out again, and written anew.

    def _write(self, states: dict, facts: dict) -> None:
        draft = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            draft.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps({"model": str(self._model), "files": states, "facts": facts}), encoding="utf-8")
            draft.rename(self._file)
        except OSError:
            # It is found out again, which is no reason to end a training.
            with contextlib.suppress(OSError):
                draft.unlink()


def state_of(path: Path) -> list[int]:
    """What changes when the file does: size, both times, inode."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def is_settled(states, now: float) -> bool:
    """Whether files in these states were last written so long before `now` that another writing has other times."""
    return all(max(mtime, ctime) / 1e9 < now - _SETTLED_S for _, mtime, ctime, _ in states)
