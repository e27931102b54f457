"""How the steps of a training are made: how many, by which optimizer, and with what makes them faster."""

import math
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from ..base_models.models import computes_in_bf16
from ..runs.run_file import RunFile
from .ways import MUON, ROUNDED

WARMUP_SHARE = 0.03
DECAY_SHARE = 0.2  # Of the steps behind the warm-up, those in which warmup_stable_decay falls.
_LION_BETA2 = 0.99  # As in https://arxiv.org/abs/2302.06675; transformers gives it that of Adam (findings/transformers-gives-lion-the-beta-of-adam.sh).
# What of the learning rate is left at a step behind the warm-up: it is the step `gone` of so many, of which the last would be 0.
_FALLS = {
    "cosine": lambda gone, steps: 0.5 * (1 + math.cos(math.pi * gone / steps)),
    "linear": lambda gone, steps: 1 - gone / steps,
    "constant": lambda gone, steps: 1.0,
    "constant_with_warmup": lambda gone, steps: 1.0,
    "warmup_stable_decay": lambda gone, steps: min(1.0, (steps - gone) / (DECAY_SHARE * steps)),
}


def steps_of(examples: int, hyper) -> tuple[int, int]:
    """Optimizer steps of an epoch, and of the whole training."""
    per_epoch = math.ceil(math.ceil(examples / hyper.batch_size) / hyper.gradient_accumulation)
    return per_epoch, min(per_epoch * hyper.epochs, hyper.max_steps or per_epoch * hyper.epochs)


def warmup_of(hyper, total_steps: int) -> int:
    """The steps in which the learning rate rises."""
    if hyper.warmup_steps is not None:
        return hyper.warmup_steps
    share = WARMUP_SHARE if hyper.warmup_ratio is None else hyper.warmup_ratio
    return 0 if hyper.lr_scheduler == "constant" or share == 0 else max(1, round(share * total_steps))


def rate_share(step: int, warmup_steps: int, total_steps: int, scheduler: str = "cosine") -> float:
    """Of the learning rate, what the step with this number, from 0, learns with: it rises over the warm-up, and falls to the end, or stays.
    (The schedules of transformers begin with a step at 0, of which nothing is learnt.)"""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    return _FALLS[scheduler](step + 1 - warmup_steps, total_steps + 1 - warmup_steps)


def told_before(hyper, total_steps: int, on_gpu: bool) -> Iterator[str]:
    """What goes otherwise in this training than its hyperparameters say."""
    if warmup_of(hyper, total_steps) > total_steps:
        yield f"warmup_steps is {hyper.warmup_steps}, and the training has {total_steps} steps: it ends before it learns at learning_rate {hyper.learning_rate}."
    if hyper.optimizer == "paged_adamw_8bit" and not on_gpu:
        yield "optimizer is paged_adamw_8bit, and on the CPU nothing is paged: it learns as adamw_8bit does."


def optimizer_made(hyper, optimizer: str, arguments) -> tuple | None:
    """Class and arguments of an optimizer, or what makes it upon a model, as the Trainer takes them. None: it makes it by `arguments`."""
    from transformers import Trainer

    if optimizer == ROUNDED:
        from .rounded_adamw import RoundedAdamW

        return RoundedAdamW, {"lr": hyper.learning_rate, "seed": hyper.seed}
    if optimizer == MUON:
        from .muon import muon_of

        return lambda: muon_of, {"lr": hyper.learning_rate, "weight_decay": hyper.weight_decay}
    if hyper.loraplus_lr_ratio is not None:
        from peft.optimizers import create_loraplus_optimizer

        kind, named = Trainer.get_optimizer_cls_and_kwargs(arguments)
        plus = {"loraplus_lr_ratio": hyper.loraplus_lr_ratio, "loraplus_weight_decay": hyper.weight_decay}
        return lambda: create_loraplus_optimizer, {"optimizer_cls": kind, **named, **plus}
    return None


def accelerations(has_adapter: bool, on_gpu: bool, compile: bool, has_liger: bool, packing: bool = False, is_sharded: bool = False) -> dict:
    """What makes steps faster on this device, as arguments of transformers.

    Attention is torch's scaled_dot_product_attention everywhere, which is flash attention on GPUs that have it.
    The next batch is ready before it is needed, without a process or a thread of its own: rows are arrays of tokens already, and
    8 of 1024 tokens are a batch in 0.02 ms.
    """
    return {
        # All weights were always trained in fp32 on a CPU, so they still are; where rows are packed, nothing was ever trained otherwise. Adapters compute as the weights beside them do.
        "bf16": computes_in_bf16() and (on_gpu or has_adapter or packing),
        "use_cpu": not on_gpu,
        "torch_compile": compile,
        "use_liger_kernel": on_gpu and has_liger,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": on_gpu,
        # Each process takes its rows of every batch (batches.py): nothing is to be divided, nor made up where rows are few.
        # Of a sharded model gradients are divided with each batch: whole ones would stay until the last of a step.
        "accelerator_config": {"non_blocking": on_gpu, "even_batches": False, **({"gradient_accumulation_kwargs": {"sync_each_batch": True}} if is_sharded else {})},
    }


def arguments(run: RunFile, directory: Path, total_steps: int, on_gpu: bool, optimizer: str, processes: int = 1):
    """The TrainingArguments of a run whose checkpoints go to `directory`."""
    from transformers import TrainingArguments

    hyper = run.hyperparameters
    return TrainingArguments(
        output_dir=str(directory),
        # Of rows that are packed, the collator gets those of a step, and divides them.
        per_device_train_batch_size=hyper.batch_size * (hyper.gradient_accumulation if hyper.packing else 1),
        gradient_accumulation_steps=1 if hyper.packing else hyper.gradient_accumulation,
        learning_rate=hyper.learning_rate,
        max_steps=total_steps,
        # What is ours is given to the Trainer itself.
        optim="adamw_torch" if optimizer in (ROUNDED, MUON) else optimizer,
        **({"adam_beta2": _LION_BETA2} if "lion" in optimizer else {}),
        weight_decay=hyper.weight_decay,
        max_grad_norm=hyper.max_grad_norm,
        neftune_noise_alpha=hyper.neftune_noise_alpha,
        lr_scheduler_type="cosine",  # Of trainings that began with it; what others choose, rate_share has.
        warmup_steps=warmup_of(hyper, total_steps),
        seed=hyper.seed,
        data_seed=hyper.seed,
        save_strategy="no",  # Reporter decides, and vouches for what was saved.
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        include_num_input_tokens_seen="non_padding",
        remove_unused_columns=False,
        activation_checkpointing=hyper.activation_checkpointing,
        # The other kind wants inputs with gradients, which embeddings beside adapters have not.
        activation_checkpointing_kwargs={"use_reentrant": False},
        ddp_backend="gloo" if processes > 1 and not on_gpu else None,
        ddp_find_unused_parameters=False,
        disable_tqdm=True,
        report_to=[],  # Reporter does that, and writes the files of TensorBoard.
        **accelerations(run.has_adapter, on_gpu, hyper.compile, has_liger=find_spec("liger_kernel") is not None, packing=hyper.packing, is_sharded=hyper.is_sharded),
    )
