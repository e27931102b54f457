"""A model that came from a hub, in the cache's own layout: put together aside, and shown as a whole."""

import os
from pathlib import Path


def draft_in(work: Path) -> Path:
    """Where a model is put together that is not to be seen yet, in the cache's own layout."""
    return work / "model"


def blobs_of(folder: Path) -> Path:
    return folder / "blobs"


def publish(draft: Path, folder: Path, commit: str, revision: str, names: dict[str, str]) -> None:
    """Shows a model whose blobs were verified, in a draft or in the folder already; `names`: of which blob each file has the content. May be done again
    after it was broken off anywhere: until its last step the cache shows what it showed before."""
    target = folder if folder.is_dir() else draft
    for blob in set(blobs_of(draft).iterdir()) - {blobs_of(draft) / digest for digest in names.values()}:
        blob.unlink()  # Of what its revision was before.
    for blob in sorted(blobs_of(draft).iterdir()) if target is folder else []:
        blobs_of(folder).mkdir(exist_ok=True)
        blob.replace(blobs_of(folder) / blob.name)
    _sync(blobs_of(target))
    snapshot = target / "snapshots" / commit
    # Its own tools may have left a part of this snapshot. What makes it a model comes last.
    for name in sorted(names, key=lambda name: name == "config.json"):
        link = (snapshot if snapshot.is_dir() else draft / "snapshot") / name
        link.parent.mkdir(parents=True, exist_ok=True)
        aside = draft / "link"
        aside.unlink(missing_ok=True)
        aside.symlink_to(os.path.relpath(Path("blobs", names[name]), Path("snapshots", commit, name).parent))
        aside.replace(link)
        _sync(link.parent)
    if not snapshot.is_dir():
        snapshot.parent.mkdir(exist_ok=True)
        (draft / "snapshot").rename(snapshot)
    _sync(snapshot.parent)
    if revision != commit:
        reference = target / "refs" / revision
        reference.parent.mkdir(parents=True, exist_ok=True)
        aside = draft / "reference"
        aside.write_text(commit, encoding="utf-8")
        aside.replace(reference)
        _sync(reference)
        _sync(reference.parent)
    if target is draft:
        draft.rename(folder)
    _sync(folder.parent)


def _sync(path: Path) -> None:
    """Names in a folder, or what a file holds, survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
