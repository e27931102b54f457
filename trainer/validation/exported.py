"""Whether the exported model is the one that was trained: other than its base, and as good on held-out rows as the training last measured."""

import math

from ..base_models.stored_base import StoredBase
from ..evaluation.evaluation import Losses
from ..evaluation.held_out import MOST_BATCH_ROWS, HeldOutRow, fingerprint, losses_of, mean_loss
from ..evaluation.measured import FOLDER, Measured, read_claims
from ..platform.memory import available_bytes, free
from ..platform.safetensors_files import Tensors
from ..runs.run_file import RunFile

# How far the loss of the export may be from what that of the training lets expect, in nats a token: the least of all, a part of what
# 4 bits change in the base's own loss on the same rows, a part of what was learnt, and, where these do not suffice, all that 16 bits lose
# of the adapter (`lost_in_16_bits`). docs/validation.md has what was measured.
LEAST = 0.02
PART_OF_BASE = 0.5
# Adapters beside 4 bits learn to make up for them as well: of tiny models with random weights, up to a fifth of what they learn.
PART_OF_LEARNT, PART_OF_LEARNT_IN_4_BITS = 0.1, 0.25
NO_ROOM = "The adapter in 16 bits and the merged model differ, and there was no memory for the base in float32, which would show whether rounding explains it."
# Of the memory for a base in float32, which is twice that of its files: computing takes some as well.
_MARGIN = 1.2


def unchanged(run: RunFile) -> str | None:
    """Why a model is no result, though its files are right: it is its base, to the bit. None where a weight is another."""
    if _is_changed(run):
        return None
    hyper = run.hyperparameters
    return (
        f"The training changed no weight: the model is its base, to the bit. At learning_rate {hyper.learning_rate:g} all changes were lost in rounding. "
        "Start a new run with a higher learning_rate, or with more steps: more epochs, more rows, or a smaller batch_size."
    )


def _is_changed(run: RunFile) -> bool:
    from safetensors import safe_open

    if run.start_adapter:
        # What it is merged into does not tell: the adapters that it began with are part of that as well.
        before, after = (Tensors(folder) for folder in (run.start_adapter, run.output_dir / "adapter"))
        return any(not _is_same(before.read(name), after.read(name)) for name in after.names)
    if not run.is_merged:
        # An adapter adds the product of A and B; B begins at zero.
        with safe_open(run.output_dir / "adapter" / "adapter_model.safetensors", "pt") as adapter:
            return any(bool(adapter.get_tensor(name).any()) for name in adapter.keys() if "lora_B" in name or "lora_embedding_B" in name)
    base, tuned = StoredBase(run.model_path), Tensors(run.output_dir)
    of_base = set(base.names)
    known, new = tuned.names & of_base, tuned.names - of_base
    if any(not _is_same(base.read(name), tuned.read(name)) for name in known):
        return True
    # What has become a tensor of its own was another one as well until now.
    if any(not any(_is_same(base.read(twin), tuned.read(name)) for twin in of_base) for name in new):
        return True
    # Under other names than the base's, nothing is known of them.
    return not known


def _is_same(before, after) -> bool:
    import torch

    return before.shape == after.shape and torch.equal(before.to(after.dtype), after)


def against_training(run: RunFile, rows: dict[str, list[HeldOutRow]], base: Losses, tuned: Losses, lost: dict[str, float] | None = None) -> dict:
    """Of each trait, how the loss on held-out rows fell from the base to the exported step, in training, where the base was in 4 bits
    perhaps, and from the base to the export, as they lie on the disk: to the same share. `note` says why not, where they are not
    compared. `base` and `tuned` are of `rows`, of which the training measured the first; `lost` is what `lost_in_16_bits` gives."""
    measured = read_claims(run.work_dir / FOLDER)
    found = {"step": measured.exported_step, "note": _why_not(run, measured, rows), "traits": []}
    if found["note"]:
        return found
    for trait, losses in measured.by_step[measured.exported_step].items():
        count = len(losses)
        base_losses = measured.by_step[0][trait]
        # Row by row: of two that differ either way the mean says nothing.
        apart = sum(abs(one - other) for (one, _), (other, _) in zip(base_losses, base[trait])) / sum(tokens for _, tokens in losses)
        in_training = {"base": mean_loss(base_losses), "tuned": mean_loss(losses)}
        exported = {"base": mean_loss(base[trait][:count]), "tuned": mean_loss(tuned[trait][:count])}
        expected = exported["base"] * in_training["tuned"] / max(in_training["base"], 1e-9)
        part = PART_OF_LEARNT_IN_4_BITS if run.trained_as == "qlora" else PART_OF_LEARNT
        margin = LEAST + PART_OF_BASE * apart + part * abs(in_training["tuned"] - in_training["base"]) + (lost or {}).get(trait, 0.0)
        figures = {"in_training": in_training, "exported": exported, "difference": exported["tuned"] - expected, "margin": margin}
        found["traits"].append({"trait": trait, "rows": count, **figures})
    return found


