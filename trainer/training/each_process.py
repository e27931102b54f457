"""What each process of a training does alike: with the same model, it takes the same steps on its part of the rows."""

import os
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..datasets.rows import read_conversations
from ..platform import libraries
from ..platform.device import on_gpu
from ..platform.events import Events
from ..platform.memory import keep_freed
from ..platform.supervision import Commands
from ..runs.run_file import RunFile
from ..platform.failures import BadInput
from ..tokens.all_rows import Data
from ..tokens.batches import Rank
from ..tokens.pairs import length_of, paired
from .model_to_train import load_base, ready_to_train
from .optimisation import arguments, optimizer_made, rate_share
from .preferences import Preference, refer_once
from .ranks import decided_by_one, join, saved_by_all
from .sharded import held_out_by_all, with_sharding
from .ways import Ways


@dataclass(frozen=True)
class Setup:
    """What rank 0 found out, and every process needs to train."""

    run: RunFile
    data_sha256: str
    directory: Path
    resume: Path | None
    total_steps: int
    threads: int
    ways: Ways
    # Of pairs of answers: where is kept what the base makes of them.
    references: Path | None = None


def follow(setup: Setup, rank: Rank) -> None:
    """The part of a process that is not rank 0: to train as it does, and nothing else."""
    run = setup.run
    set_up_torch(run, setup.threads)
    from ..base_models.models import load_tokenizer
    from ..runs.token_cache import encode_once
    from .rehearsal import rehearsed_beside

    tokenizer = load_tokenizer(run.model_path)
    data = encode_once(run, tokenizer, lambda: read_conversations(run.train), setup.data_sha256)
    rows = rows_of(run, data)
    trainer = trainer_of(setup, rank, tokenizer, rows)
    held_out = held_out_by_all(run, tokenizer, setup.total_steps) if run.hyperparameters.is_sharded else None
    for callback in [*saved_by_all(rank), *decided_by_one(rank, held_out)]:
        trainer.add_callback(callback)
    if held_out and setup.resume is None:
        trainer.add_callback(rehearsed_beside(run, trainer, rows, rank, setup.ways.optimizer))
    trainer.train(resume_from_checkpoint=str(setup.resume) if setup.resume else None)


def rows_of(run: RunFile, data: Data) -> list[dict]:
    """What a step takes so many of: examples, or pairs of them."""
    return paired(data.rows) if run.learns_preferences else data.rows


