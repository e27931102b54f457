"""A base model whose weights are stored in fewer bits than 16 is written out once, in 16, and trained, merged and compared as any other.

The copy lies in the run's folder, whole from the moment on that it has its name, for whichever worker goes on with the run. The validation
removes it: after that nobody needs it.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..bundle.fingerprint import fingerprint_of
from ..platform.events import Events, fsync
from ..platform.room import in_gb, require_room
from ..platform.safetensors_files import INDEX, uses_index, write
from ..runs.run_file import RunFile
from .base_config import CONFIG, COPIED, config_in, write_json
from .quantization import quantization_in, without_quantization
from .stored_base import StoredBase

PREFIX = "base-in-16-bits-"
_WEIGHTS = {".safetensors", ".bin", ".pt", ".pth", ".gguf", ".onnx", ".h5", ".msgpack", ".ot"}


def upon_16_bits(run: RunFile, events: Events) -> RunFile:
    """The run upon weights of 16 bits: itself, or upon the copy in its folder, which is made where it is not there. Raises BadInput or DiskFull."""
    if quantization_in(config_in(run.model_path)) is None:
        return run
    copy = run.work_dir / f"{PREFIX}{fingerprint_of(run.model_path)[:16]}"
    if copy.is_symlink() or not copy.is_dir():
        run.places.require()
        remove_folders(run, PREFIX)
        _make(run, copy, events)
    return run.upon(copy)


@contextmanager
def looked_at_upon_16_bits(run: RunFile, events: Events) -> Iterator[RunFile]:
    """The same for a look at what was trained, which leaves no copy. Of checks there may be several at once: each has one of its own.
    A merged model is checked without its base, but for whether any weight is another, which needs no copy."""
    if quantization_in(config_in(run.model_path)) is None or run.task == "check" and run.is_merged:
        yield run
    elif run.task == "validate":
        yield upon_16_bits(run, events)
        run.places.require()
        remove_folders(run, PREFIX)
    else:
        with tempfile.TemporaryDirectory(prefix=f"{PREFIX}check-", dir=run.work_dir) as folder:
            copy = Path(folder) / "base"
            _make(run, copy, events)
            yield run.upon(copy)


def make_as_a_whole(folder: Path, write: Callable[[Path], None]) -> None:
    """Has `write` make a folder and fill it, under another name: from the moment on that it is called `folder`, it is whole and durable."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        write(draft)
        for path in [*draft.rglob("*"), draft]:
            fsync(path)
        draft.rename(folder)
        fsync(folder.parent)
    except BaseException:
        # On a full disk half of it takes the room for a checkpoint.
        shutil.rmtree(draft, ignore_errors=True)
        raise


def remove_folders(run: RunFile, prefix: str) -> None:
    """Those of the run that are named so: whole ones, half ones, and those of other files under the same name."""
    for left in run.work_dir.glob(f"{prefix}*"):
        if left.is_symlink():
            left.unlink()
        else:
            shutil.rmtree(left, ignore_errors=True)


def _make(run: RunFile, copy: Path, events: Events) -> None:
    base = StoredBase(run.model_path)
    require_room([(copy, base.bytes, "the base model in 16 bits")])
    events.send("log", level="info", message=f"The base model is stored in fewer bits ({base.method}). It is written out in 16 bits: {in_gb(base.bytes)}, until the run is validated.")
    make_as_a_whole(copy, lambda draft: write_out(base, draft))


def write_out(base: StoredBase, folder: Path) -> None:
    """A folder of the model with weights in 16 bits, and all else as it is. A tensor at a time is in memory."""
    folder.mkdir()
    copy_beside_weights(base.path, folder)
    for file, tensors in base.of_file.items():
        write(folder / file.name, tensors, base.metadata_of(file), lambda name, file=file: base.pieces_of(file, name))
    if uses_index(base.path):
        shards = {name: file.name for file, tensors in base.of_file.items() for name in tensors}
        write_json(folder / INDEX, {"metadata": {"total_size": base.bytes}, "weight_map": shards})
    write_json(folder / CONFIG, without_quantization(base.config))


def copy_beside_weights(model: Path, folder: Path) -> None:
    """What a model's folder has beside weights and config.json."""
    for path in model.iterdir():
        if path.is_dir() and COPIED.fullmatch(path.name):
            shutil.copytree(path, folder / path.name, copy_function=shutil.copyfile)
        elif path.is_file() and path.suffix not in _WEIGHTS and path.name not in (INDEX, CONFIG):
            shutil.copyfile(path, folder / path.name)
