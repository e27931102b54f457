"""What a training begins from, where that is not its base model as it is: adapters that it goes on learning, or weights that take the place of its base's.

A start is weights, and nothing else: the tokenizer, the chat template and what ends an answer are the base's. Adapters go on where the training has adapters of
the same shape. All other starts become a whole model in the run's folder, in the layout and the types of the base, from the first step until it is validated: all
that has to do with the base (4 bits, merging, the comparison, the reference of dpo) is upon that.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..base_models.adapters import add_lora, add_trained_lora
from ..base_models.base_config import ADAPTER_CONFIG, CONFIG, class_of, config_in, whole_config
from ..base_models.base_in_16_bits import copy_beside_weights, make_as_a_whole, remove_folders
from ..base_models.models import load_model, load_tokenizer
from ..base_models.new_tokens import ids_of
from ..base_models.quantization import quantization_in
from ..platform.events import Events
from ..platform.failures import BadInput
from ..platform.room import in_gb, require_room
from ..platform.safetensors_files import INDEX, files_of, header_of, uses_index
from ..runs.checkpoints import MANIFEST, sha256_of
from ..runs.run_file import RunFile
from ..runs.whole_checkpoints import ADAPTERS, adapters_of, load_weights
from .new_tokens import PREFIX as WITH_TOKENS
from .new_tokens import link, upon_new_tokens

PREFIX = "start-"
_IDENTIFYING = re.compile(r"(adapter_)?config\.json|.*\.safetensors(\.index\.json)?")
# What an adapter may have beside low-rank matrices and modules that were trained whole, and the merged weights would lack.
_ROWS = "trainable_token_indices"  # Of new tokens, where it is known that it has some: which they are, an adapter does not say.
_NOT_MERGED = (_ROWS, "lora_bias", "layer_replication")
_PLAIN_BEGINNINGS = ("gaussian", "orthogonal", "eva")  # peft begins others with another base as well (PiSSA, OLoRA, CorDA, LoftQ).
_OF_SHAPE = ("vocab_size", "hidden_size", "num_hidden_layers")


def start_identity(folder: Path) -> str:
    """The sha256 of the lines `NAME SHA256` of the files that decide the weights, by their names. (src/runs/start-identity.ts has the same.)"""
    files = sorted(path for path in folder.iterdir() if _IDENTIFYING.fullmatch(path.name))
    return hashlib.sha256("".join(f"{path.name} {sha256_of(path)}\n" for path in files).encode()).hexdigest()


def kind_of(folder: Path) -> str:
    """What a folder holds, one of START_KINDS. Raises BadInput for a folder with no weights."""
    if (folder / ADAPTER_CONFIG).is_file():
        return "adapter"
    if not (folder / CONFIG).is_file() or not any(folder.glob("*.safetensors")):
        raise BadInput(f"{str(folder)!r} has neither an adapter ({ADAPTER_CONFIG}) nor a model ({CONFIG} and safetensors) to begin from.")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return "model"
    return "checkpoint" if "step" in manifest else "model"


def tokens_beside(folder: Path) -> list[str] | None:
    """The tokens that what a training of ours left there has beyond those of its base, as its manifest says. (tokensToldIn in src/runs/starts.ts has the same.)"""
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8")).get("new_tokens")
    except (FileNotFoundError, ValueError, AttributeError):
        return None


def upon_start(run: RunFile, events: Events) -> RunFile:
    """The run, to be begun from its start, and with its new tokens: itself, where it has neither. `run`: upon a base in 16 bits. It draws no number of the training's. Raises BadInput or DiskFull."""
    if run.start_path is None:
        return upon_new_tokens(run, run.new_tokens, events)
    first = len(run.start_new_tokens or [])
    begun = _upon_start(upon_new_tokens(run, run.new_tokens[:first], events), events)
    return upon_new_tokens(begun, run.new_tokens[first:], events)


def _upon_start(run: RunFile, events: Events) -> RunFile:
    import torch

    with torch.random.fork_rng():
        if _goes_on(run):
            _require_as_asked(run)
            return run.with_adapter(run.start_path)
        return run.upon(_whole_model(run, events))


@contextmanager
def looked_at_upon_start(run: RunFile, events: Events) -> Iterator[RunFile]:
    """The same for a look at what was trained. A merged model is checked without what it began from."""
    if run.start_path is None and not run.new_tokens or run.task == "check" and run.is_merged:
        yield run
        return
    yield upon_start(run, events)
    if run.task == "validate":
        run.places.require()
        remove_folders(run, PREFIX)
        remove_folders(run, WITH_TOKENS)


def _goes_on(run: RunFile) -> bool:
    """Whether the training's own adapters are of the start's shape, upon the same layers, and count as much."""
    if run.start_kind != "adapter":
        return False
    import torch

    config = _adapter_config(run)
    hyper = run.hyperparameters
    if run.new_tokens != (run.start_new_tokens or []):
        return False  # Its own have rows of tokens that the start's have not.
    if not run.has_adapter or config.get("rank_pattern") or config.get("alpha_pattern"):
        return False
    if (config.get("lora_alpha"), bool(config.get("use_rslora"))) != (hyper.lora_alpha, hyper.use_rslora):
        return False
    with torch.device("meta"):
        own = adapters_of(add_lora(class_of(run.model_path).from_config(whole_config(run.model_path)), hyper, new_tokens=ids_of(run.model_path, run.new_tokens)))
    stored = header_of(run.start_path / ADAPTERS).tensors
    return {name: list(parameter.shape) for name, parameter in own.items()} == {name: each.shape for name, each in stored.items()}