def lost_in_16_bits(run: RunFile, rows: dict[str, list[HeldOutRow]], pad_id: int, device: str | None) -> dict[str, float] | None:
    """Of each trait, how far the adapter's loss upon its base is in 16 bits from what it is in float32, row by row, in nats a token. None where
    the host has no room for the base in float32.

    A layer's output is rounded to 16 bits before the adapter's is added to it, and again after that. What the adapter adds is lost where it
    is less than half a step, as it is everywhere at first: a training sees less of it than a merged model has, which adds it in float32."""
    import torch

    from ..base_models.adapters import add_trained_lora
    from ..base_models.models import load_model

    on_host = device == "cpu" or not torch.cuda.is_available()
    if on_host and _MARGIN * 2 * StoredBase(run.model_path).bytes > available_bytes():
        return None
    measured = read_claims(run.work_dir / FOLDER)
    counts = {trait: len(losses) for trait, losses in measured.by_step[measured.exported_step].items()}
    losses = []
    for dtype in ("auto", torch.float32):
        model = add_trained_lora(load_model(run.model_path, dtype=dtype, device=device), run.output_dir / "adapter").eval()
        losses.append({trait: losses_of(model, pad_id, rows[trait][:count], min(MOST_BATCH_ROWS, run.hyperparameters.batch_size)) for trait, count in counts.items()})
        del model
        free()
    in_16, in_32 = losses
    return {trait: sum(abs(one - other) for (one, _), (other, _) in zip(in_16[trait], in_32[trait])) / sum(tokens for _, tokens in in_32[trait]) for trait in counts}


def _why_not(run: RunFile, measured: Measured, rows: dict[str, list[HeldOutRow]]) -> str | None:
    if run.hyperparameters.eval_steps == 0:
        return "The training was not to measure held-out rows (eval_steps: 0)."
    if not rows:
        return "No rows were held out."
    if measured.exported_step not in measured.by_step:
        return "The training did not measure the step that was exported: it had no room for it, or was of a version that did not keep it."
    if 0 not in measured.by_step:
        return "The training did not measure its base: it had no room for it, or began in a version that did not."
    in_training = measured.by_step[measured.exported_step]
    if not all(math.isfinite(mean_loss(losses)) for step in (0, measured.exported_step) for losses in measured.by_step[step].values()):
        return "What the training measured was no number."
    same = {trait: rows.get(trait, [])[: len(losses)] for trait, losses in in_training.items()}
    if fingerprint(same) != measured.rows:
        return "The training measured other rows, or wrote them as other tokens."
    return None


def beyond_margin(found: dict) -> str | None:
    """The sentence about an export that is not what was trained. None: it is, as far as was compared."""
    apart = [trait for trait in found["traits"] if abs(trait["difference"]) > trait["margin"]]
    if not apart:
        return None
    told = ", ".join(
        f"on {trait['rows']} rows of {trait['trait']} its loss is {trait['exported']['tuned']:.3f} (its base's {trait['exported']['base']:.3f}), where the training measured "
        f"{trait['in_training']['tuned']:.3f} (its base's {trait['in_training']['base']:.3f}), which 4 bits and rounding do not explain"
        for trait in apart
    )
    return (
        f"The exported model is not the one that was trained: {told}. Do not use it. Start the run again, which exports once more from its "
        "last checkpoint; if that gives the same, the versions of the libraries in the report do not export this model rightly."
    )
