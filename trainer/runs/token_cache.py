"""Encoded training data on disk, so that a training that goes on need not tokenize again.

Named by the hash of all that decides the tokens: what is found under the name is what encoding would give.
"""

import hashlib
import json
import os
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
_COUNTS = ("truncated", "dropped", "skipped", "refused", "reasons", "notes", "is_begun")
# Folders of the trainer whose code makes tokens of rows.
_CODE = ("chats", "datasets", "tokens")


def encode_once(run: RunFile, tokenizer, read: Callable[[], list[Conversation]], data_sha256: str) -> Data:
    """What encode_all gives, from the cache in work_dir where it is there and whole: of several processes the first one encodes, and the others
    need not even `read` the conversations."""
    hyper = run.hyperparameters
    path = run.work_dir / f"tokens-{_key(run, data_sha256)}.npz"
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        path.unlink(missing_ok=True)  # Damaged: written anew.
    data = encode_all(tokenizer, read(), hyper.max_length, hyper.too_long, run.choices, hyper.on_bad_rows, run.dataset_names, run.threads)
    for old in run.work_dir.glob("tokens-*"):
        old.unlink(missing_ok=True)
    _write(path, data)
    return data


def tokens_sha256(data: Data) -> str:
    """Of all ids and labels, in their order."""
    digest = hashlib.sha256()
    for row in data.rows:
        for name in ("input_ids", "labels"):
            digest.update(row[name].tobytes())
            digest.update(b"|")
    return digest.hexdigest()


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
    counts = {name: getattr(data, name) for name in _COUNTS} | {"tokens": list(data.tokens.items())}
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            numpy.savez(file, ids=ids, is_learnt=labels != IGNORED, lengths=numpy.array(lengths, numpy.int64), counts=json.dumps(counts))
        partial.rename(path)
    except OSError:
        partial.unlink(missing_ok=True)


def _read(path: Path) -> Data:
    import numpy

    with path.open("rb") as file, numpy.load(file, allow_pickle=False) as kept:
        ids, is_learnt, lengths = kept["ids"], kept["is_learnt"], kept["lengths"]
        counts = json.loads(str(kept["counts"]))
    labels = numpy.where(is_learnt, ids, numpy.int32(IGNORED))
    data = Data(**{name: counts[name] for name in _COUNTS})
    data.notes = Counter(data.notes)
    data.tokens.update(dict(counts["tokens"]))
    ends = lengths.cumsum()
    for start, end in zip(ends - lengths, ends):
        data.rows.append({"input_ids": ids[start:end], "labels": labels[start:end]})
    return data