def _whole_model(run: RunFile, events: Events) -> Path:
    if not run.is_merged:
        raise BadInput(
            f"hyperparameters.merge is false, and this run begins from {run.start_name}, which becomes part of the base's weights: its adapters would lie upon a model that is kept "
            "nowhere. Set merge to true, or choose lora_r, lora_alpha and layers as the adapter has them, which is gone on with then."
        )
    folder = run.work_dir / f"{PREFIX}{run.start_sha256[:16]}"
    if folder.is_symlink() or not folder.is_dir():
        run.places.require()
        remove_folders(run, PREFIX)
        _require_as_asked(run)
        _require_same_tokens(run)
        make_as_a_whole(folder, lambda draft: _write(run, draft, events))
    return folder


def _write(run: RunFile, draft: Path, events: Events) -> None:
    from .export import write_config
    from .merging import Trained

    base, start, size = run.model_path, run.start_path, sum(file.stat().st_size for file in files_of(run.model_path))
    draft.mkdir()
    copy_beside_weights(base, draft)
    if run.start_kind == "model":
        _require_like_the_base(run)
        for file in [*files_of(start), *([start / INDEX] if uses_index(start) else [])]:
            link(file, draft / file.name)
        shutil.copyfile(start / CONFIG, draft / CONFIG)
        return
    require_room([(draft, size, "the model that the run begins from")])
    what = "merged into the base's weights" if run.start_kind == "adapter" else "written out in the layout of the base"
    events.send("log", level="info", message=f"What the run begins from ({run.start_name}) is {what}, in float32 and rounded once to the base's types: {in_gb(size)}, until the run is validated.")
    model = load_model(base, dtype="auto" if run.start_kind == "adapter" else "float32", device="cpu")
    if run.start_kind == "adapter":
        model = add_trained_lora(model, start)
    else:
        load_weights(model, start)
    trained = Trained(model, base, run.hyperparameters.seed)
    trained.write(draft)
    write_config(base, draft, is_tied=not trained.untied)


def _require_as_asked(run: RunFile) -> None:
    if start_identity(run.start_path) != run.start_sha256:
        raise BadInput(f"What this run begins from ({run.start_name}) is not what it was when the run was asked for: a file in {str(run.start_path)!r} was changed. Start the run afresh.")


def _adapter_config(run: RunFile) -> dict:
    """Raises BadInput for an adapter that is more, or other, than low-rank matrices, and modules that were trained whole, beside the base as it is."""
    folder = run.start_path
    try:
        config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"The adapter in {str(folder)!r} does not read: {error}. Take an undamaged copy of it.") from error
    beginning = config.get("init_lora_weights")
    if config.get("peft_type") != "LORA":
        why = f"is of the type {config.get('peft_type')}"
    elif has := [name for name in _NOT_MERGED if config.get(name) and not (name == _ROWS and run.start_new_tokens)]:
        why = f"has {has[0]}"
    elif config.get("bias", "none") != "none":
        why = f"has biases (bias: {config['bias']!r})"
    elif isinstance(beginning, str) and beginning not in _PLAIN_BEGINNINGS:
        why = f"began with another base (init_lora_weights: {beginning!r})"
    else:
        return config
    raise BadInput(f"The adapter in {str(folder)!r} {why}, and a training begins from LoRA adapters alone. Merge it with its base, and name that folder as the base model.")


def _require_like_the_base(run: RunFile) -> None:
    if quantization_in(config_in(run.start_path)) is not None:
        raise BadInput(f"The weights in {str(run.start_path)!r} are stored in fewer bits than 16. Name that folder as the base model, which may be.")
    base, start = whole_config(run.model_path), whole_config(run.start_path)
    differ = [] if base.model_type == start.model_type else [f"the model_type {start.model_type}, not {base.model_type}"]
    texts = base.get_text_config(), start.get_text_config()
    for name in _OF_SHAPE:
        expected, found = (getattr(text, name, None) for text in texts)
        if found != expected:
            differ.append(f"a {name} of {found}, not {expected}")
    if differ:
        raise BadInput(f"What this run begins from ({run.start_name}) is no training of {run.model_name}: its config.json has {', '.join(differ)}. Name the base model that it was trained from, or that folder as the base model.")


def _require_same_tokens(run: RunFile) -> None:
    """Raises BadInput where a tokenizer lies beside the weights that makes other tokens of the same rows than the base's."""
    if not (run.start_path / "tokenizer.json").is_file():
        return
    base, start = load_tokenizer(run.model_path), load_tokenizer(run.start_path)
    what = "vocabulary" if base.get_vocab() != start.get_vocab() else "chat template" if base.chat_template != start.chat_template else None
    if what is not None:
        raise BadInput(
            f"What this run begins from ({run.start_name}) was trained with another {what} than that of {run.model_name}: the same rows would be other tokens. "
            "Name the base model that it was trained from, or, where it is a whole model, its folder as the base model."
        )
