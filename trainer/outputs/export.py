"""The finished model: the adapter, beside it the merged model unless it is not wanted, its card, and a manifest of every file.

What the training did not change is what the base has, to the byte: whoever reads the base reads the model, with whatever version of
whatever library.
"""

import json
import shutil
import tempfile
from pathlib import Path

from ..base_models.base_config import CONFIG, COPIED, write_json
from ..platform.failures import BadInput
from ..platform.safetensors_files import files_of
from ..runs.checkpoints import sha256_of, write_manifest
from ..runs.run_file import RunFile
from .card import model_card

GENERATION_CONFIG = "generation_config.json"
TEMPLATE = "chat_template.jinja"


def export(run: RunFile, model, tokenizer) -> tuple[list[dict], str]:
    """Writes output_dir afresh. Returns its files and the sha256 of the trained weights: of the adapter's file (lora, qlora),
    of model.safetensors (standard), or of the hashes of its shards in their order."""
    with run.places.fresh(run.output_dir) as output:
        return _write(run, output, model, tokenizer)


def _write(run: RunFile, output: Path, model, tokenizer) -> tuple[list[dict], str]:
    from .merging import Trained

    untied = frozenset()
    if run.is_merged:
        trained = Trained(model, run.model_path, run.hyperparameters.seed)
        trained.write(output)
        untied = trained.untied
    if run.has_adapter:
        adapter = output / "adapter"
        # Whoever loads the adapter elsewhere has the base under its name, not under our path. What lies upon other weights than the base's has to fail there.
        model.peft_config["default"].base_model_name_or_path = run.model_name if run.adapter_upon == "base" else run.start_name
        model.save_pretrained(adapter, save_embedding_layers=False)
    weights = sha256_of(output / "adapter" / "adapter_model.safetensors") if run.has_adapter else _weights_sha256(output)
    write_beside_weights(run, output, model, tokenizer, is_tied=not untied)
    (output / "README.md").write_text(model_card(run), encoding="utf-8")
    write_manifest(output, {"base_model": run.model_name, "training_type": run.training_type, "weights_sha256": weights, **run.descent})
    files = [
        {"path": str(path.relative_to(output)), "bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(output.rglob("*"))
        if path.is_file()
    ]
    return files, weights


def write_beside_weights(run: RunFile, output: Path, model, tokenizer, is_tied: bool = True) -> None:
    """What the weights are loaded and used with, but for what is said about the model."""
    if run.is_merged:
        write_config(run.model_path, output, is_tied)
    write_generation_config(run.model_path, output, model, tokenizer)
    copy_what_reads(run.model_path, output, tokenizer)


def require_exportable(run: RunFile, model, tokenizer) -> None:
    """Raises BadInput where what is beside the weights could not be written: it is, into a folder that is removed again."""
    run.places.require()
    with tempfile.TemporaryDirectory(prefix="rehearsal-", dir=run.work_dir) as folder:
        try:
            write_beside_weights(run, Path(folder), model, tokenizer)
        except (OSError, ValueError, TypeError) as error:
            raise BadInput(f"The files beside the weights in {str(run.model_path)!r} could not be exported: {error}. Take an undamaged copy of the model.") from error


def write_config(base: Path, output: Path, is_tied: bool) -> None:
    """The base's, and that its output has a matrix of its own now, where an adapter was on that alone."""
    if is_tied:
        shutil.copyfile(base / CONFIG, output / CONFIG)
        return
    config = json.loads((base / CONFIG).read_text(encoding="utf-8"))
    for part in [config, *(config[name] for name in ("text_config",) if isinstance(config.get(name), dict))]:
        part["tie_word_embeddings"] = False
    write_json(output / CONFIG, config)


def write_generation_config(base: Path, output: Path, model, tokenizer) -> None:
    """The base's, and the tokens by which the model ends now: so that it ends where an answer does, whoever loads it, or the adapter."""
    config = generation_config_of(base, model, tokenizer)
    if config is None:
        shutil.copyfile(base / GENERATION_CONFIG, output / GENERATION_CONFIG)
    else:
        write_json(output / GENERATION_CONFIG, config)


def generation_config_of(base: Path, model, tokenizer) -> dict | None:
    """None where the base's own says what is so. Raises BadInput where that does not read."""
    from ..base_models.models import ends_of

    ends = ends_of(model, tokenizer)
    try:
        config = json.loads((base / GENERATION_CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        # As transformers makes one of the model's configuration.
        known = {name: getattr(model.generation_config, name) for name in ("bos_token_id", "pad_token_id")}
        config = {name: value for name, value in known.items() if value is not None}
    except ValueError as error:
        raise BadInput(f"{str(base / GENERATION_CONFIG)!r} is no JSON: {error}. Take an undamaged copy of the model, or one without that file.") from error
    before = config.get("eos_token_id")
    if set(before if isinstance(before, list) else [before]) == set(ends):
        return None
    return {**config, "eos_token_id": ends if len(ends) > 1 else ends[0]}


def copy_what_reads(base: Path, output: Path, tokenizer) -> None:
    """The tokenizer, the chat template and what reads images. A template that the base does not have is added: the one that it was trained with."""
    for path in sorted(base.iterdir()):
        if COPIED.fullmatch(path.name):
            if path.is_dir():
                shutil.copytree(path, output / path.name)
            else:
                shutil.copyfile(path, output / path.name)
    if not (output / "tokenizer.json").exists():
        tokenizer.backend_tokenizer.save(str(output / "tokenizer.json"))
    if not _has_template(base):
        (output / TEMPLATE).write_text(tokenizer.chat_template, encoding="utf-8")


def _has_template(base: Path) -> bool:
    if any(base.glob("chat_template*")):
        return True
    try:
        return bool(json.loads((base / "tokenizer_config.json").read_text(encoding="utf-8")).get("chat_template"))
    except FileNotFoundError:
        return False


def _weights_sha256(directory: Path) -> str:
    import hashlib

    shards = files_of(directory)
    if len(shards) == 1:
        return sha256_of(shards[0])
    return hashlib.sha256("".join(sha256_of(shard) for shard in shards).encode()).hexdigest()
