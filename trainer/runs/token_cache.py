"""Encoded training data on disk, so that a training that goes on need not tokenize again.

Named by the hash of all that decides the tokens: what is found under the name is what encoding would give.
"""

import hashlib
import json
import os
import struct
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ..datasets.rows import Conversation
from ..platform.failures import CheckpointLost
from ..tokens.all_rows import Data, encode_all
from ..tokens.encoding import IGNORED
from .checkpoints import Checkpoint, sha256_of
from .run_file import RunFile

# What a tokenizer and a chat template are made of, whatever else is in a model's directory.
_TOKENIZER_SUFFIXES = (".json", ".jinja", ".model", ".txt")
_LENGTHS_IN_ZIP = 26  # Where a file's own header in an archive has the lengths of its name and of what follows that.
_COUNTS = ("truncated", "dropped", "skipped", "refused", "reasons", "notes", "is_begun")
# Folders of the trainer whose code makes tokens of rows.
_CODE = ("chats", "datasets", "tokens")


def encode_once(run: RunFile, tokenizer, read: Callable[[], list[Conversation]], data_sha256: str) -> Data:
    """What encode_all gives, from the cache in work_dir where it is there and whole: of several processes the first one encodes, and the others
    need not even `read` the conversations."""
    hyper = run.hyperparameters
    path = run.work_dir / f"tokens-{_key(run, data_sha256)}.npz"
    try:
        return read_tokens(path)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, EOFError, struct.error, zipfile.BadZipFile):
        path.unlink(missing_ok=True)  # Damaged: written anew.
    data = encode_all(tokenizer, read(), hyper.max_length, hyper.too_long, run.choices, hyper.on_bad_rows, run.dataset_names, run.threads)
    for old in run.work_dir.glob("tokens-*"):
        old.unlink(missing_ok=True)
    _write(path, data)
    return data


def tokens_sha256(data: Data) -> str:
    """Of all ids and labels, in their order."""
    if data.sha256 is None:
        digest = hashlib.sha256()
        for row in data.rows:
            for name in ("input_ids", "labels"):
                digest.update(row[name].tobytes())
                digest.update(b"|")
        data.sha256 = digest.hexdigest()
    return data.sha256


def require_same_tokens(resume: Checkpoint, data: Data) -> None:
    """Raises CheckpointLost where the rows were other tokens when the checkpoint was saved: going on would be another training."""
    if resume.tokens_sha256 is None:
        # From before there were hashes of tokens, when nothing was put before a text.
        why = "they begin with what the tokenizer puts before every text (its BOS) now" if data.is_begun else None
    else:
        why = "another version of the trainer or its libraries made them, or the model's tokenizer was changed" if resume.tokens_sha256 != tokens_sha256(data) else None
    if why:
        raise CheckpointLost(
            f"The rows are other tokens now than those that the checkpoint of step {resume.step} was trained on: {why}. "
            "Start the run afresh, or go on with what it began with."
        )


def _key(run: RunFile, data_sha256: str) -> str:
    from importlib.metadata import version

    hyper = run.hyperparameters
    tokenizer_files = [path for path in sorted(run.model_path.rglob("*")) if path.suffix in _TOKENIZER_SUFFIXES and path.is_file()]
    facts = {
        "data": data_sha256,
        "tokenizer": {str(path.relative_to(run.model_path)): sha256_of(path) for path in tokenizer_files},
        "options": [hyper.max_length, hyper.too_long, hyper.on_bad_rows, *vars(run.choices).values()],
        "code": [sha256_of(path) for path in sorted(path for folder in _CODE for path in (Path(__file__).parents[1] / folder).rglob("*.py"))] + [sha256_of(Path(__file__))],
        "versions": [version("transformers"), version("tokenizers"), version("Jinja2")],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _write(path: Path, data: Data) -> None:
    """Whole or not at all. A cache that cannot be written is no reason to end a training."""
    import numpy

    lengths = [len(row["input_ids"]) for row in data.rows]
    ids, labels = (numpy.concatenate([numpy.empty(0, numpy.int32)] + [row[name] for row in data.rows]) for name in ("input_ids", "labels"))
    counts = {name: getattr(data, name) for name in _COUNTS} | {"tokens": list(data.tokens.items()), "sha256": tokens_sha256(data)}
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            numpy.savez(file, ids=ids, labels=labels, lengths=numpy.array(lengths, numpy.int64), counts=json.dumps(counts))
        partial.rename(path)
    except OSError:
        partial.unlink(missing_ok=True)


def read_tokens(path: Path) -> Data:
    """Tokens stay in the file until they are used, and several processes have them in memory once. Raises ValueError where they are not what was written."""
    import numpy

    with path.open("rb") as file, numpy.load(file, allow_pickle=False) as kept:
        lengths, counts = kept["lengths"], json.loads(str(kept["counts"]))
        ids, labels = (_mapped(path, file, kept.zip.getinfo(f"{name}.npy")) for name in ("ids", "labels"))
    data = Data(**{name: counts[name] for name in _COUNTS})
    data.notes = Counter(data.notes)
    data.tokens.update(dict(counts["tokens"]))
    ends = lengths.cumsum()
    for start, end in zip(ends - lengths, ends):
        data.rows.append({"input_ids": ids[start:end], "labels": labels[start:end]})
    if tokens_sha256(data) != counts["sha256"]:
        raise ValueError(f"{path} does not hold the tokens that were written.")
    return data


def _mapped(path: Path, file, member: zipfile.ZipInfo):
    """An array of a file of numpy.savez, which stores arrays as they are, behind a header of the archive's and one of numpy's."""
    import numpy
    from numpy.lib import format as npy

    file.seek(member.header_offset + _LENGTHS_IN_ZIP)
    name_bytes, extra_bytes = struct.unpack("<HH", file.read(4))
    file.seek(name_bytes + extra_bytes, os.SEEK_CUR)
    npy.read_magic(file)
    shape, _, dtype = npy.read_array_header_1_0(file)
    # A plain array: each row is a part of it, and parts of a memmap are slow to make.
    return numpy.memmap(path, dtype, "r", file.tell(), shape).view(numpy.ndarray) if shape[0] else numpy.empty(shape, dtype)
