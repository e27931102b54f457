"""How a training is computed beside what was chosen for it. A version or a machine may do otherwise; a training that goes on does as
it began, so that it ends with the same bits: its checkpoints tell."""

from dataclasses import dataclass

from .answer_loss import most_logits


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


def ways_of(training_type: str, on_gpu: bool) -> Ways:
    """Those of a training that begins."""
    return Ways(optimizer_for(training_type, on_gpu), most_logits(on_gpu), first_step_learns=True, drawn_by_transformers=False)


def optimizer_for(training_type: str, on_gpu: bool) -> str:
    """The fused AdamW. On a GPU, for adapters on a quantized model: with a state of 8 bits, which leaves the GPU when it is full."""
    return "paged_adamw_8bit" if on_gpu and training_type == "qlora" else "adamw_torch_fused"


def ways_in(manifest: dict) -> Ways:
    """Those of a checkpoint. Before they were written down, there was no choice but that of the optimizer, which came later too."""
    if "ways" in manifest:
        return Ways(**manifest["ways"])
    # Of several processes each drew with code of ours, which made the same order for all of them.
    optimizer, processes = manifest.get("optimizer", "adamw_torch_fused"), manifest.get("processes", 1)
    return Ways(optimizer, None, first_step_learns=False, drawn_by_transformers=processes == 1)
