"""How the steps of a training are made: how many, by which optimizer, and with what makes them faster."""

import math
from importlib.util import find_spec
from pathlib import Path

from ..base_models.models import computes_in_bf16
from ..runs.run_file import ADAPTED, RunFile
from .ways import ROUNDED


def steps_of(examples: int, hyper) -> tuple[int, int]:
    """Optimizer steps of an epoch, and of the whole training."""
    per_epoch = math.ceil(math.ceil(examples / hyper.batch_size) / hyper.gradient_accumulation)
    return per_epoch, min(per_epoch * hyper.epochs, hyper.max_steps or per_epoch * hyper.epochs)


def rate_share(step: int, warmup_steps: int, total_steps: int) -> float:
    """Of the learning rate, what the step with this number, from 0, learns with: it rises over the warm-up, and falls along half a cosine
    to the end. (The schedule of transformers begins with a step at 0, of which nothing is learnt.)"""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    return 0.5 * (1 + math.cos(math.pi * (step + 1 - warmup_steps) / (total_steps + 1 - warmup_steps)))


def rounded_adamw(hyper) -> tuple:
    """Class and arguments of the optimizer of weights in bf16, as the Trainer takes them."""
    from .rounded_adamw import RoundedAdamW

    return RoundedAdamW, {"lr": hyper.learning_rate, "seed": hyper.seed}


def accelerations(training_type: str, on_gpu: bool, compile: bool, has_liger: bool) -> dict:
    """What makes steps faster on this device, as arguments of transformers.

    Attention is torch's scaled_dot_product_attention everywhere, which is flash attention on GPUs that have it.
    The next batch is ready before it is needed, without a process or a thread of its own: rows are arrays of tokens already, and
    8 of 1024 tokens are a batch in 0.02 ms.
    """
    return {
        # Full weights on a CPU stay exact: it gains little there. Adapters compute as the weights beside them do.
        "bf16": computes_in_bf16() and (on_gpu or training_type in ADAPTED),
        "use_cpu": not on_gpu,
        "torch_compile": compile,
        "use_liger_kernel": on_gpu and has_liger,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": on_gpu,
        # Each process takes its rows of every batch (batches.py): nothing is to be divided, nor made up where rows are few.
        "accelerator_config": {"non_blocking": on_gpu, "even_batches": False},
    }


def arguments(run: RunFile, directory: Path, total_steps: int, on_gpu: bool, optimizer: str, processes: int = 1):
    """The TrainingArguments of a run whose checkpoints go to `directory`."""
    from transformers import TrainingArguments

    hyper = run.hyperparameters
    return TrainingArguments(
        output_dir=str(directory),
        per_device_train_batch_size=hyper.batch_size,
        gradient_accumulation_steps=hyper.gradient_accumulation,
        learning_rate=hyper.learning_rate,
        max_steps=total_steps,
        # What is ours is given to the Trainer itself.
        optim="adamw_torch" if optimizer == ROUNDED else optimizer,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, round(0.03 * total_steps)),
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
        report_to=[],  # Reporter tells, and writes the files of TensorBoard.
        **accelerations(run.training_type, on_gpu, hyper.compile, has_liger=find_spec("liger_kernel") is not None),
    )