def set_up_torch(run: RunFile, threads: int) -> None:
    """The same seed, and sums in the same order, in every process and every time."""
    # What cuBLAS needs for that; it is read once, when the GPU is first used.
    # https://docs.nvidia.com/cuda/cublas/#results-reproducibility
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if run.hyperparameters.compile:
        libraries.allow_compiling()
    libraries.load()
    import torch
    from transformers import set_seed

    if not on_gpu():
        keep_freed()
    torch.set_num_threads(max(1, threads // run.processes))
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # It finds reads of what was never written, and costs 3 % of a step.
    set_seed(run.hyperparameters.seed)


def trainer_of(setup: Setup, rank: Rank, tokenizer, rows: list[dict], events: Events | None = None, base=None, commands: Commands | None = None):
    """The Trainer of transformers with the model that is trained, ready to take its first step. `base`: of load_base, where it is loaded already.

    Raises Stopped where a stop comes while the base is asked about pairs."""
    join(rank, setup.directory / "processes", max(1, setup.threads // rank.count))
    if base is None:
        # A model that is sharded need not fit one GPU as a whole.
        base = load_base(setup.run, setup.ways, events, "cpu" if setup.run.hyperparameters.is_sharded else None)
    with events.spans.of("trainer") if events else nullcontext():
        trainer = _trainer_upon(base, setup, rank, tokenizer, rows)
    if setup.references is not None:
        with events.spans.of("references") if events else nullcontext():
            refer_once(trainer, rows, setup.references, rank, events, commands)
    return trainer


def _trainer_upon(base, setup: Setup, rank: Rank, tokenizer, rows: list[dict]):
    import torch
    from transformers import Trainer
    from transformers.trainer_callback import PrinterCallback

    from ..evaluation.answer_loss import AnswerLoss
    from ..runs.whole_checkpoints import with_whole_checkpoints
    from ..tokens.packing import collator_of
    from .packed_attention import laid_out, row_by_row

    run, hyper, ways = setup.run, setup.run.hyperparameters, setup.ways
    # One process alone comes behind the steps: it exports what was saved.
    is_sharded = hyper.is_sharded and rank.count > 1
    model = ready_to_train(base, run, ways)
    order, loss = order_of(setup, rows), AnswerLoss(model, ways.most_logits, ways.lean)
    preference = Preference(hyper.beta, hyper.loss_type) if run.learns_preferences else None
    if preference and not loss.is_whole:
        raise BadInput(f"The loss of a {model.config.model_type} is more than that of its answers' tokens, so that it cannot learn preferences (dpo). Choose another training_type, or another model.")

    checkpointing = with_whole_checkpoints(Trainer)

    class InOrder(with_sharding(checkpointing) if is_sharded else checkpointing):
        # Its own group_by_length draws from the global generator, which a resumed training has advanced otherwise.
        def _get_train_sampler(self, *arguments):
            return order or super()._get_train_sampler(*arguments)

        def _run_epoch(self, **arguments):
            if order is not None:
                # Where batches of an epoch are skipped, accelerate tells it to the sampler of one process alone.
                order.set_epoch(arguments["epoch"])
            # Where nothing was missing but an evaluation, there is no step to take. The Trainer asks for that after one.
            if not self.control.should_training_stop:
                super()._run_epoch(**arguments)

        def get_train_dataloader(self):
            loader = super().get_train_dataloader()
            if rank.count > 1:
                # Every process has whole batches, of which it takes its rows (collate).
                loader.batch_sampler.num_processes, loader.batch_sampler.process_index = 1, 0
            return loader

        def _get_num_items_in_batch(self, batch_samples, device):
            if preference is None:
                return super()._get_num_items_in_batch(batch_samples, device)
            preference.begin_step()
            return sum(batch["pairs"] for batch in batch_samples).to(device)

        def training_step(self, model, inputs, num_items_in_batch=None):
            if "row_lengths" not in inputs:
                return super().training_step(model, inputs, num_items_in_batch)
            parts, total = laid_out(inputs), 0.0
            for number, (sequence, layout) in enumerate(parts, 1):
                # Gradients are added up with those of other processes once, behind the last sequence of the step.
                with nullcontext() if number == len(parts) else self.accelerator.no_sync(model), row_by_row(self.model, layout, ways.lean):
                    total += super().training_step(model, sequence, num_items_in_batch)
            return total

        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            if preference is not None:
                pairs = inputs.pop("pairs")
                return rank.count * preference.learnt(loss, model, inputs, pairs if num_items_in_batch is None else num_items_in_batch)
            if loss.is_whole and model.training and num_items_in_batch is not None and not return_outputs:
                # Of the gradients of several processes the mean is taken, where their sum is wanted.
                return rank.count * loss.learnt(model, inputs, num_items_in_batch)
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

        def create_scheduler(self, num_training_steps, optimizer=None):
            if self.lr_scheduler is None and ways.first_step_learns:
                warmup_steps = self.args.get_warmup_steps(num_training_steps)
                share = partial(rate_share, warmup_steps=warmup_steps, total_steps=num_training_steps, scheduler=hyper.lr_scheduler)
                self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, share)
                self._created_lr_scheduler = True
            return super().create_scheduler(num_training_steps, optimizer)

    if hyper.packing:
        loss.goes_in_pieces()  # It tries that on tokens which are of no row: not within a step.
    given = arguments(run, setup.directory, setup.total_steps, on_gpu(), ways.optimizer, rank.count)
    trainer = InOrder(
        model=model,
        args=given,
        train_dataset=rows,
        data_collator=collator_of(hyper, rows, tokenizer.pad_token_id, rank),
        processing_class=tokenizer,
        optimizer_cls_and_kwargs=optimizer_made(hyper, ways.optimizer, given),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.answer_loss, trainer.preference = loss, preference
    # The tokens of a step are counted for a loss that asks for them: of ours it does not matter what the model's own code asks for.
    trainer.model_accepts_loss_kwargs |= loss.is_whole and ways.most_logits is not None
    return trainer


def order_of(setup: Setup, rows: list[dict]):
    """A sampler of the rows, or None for the one of transformers."""
    from ..tokens.batches import LikeLengths

    hyper = setup.run.hyperparameters
    is_alike = hyper.batching == "like_length"
    if not is_alike and setup.ways.drawn_by_transformers:
        return None
    # Rows that count as equally long stay in the order that was drawn.
    return LikeLengths([length_of(row) if is_alike else 1 for row in rows], hyper.batch_size * hyper.gradient_accumulation, hyper.seed)
