"""Tokens that a base's vocabulary lacks, in its tokenizer."""

import json
from pathlib import Path

from ..platform.failures import BadInput
from .base_config import write_json
from .models import load_tokenizer

_CONFIG = "tokenizer_config.json"
# A token is made of its text wherever that stands, also next to letters, and is part of what a model says: it is no mark that is left out of an answer.
_FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}


def ids_of(model: Path, tokens: list[str] | None) -> list[int]:
    """The numbers of tokens that the tokenizer in a folder has."""
    return load_tokenizer(model).convert_tokens_to_ids(tokens) if tokens else []


def pieces_of(tokenizer, token: str) -> list[int]:
    """What a text is made of where it is no token."""
    return [each for each in tokenizer.backend_tokenizer.encode(token, add_special_tokens=False).ids if each != tokenizer.unk_token_id]


def require_new(tokenizer, tokens: list[str]) -> None:
    """Raises BadInput for a token that the vocabulary has: it would be no new one."""
    vocabulary = tokenizer.get_vocab()
    for token in tokens:
        pieces = pieces_of(tokenizer, token)
        found = vocabulary.get(token, pieces[0] if len(pieces) == 1 else None)
        if found is not None:
            raise BadInput(
                f"hyperparameters.new_tokens has {token!r}, which the vocabulary of the base model has already, as token {found}: rows are split with it as it is. Leave it out. "
                "Where the model hardly knows it, let its embeddings learn: standard trains them, and adapters do with modules_to_save."
            )


def add_to(tokenizer, tokens: list[str]) -> list[int]:
    """Gives a tokenizer tokens that it lacks, and says their numbers, which follow its own in the order of `tokens`. Raises BadInput for those that it has, or cannot find in a text."""
    from tokenizers import AddedToken

    require_new(tokenizer, tokens)
    tokenizer.add_tokens([AddedToken(token, **_FLAGS) for token in tokens])
    ids = tokenizer.convert_tokens_to_ids(tokens)
    for token, number in zip(tokens, ids):
        if number not in tokenizer.backend_tokenizer.encode(f"a{token}b", add_special_tokens=False).ids:
            raise BadInput(f"hyperparameters.new_tokens has {token!r}, which the tokenizer of the base model does not find in a text once it has it: another token takes part of it. Choose another text for it.")
    return ids


def unseen(tokenizer, tokens: list[str], rows: list[dict]) -> list[str]:
    """Those that no row of a training has among its tokens."""
    import numpy

    left = dict(zip(tokenizer.convert_tokens_to_ids(tokens), tokens)) if tokens else {}
    for row in rows:
        if not left:
            break
        for number in numpy.intersect1d(row["input_ids"], list(left)):
            del left[int(number)]
    return list(left.values())


def write_tokenizer(tokenizer, base: Path, folder: Path, added: dict[str, int]) -> None:
    """The files of a tokenizer that was given `added`, where those of its base lie already. What reads tokenizer.model, as llama.cpp's converter, finds them in the other files."""
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    config = _read(base / _CONFIG)
    if "added_tokens_decoder" in config or (base / "tokenizer.model").is_file():
        described = {str(number): {"content": token, **_FLAGS} for token, number in added.items()}
        write_json(folder / _CONFIG, {**config, "added_tokens_decoder": {**config.get("added_tokens_decoder", {}), **described}})
    if (base / "added_tokens.json").is_file():
        write_json(folder / "added_tokens.json", {**_read(base / "added_tokens.json"), **added})


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
