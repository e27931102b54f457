"""A base model with tokens that its vocabulary lacks: written out once, into the run's folder, and trained, compared, merged and exported as any other base.

Its tokenizer has them behind its own. Where embeddings and output have rows for them already, as those of many models do, these are theirs, and else rows are added. A new
row begins as the mean of the rows of the tokens that the new token's text was made of until then (fast vocabulary transfer, https://arxiv.org/abs/2402.09977, 3.1); one of a
text that the tokenizer did not know, as the mean of all rows (https://nlp.stanford.edu/~johnhew/vocab-expansion.html). docs/training.md says what was measured.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

from ..base_models.base_config import CONFIG, class_of, config_in, whole_config, write_json
from ..base_models.base_in_16_bits import copy_beside_weights, make_as_a_whole
from ..base_models.models import load_tokenizer
from ..base_models.new_tokens import add_to, pieces_of, write_tokenizer
from ..bundle.fingerprint import fingerprint_of
from ..platform.events import Events
from ..platform.failures import BadInput
from ..platform.room import require_room
from ..platform.safetensors_files import INDEX, bytes_of, uses_index, weight_bytes, write
from ..runs.run_file import RunFile
from .layout import Layout

PREFIX = "base-with-tokens-"


def upon_new_tokens(run: RunFile, tokens: list[str], events: Events) -> RunFile:
    """The run upon weights and a tokenizer with these tokens: itself, where there are none, or upon the folder of its own that is made where it is not there. Raises BadInput or DiskFull."""
    if not tokens:
        return run
    name = hashlib.sha256(json.dumps([fingerprint_of(run.model_path), tokens]).encode()).hexdigest()
    folder = run.work_dir / f"{PREFIX}{name[:16]}"
    if folder.is_symlink() or not folder.is_dir():
        run.places.require()
        if folder.is_symlink():
            folder.unlink()
        require_room([(folder, weight_bytes(run.model_path), "the base model with new tokens")])
        make_as_a_whole(folder, lambda draft: _write(run.model_path, tokens, draft, events))
    return run.upon(folder)


def link(file: Path, target: Path) -> None:
    try:
        os.link(file, target)
    except OSError:  # On another disk, or where the system forbids it.
        shutil.copyfile(file, target)


def _write(base: Path, tokens: list[str], draft: Path, events: Events) -> None:
    tokenizer = load_tokenizer(base)
    pieces = [pieces_of(tokenizer, token) for token in tokens]
    known, added = len(tokenizer), dict(zip(tokens, add_to(tokenizer, tokens)))
    layout, names = _vocabulary_of(base)
    before = whole_config(base).get_text_config().vocab_size
    size = max(before, max(added.values()) + 1)

    draft.mkdir()
    copy_beside_weights(base, draft)
    write_tokenizer(tokenizer, base, draft, added)
    _write_config(base, draft, size)
    for file, header in layout.headers.items():
        if not names & header.tensors.keys():
            link(file, draft / file.name)
            continue
        grown = {name: with_rows(layout.read(name), size, added, pieces) for name in names & header.tensors.keys()}
        tensors = {name: (each.dtype, list(grown[name].shape) if name in grown else each.shape, grown[name].nbytes if name in grown else each.end - each.begin) for name, each in header.tensors.items()}
        write(draft / file.name, tensors, header.metadata, lambda name, file=file, header=header, grown=grown: [_bytes(grown[name])] if name in grown else bytes_of(file, header, name))
    if uses_index(base):
        index = json.loads((base / INDEX).read_text(encoding="utf-8"))
        write_json(draft / INDEX, {**index, "metadata": {**index.get("metadata", {}), "total_size": weight_bytes(draft)}})
    where = f"{size - before} rows were added to the {before} of its embeddings" if size > before else f"its embeddings have {before} rows, of which its own tokens use {known}"
    events.send("log", level="info", message=f"The base model has {len(tokens)} new tokens ({', '.join(f'{token} as {number}' for token, number in list(added.items())[:5])}{', …' if len(added) > 5 else ''}): {where}.")


def with_rows(weights, size: int, added: dict[str, int], pieces: list[list[int]]):
    """A matrix of the vocabulary, or the biases of one, with so many rows, those of the new tokens as they begin."""
    import torch

    mean = weights.float().mean(dim=0)
    grown = torch.cat([weights, mean.to(weights.dtype).expand(size - len(weights), *weights.shape[1:])])
    for number, made_of in zip(added.values(), pieces):
        grown[number] = (weights[made_of].float().mean(dim=0) if made_of else mean).to(weights.dtype)
    return grown


def _vocabulary_of(base: Path) -> tuple[Layout, set[str]]:
    """Where the weights of a model are, and which of its tensors in the files have a row for each token. Raises BadInput where others than embeddings and output have."""
    import torch

    with torch.device("meta"):
        model = class_of(base).from_config(whole_config(base))
    size = whole_config(base).get_text_config().vocab_size
    layers = [layer for layer in (model.get_input_embeddings(), model.get_output_embeddings()) if layer is not None]
    own = {id(parameter) for layer in layers for parameter in layer.parameters()}
    names = [name for name, parameter in model.named_parameters() if id(parameter) in own]
    odd = [name for name, parameter in model.named_parameters() if id(parameter) in own and parameter.shape[0] != size]
    # Embeddings of positions are far fewer.
    odd += [name for name, layer in model.named_modules() if isinstance(layer, torch.nn.Embedding) and layer not in layers and 2 * layer.num_embeddings > size]
    if odd:
        raise BadInput(
            f"hyperparameters.new_tokens is given, and this model ({model.config.model_type}) keeps something for each token in {odd[0]}, otherwise than as one row of vocab_size ({size}) rows of embeddings and "
            "output: it is not known how to add some. Leave new_tokens out, or take another model."
        )
    layout = Layout(model, base, names)
    return layout, {stored for name in names for stored in layout.stored_of(name)}


def _write_config(base: Path, draft: Path, size: int) -> None:
    config = config_in(base)
    parts = [config, *(config[name] for name in ("text_config",) if isinstance(config.get(name), dict))]
    for part in parts:
        if "vocab_size" in part or part is parts[-1]:
            part["vocab_size"] = size
    write_json(draft / CONFIG, config)


def _bytes(tensor) -> memoryview:
    import torch

    return memoryview(tensor.contiguous().view(-1).view(torch.uint8).numpy())
