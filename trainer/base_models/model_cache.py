"""A Hugging Face cache directory, as far as models are put into it here."""

import contextlib
import os
import tempfile
from pathlib import Path


def folder_of(cache: Path, name: str) -> Path:
    return cache / ("models--" + name.replace("/", "--"))


@contextlib.contextmanager
def scratch_in(cache: Path):
    """A directory beside the models, to make one aside."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".making-") as scratch:
        yield Path(scratch)


def put(model: Path, folder: Path, revision: str) -> None:
    """Moves a model in, whole, and makes it main: a cache never shows half a model."""
    snapshot = folder / "snapshots" / revision
    snapshot.parent.mkdir(parents=True, exist_ok=True)
    try:
        model.rename(snapshot)
    except OSError:
        if not snapshot.is_dir():  # Another one, who was faster, made the same.
            raise
    make_main(folder, revision)


def make_main(folder: Path, revision: str) -> None:
    reference = folder / "refs" / "main"
    reference.parent.mkdir(exist_ok=True)
    draft = folder / f".main-{os.getpid()}"
    draft.write_text(revision, encoding="utf-8")
    draft.replace(reference)
