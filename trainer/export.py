"""The finished model: the adapter, beside it the merged model unless it is not wanted, its card, and a manifest of every file."""

from pathlib import Path

from .card import model_card
from .checkpoints import sha256_of, write_manifest
from .run_file import RunFile


def export(run: RunFile, model, tokenizer) -> tuple[list[dict], str]:
    """Writes output_dir afresh. Returns its files and the sha256 of the trained weights: of the adapter's file (lora, qlora),
    of model.safetensors (standard), or of the hashes of its shards in their order."""
    with run.places.fresh(run.output_dir) as output:
        return _write(run, output, model, tokenizer)


def _write(run: RunFile, output: Path, model, tokenizer) -> tuple[list[dict], str]:
    from .models import ends_of

    if run.has_adapter:
        adapter = output / "adapter"
        # Whoever loads the adapter elsewhere has the base under its name, not under our path.
        model.peft_config["default"].base_model_name_or_path = run.model_name
        model.save_pretrained(adapter, save_embedding_layers=False)
        (adapter / "README.md").unlink(missing_ok=True)
        weights = sha256_of(adapter / "adapter_model.safetensors")
        if run.is_merged:
            model = merged(run, adapter)
            model.save_pretrained(output)
    else:
        model.config.use_cache = True
        model.to(load_dtype(run.model_path)).save_pretrained(output)
        weights = _weights_sha256(output)
    # So that it ends where an answer does, whoever loads it, or the adapter.
    ends = ends_of(model, tokenizer)
    model.generation_config.eos_token_id = ends if len(ends) > 1 else ends[0]
    model.generation_config.save_pretrained(output)
    tokenizer.save_pretrained(output)
    (output / "README.md").write_text(model_card(run), encoding="utf-8")
    write_manifest(output, {"base_model": run.model_name, "training_type": run.training_type, "weights_sha256": weights})
    files = [
        {"path": str(path.relative_to(output)), "bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(output.rglob("*"))
        if path.is_file()
    ]
    return files, weights


def merged(run: RunFile, adapter: Path):
    """The base with the adapter added. Merged in fp32 and cast once: each rounding in between would cost accuracy."""
    import torch
    from peft import PeftModel

    from .models import load_model

    # In the machine's memory: beside the model that was trained a GPU may have no room for another in fp32.
    base = load_model(run.model_path, dtype=torch.float32, device="cpu")
    dtype = load_dtype(run.model_path)
    model = PeftModel.from_pretrained(base, adapter).merge_and_unload()
    return model.to(dtype)


def load_dtype(path: Path):
    import torch
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(path).dtype or torch.float32


def _weights_sha256(directory: Path) -> str:
    import hashlib

    shards = sorted(directory.glob("*.safetensors"))
    if len(shards) == 1:
        return sha256_of(shards[0])
    return hashlib.sha256("".join(sha256_of(shard) for shard in shards).encode()).hexdigest()
