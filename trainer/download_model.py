"""python -m trainer.download_model --cache DIR --work DIR --name ORG/NAME --revision REVISION [--commit HASH]: fetches a model from the Hugging Face hub into a
cache directory. Tells how far it is as JSON lines on file descriptor 3. Until all is there and right, it lies in the work directory, of the cache's disk."""

import argparse
import contextlib
import errno
import json
import shutil
import sys
import threading
import time
from pathlib import Path

from .base_models import hub, hub_snapshot, model_cache
from .base_models.hub_files import fetch, is_right
from .platform.alone import alone_in
from .platform.events import Events
from .platform.failures import BadInput, DiskFull, TrainerFailure, as_failure
from .platform.room import in_gb
from .platform.supervision import Commands, obey_stdin

_TELL_EVERY_S = 1
# As src/platform/files.ts has it: for the database, and runs that save their checkpoints.
KEEP_FREE_BYTES = 256 * 2**20


class NoRoom(DiskFull):
    def __init__(self, cache: Path, needed: int):
        super().__init__(
            f"The rest of the model needs {in_gb(needed)} on the disk of {cache}, with what is to stay free, and {in_gb(free_bytes(cache))} are. "
            "Make room: the download goes on by itself once there is some."
        )
        self.needed_bytes = needed


class Download:
    """One model on its way. What is there of it is counted by file, so that progress never goes back where a file is begun anew."""

    def __init__(self, chosen: argparse.Namespace, events: Events):
        self.chosen, self.events = chosen, events
        self.folder = model_cache.folder_of(chosen.cache, chosen.name)
        self.blobs = hub_snapshot.blobs_of(hub_snapshot.draft_in(chosen.work))
        self.files: list[hub.HubFile] = []
        self.done: dict[str, int] = {}
        self.told: dict | None = None

    def run(self) -> None:
        # Its commit, once it has one: a branch may move while a model comes in.
        offer = hub.look_up(self.chosen.name, self.chosen.commit or self.chosen.revision)
        texts = hub.texts_of(offer)
        self.keep_telling()
        self.events.send("resolved", commit=offer.commit, license=offer.license)
        self.blobs.mkdir(parents=True, exist_ok=True)
        # What an index names is known once it is there.
        weights = hub.weights_of(offer, None) if hub.WEIGHTS in offer.files else []
        self.begin([*texts, *weights])
        index = None
        for file in texts:
            self.bring(offer, file)
            if file.name == "config.json":
                hub.require_no_code_of_its_own(self.chosen.name, self.read(file))
            if file.name == hub.INDEX:
                index = self.read(file)
        if not weights:
            weights = hub.weights_of(offer, index)
            self.begin([*texts, *weights])
        for file in weights:
            self.bring(offer, file)
        self.tell()
        names = {file.name: file.hash for file in self.files}
        hub_snapshot.publish(hub_snapshot.draft_in(self.chosen.work), self.folder, offer.commit, self.chosen.revision, names)

    def begin(self, files: list[hub.HubFile]) -> None:
        """These are all of it, as far as is known. Raises NoRoom where the disk has none for what is missing."""
        for file in files:
            if file.name not in self.done:
                self.done[file.name] = self.has(file)
        self.files = files
        self.tell()
        needed = self.missing_bytes() + KEEP_FREE_BYTES
        if needed > free_bytes(self.chosen.cache):
            raise NoRoom(self.chosen.cache, needed)

    def has(self, file: hub.HubFile) -> int:
        """How much of a file need not be fetched: all of one that was verified, or that the cache has of another revision."""
        if (self.blobs / file.hash).is_file() or is_right(hub_snapshot.blobs_of(self.folder) / file.hash, file):
            return file.size
        with contextlib.suppress(FileNotFoundError):
            # Never all: it is to be verified yet.
            return min((self.blobs / f"{file.hash}.part").stat().st_size, file.size - 1)
        return 0

    def bring(self, offer: hub.Offer, file: hub.HubFile) -> None:
        if self.done[file.name] == file.size:
            return

        def told(count: int) -> None:
            self.done[file.name] = min(count, file.size - 1)

        try:
            # Two names may have the same content.
            if not (self.blobs / file.hash).is_file():
                fetch(offer, file, self.blobs / file.hash, told)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoRoom(self.chosen.cache, self.missing_bytes() + KEEP_FREE_BYTES) from error
            raise
        self.done[file.name] = file.size

    def read(self, file: hub.HubFile):
        fetched = self.blobs / file.hash
        path = fetched if fetched.is_file() else hub_snapshot.blobs_of(self.folder) / file.hash
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise BadInput(f"{file.name} of {self.chosen.name} is no JSON. Take another revision of the model.") from None

    def missing_bytes(self) -> int:
        return sum(file.size - self.done[file.name] for file in self.files)

    def tell(self) -> None:
        files, done = self.files, dict(self.done)
        total = sum(file.size for file in files)
        there = sum(done[file.name] for file in files)
        whole = sum(done[file.name] == file.size for file in files)
        progress = {"bytes_done": there, "bytes_total": total, "files_done": whole, "files_total": len(files)}
        if files and progress != self.told:
            self.told = progress
            self.events.send("progress", **progress)

    def keep_telling(self) -> None:
        """Beside what fetches: a server that sends nothing for a while does not keep the last bytes from being told."""

        def tell() -> None:
            while True:
                time.sleep(_TELL_EVERY_S)
                self.tell()

        threading.Thread(target=tell, daemon=True, name="progress").start()


def free_bytes(cache: Path) -> int:
    return shutil.disk_usage(cache).free


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m trainer.download_model", description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--revision", required=True)
    parser.add_argument("--commit")
    chosen = parser.parse_args()
    obey_stdin(Commands())
    events = Events(3)
    try:
        with alone_in(chosen.work):
            Download(chosen, events).run()
    except Exception as error:
        failure = as_failure(error) if isinstance(error, TrainerFailure) else of_this_machine(error, chosen.cache)
        waits = {name: getattr(failure, name, None) for name in ("needed_bytes", "retry_after_s")}
        events.send("failed", kind=failure.kind, message=str(failure), **waits)
        sys.exit(failure.code)
    events.send("done")


def of_this_machine(error: Exception, cache: Path) -> TrainerFailure:
    """The cache may be read-only, or its disk full, before a file is begun."""
    if isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return hub.HubAway(f"The cache {cache} cannot be written to ({error.strerror}). Let the host agent write to it; the download goes on by itself then.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoRoom(cache, KEEP_FREE_BYTES)
    return as_failure(error)


if __name__ == "__main__":
    main()
