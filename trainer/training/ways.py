"""How a training is computed beside what was chosen for it. A version or a machine may do otherwise; a training that goes on does as
it began, so that it ends with the same bits: its checkpoints say which."""

import math
from dataclasses import dataclass
from pathlib import Path

from ..evaluation.answer_loss import most_logits
from ..platform.safetensors_files import files_of
from ..runs.run_file import RunFile


@dataclass(frozen=True)
class Ways:
    # As transformers calls it, or one of ours.
    optimizer: str
    # How many are made at once; None: those of all answers of a batch.
    most_logits: int | None
    # Whether the schedule of the learning rate begins above 0. (One step at 0 taught nothing.)
    first_step_learns: bool
    # Whether rows at random are drawn by transformers, which any other number of processes would have in another order.
    drawn_by_transformers: bool
    # Whether packed rows are computed on the CPU by code of ours that moves fewer bytes: attention of short rows, adapters, and losses of tokens.
    lean: bool = False


ALL_AT_ONCE = 2**62  # Of logits: more than there are.
ROUNDED, MUON = "rounded_adamw", "muon"
# As transformers calls those that may be chosen, but for ours.
_NAMES = {
    "adamw": "adamw_torch_fused", "adamw_8bit": "adamw_8bit", "paged_adamw_8bit": "paged_adamw_8bit", "adafactor": "adafactor", "lion": "lion_32bit", "muon": MUON,
}  # fmt: skip
# Of float32 weights: themselves, their gradients, and two numbers of AdamW. What else a training takes needs room as well.
FP32_BYTES_PER_WEIGHT = 16
SHARE_FOR_WEIGHTS = 0.85


def ways_of(run: RunFile, gpu_bytes: int | None) -> Ways:
    """Those of a training that begins, on a GPU of so many bytes, or on the CPU."""
    lean = run.hyperparameters.packing and gpu_bytes is None
    # What is gathered of a sharded model is gone before pieces of its logits could be made one by one.
    at_once = ALL_AT_ONCE if run.hyperparameters.is_sharded else most_logits(gpu_bytes is not None, lean)
    return Ways(optimizer_of(run, gpu_bytes), at_once, first_step_learns=True, drawn_by_transformers=False, lean=lean)


def optimizer_of(run: RunFile, gpu_bytes: int | None) -> str:
    """The one that was chosen, or else the fused AdamW. On a GPU, for adapters on a quantized model: with a state of 8 bits, which leaves the
    GPU when it is full. For all weights in bf16, the one that loses nothing to rounding."""
    if run.trained_as == "standard" and in_bf16(run, gpu_bytes):
        return ROUNDED
    if run.hyperparameters.optimizer is not None:
        return _NAMES[run.hyperparameters.optimizer]
    return "paged_adamw_8bit" if gpu_bytes is not None and run.trained_as == "qlora" else "adamw_torch_fused"


def in_bf16(run: RunFile, gpu_bytes: int | None) -> bool:
    """Whether all weights are trained in bf16: where that was chosen, or where a GPU has no room for them in float32. Optimizers other than
    AdamW would lose what is learnt to rounding."""
    hyper = run.hyperparameters
    if hyper.weights is not None or hyper.is_sharded or gpu_bytes is None or hyper.optimizer not in (None, "adamw"):
        return hyper.weights == "bf16"
    return FP32_BYTES_PER_WEIGHT * weights_in(run.model_path) > SHARE_FOR_WEIGHTS * gpu_bytes


def weights_in(model: Path) -> int:
    """How many weights its files have."""
    from safetensors import safe_open

    total = 0
    for file in files_of(model):
        with safe_open(file, "pt") as tensors:
            total += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())
    return total


def ways_in(manifest: dict) -> Ways:
    """Those of a checkpoint. Before they were written down, there was no choice but that of the optimizer, which came later too."""
    if "ways" in manifest:
        return Ways(**manifest["ways"])
    # Of several processes each drew with code of ours, which made the same order for all of them.
    optimizer, processes = manifest.get("optimizer", "adamw_torch_fused"), manifest.get("processes", 1)
    return Ways(optimizer, None, first_step_learns=False, drawn_by_transformers=processes == 1)
