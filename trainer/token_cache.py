"""Encoded training data on disk, so that a training that goes on need not tokenize again.

Named by the hash of all that decides the tokens: what is found under the name is what encoding would give.
"""

import hashlib
import json
import os
import zipfile
from collections import Counter
from pathlib import Path

from . import answers, asking, encoding, forms, many_turns, messages, rendering, rows, shown, templates, tokens
from .checkpoints import sha256_of
from .encoding import IGNORED, Data, encode_all
from .rows import Conversation
from .run_file import RunFile

# What a tokenizer and a chat template are made of, whatever else is in a model's directory.
_TOKENIZER_SUFFIXES = (".json", ".jinja", ".model", ".txt")
_COUNTS = ("truncated", "dropped", "skipped", "refused", "reasons", "notes")


def encode_once(run: RunFile, tokenizer, conversations: list[Conversation], data_sha256: str) -> Data:
    """What encode_all gives, from the cache in work_dir where it is there and whole. Its rows are arrays."""
    import numpy

    hyper = run.hyperparameters
    path = run.work_dir / f"tokens-{_key(run, data_sha256)}.npz"
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        path.unlink(missing_ok=True)  # Damaged: written anew.
    data = encode_all(tokenizer, conversations, hyper.max_length, hyper.too_long, run.choices, hyper.on_bad_rows, run.dataset_names)
    data.rows = [{name: numpy.array(tokens, numpy.int32) for name, tokens in row.items()} for row in data.rows]
    for old in run.work_dir.glob("tokens-*"):
        old.unlink(missing_ok=True)
    _write(path, data)
    return data


def _key(run: RunFile, data_sha256: str) -> str:
    from importlib.metadata import version

    hyper = run.hyperparameters
    tokenizer_files = [path for path in sorted(run.model_path.rglob("*")) if path.suffix in _TOKENIZER_SUFFIXES and path.is_file()]
    facts = {
        "data": data_sha256,
        "tokenizer": {str(path.relative_to(run.model_path)): sha256_of(path) for path in tokenizer_files},
        "options": [hyper.max_length, hyper.too_long, hyper.on_bad_rows, *vars(run.choices).values()],
        "code": [sha256_of(Path(module.__file__)) for module in (answers, asking, encoding, forms, many_turns, messages, rendering, rows, shown, templates, tokens)] + [sha256_of(Path(__file__))],
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
