"""From a run file to a finished model: data, model, steps, checkpoints, export."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import libraries
from .answer_loss import NOT_IN_PIECES
from .checkpoints import checkpoint_of, newest_complete, problem_with, remove_unfinished, sha256_of
from .device import DeviceFigures, require_given_gpus
from .events import Events
from .failures import BadInput, Stopped
from .fingerprint import fingerprint_of
from .going_on import arithmetic, differences, require_same_model
from .optimisation import arguments, rate_share, rounded_adamw, steps_of
from .ranks import Others, Rank, decided_by_one, join, saved_by_all
from .rows import Conversation, read_conversations
from .run_file import RunFile
from .supervision import Commands
from .ways import ROUNDED, Ways, ways_in, ways_of


def train(run: RunFile, conversations: list[Conversation], held_out_rows: list[Conversation], events: Events, commands: Commands) -> dict:
    """Trains from the newest complete checkpoint, or from the start, and exports. Returns the result of `done`.

    Raises Stopped after a stop command, once the checkpoint is durable.
    """
    root = run.work_dir / "checkpoints"
    hyper = run.hyperparameters
    identity = identity_of(run, sha256_of(run.train))
    fingerprint = fingerprint_of(run.model_path)
    resume = newest_complete(root, run.lease_epoch, identity, run.known_checkpoint_step, events)
    if resume:
        require_same_model(resume, fingerprint, run.model_name, run.model_path)
    # From here on an earlier claim publishes nothing any more: it looks for this folder before it does.
    directory = root / f"e{run.lease_epoch}"
    directory.mkdir(parents=True, exist_ok=True)
    threads = resume.threads if resume else run.threads

    events.send("phase", phase="loading_model", message=None)
    set_up_torch(run, threads)
    # Not by every process of several: each would take memory of the first GPU.
    require_given_gpus()

    from .evaluation import EarlyStopping, HeldOut
    from .evaluator import Evaluator
    from .measured import Record
    from .models import load_tokenizer, parameters_of, require_fit, require_not_quantized, require_numbers
    from .rehearsal import rehearsal, rehearse_the_end
    from .reporting import reporter
    from .tensorboard import TensorBoard
    from .token_cache import encode_once, require_same_tokens, tokens_sha256

    require_not_quantized(run.model_path)
    tokenizer = load_tokenizer(run.model_path)
    data = encode_once(run, tokenizer, lambda: conversations, identity["data_sha256"])
    if not data.rows:
        why = f" {data.refused} rows cannot be learnt: {data.reasons[0]}" if data.refused else ""
        raise BadInput(f"No row of the training data has an answer within max_length. Raise max_length or check the data's mapping.{why}")
    if resume:
        require_same_tokens(resume, data)
    require_fit(run.model_path, tokenizer, data.rows, hyper.max_length)
    if resume is None:
        require_numbers(run.model_path)
    for message in differences(resume, run) if resume else ():
        events.send("log", level="warning", message=message)
    per_epoch, total_steps = steps_of(len(data.rows), hyper)
    held_out = HeldOut(run, held_out_rows, tokenizer, total_steps)
    for message in warnings_of(data, held_out.refused or [], len(conversations)) if resume is None else ():
        events.send("log", level="warning", message=message)
    patience = hyper.early_stopping_patience
    early_stopping = EarlyStopping.read_from(resume.path, patience) if resume else EarlyStopping(patience)
    record = Record(run.work_dir, run.lease_epoch, held_out.fingerprint, *([resume.path, resume.step] if resume else []))
    evaluator = Evaluator(held_out, record, early_stopping, events, resume.step if resume else None)
    # Trained to its end before: only the export was lost. train() would take one more step.
    is_trained = resume is not None and not evaluator.is_missing() and (resume.step >= total_steps or early_stopping.is_over)
    ways = ways_in(resume.manifest) if resume else ways_of(run, gpu_bytes())
    setup = Setup(run, identity["data_sha256"], directory, resume.path if resume else None, total_steps, threads, ways)
    rank = Rank(0, 1 if is_trained else run.processes)

    with Others(rank.count, events, follow, setup):
        trainer = trainer_of(setup, rank, tokenizer, data.rows)
        model = trainer.model
        trainable, total = parameters_of(model)
        if not trainer.answer_loss.is_whole:
            events.send("log", level="warning", message=f"The loss of a {model.config.model_type} is more than that of its answers' tokens, so that {NOT_IN_PIECES}")
        events.send(
            "plan",
            total_steps=total_steps,
            steps_per_epoch=per_epoch,
            rows=len(conversations),
            examples=len(data.rows),
            truncated_rows=data.truncated,
            dropped_rows=data.dropped,
            skipped_rows=data.skipped,
            refused_rows=data.refused,
            tokens=sum(data.tokens.values()),
            tokens_by_dataset=[{"dataset_id": dataset, "tokens": tokens} for dataset, tokens in data.tokens.items() if dataset is not None],
            trainable_parameters=trainable,
            total_parameters=total,
            device=device_name(rank.count, threads),
        )
        facts = {
            **identity, "model_fingerprint": fingerprint, "tokens_sha256": tokens_sha256(data), "seed": hyper.seed, "threads": threads, "processes": run.processes, "ways": vars(ways),
            "lease_epoch": run.lease_epoch, "versions": arithmetic(),
        }  # fmt: skip
        board = TensorBoard(run.work_dir / "tensorboard", run.lease_epoch, resume.step if resume else None)
        figures = DeviceFigures()
        figures.start()
        report = reporter(run, events, commands, total_steps, facts, root, model.config.get_text_config().vocab_size, evaluator, early_stopping, board, figures)
        for callback in [*saved_by_all(rank), report, *decided_by_one(rank)]:
            trainer.add_callback(callback)
        if resume is None:
            rehearse_the_end(run, model, ways.optimizer, events)
            trainer.add_callback(rehearsal(run, trainer, data.rows, rank, ways.optimizer, events))
        if resume:
            events.send("resumed", step=resume.step, lease_epoch=resume.lease_epoch, path=str(resume.path))
        events.send("phase", phase="training", message=None)
        try:
            if is_trained:
                trainer._load_from_checkpoint(str(resume.path))
                trainer.state.global_step = resume.step
            else:
                trainer.train(resume_from_checkpoint=str(resume.path) if resume else None)
        except BaseException:
            # On a full disk it takes the room for a whole one. Nobody else writes to the folder of this claim.
            remove_unfinished(directory.glob("checkpoint-*"))
            raise
        finally:
            figures.stop()
            board.close()
    final_step = trainer.state.global_step
    stopped_early = early_stopping.is_over and final_step < total_steps
    if commands.stop.is_set() and final_step < total_steps and not stopped_early:
        raise Stopped()
    exported_step = _take_best(trainer, early_stopping.best_step, root, identity, events)
    evaluator.end(exported_step)
    if stopped_early:
        events.send(
            "log",
            level="info",
            message=f"The held-out loss did not improve in {early_stopping.without_improvement} evaluations: training ended early, at step "
            f"{final_step} of {total_steps}, and the model of step {exported_step} is exported.",
        )

    from .export import export

    events.send("phase", phase="exporting", message=None)
    files, weights_sha256 = export(run, trainer.model, tokenizer)
    return {
        "final_step": final_step,
        "total_steps": total_steps,
        "stopped_early": stopped_early,
        "exported_step": exported_step,
        "train_loss": report.last_loss or 0.0,
        "weights_sha256": weights_sha256,
        "files": files,
    }


def warnings_of(data, refused_held_out: list[str], rows: int) -> Iterator[str]:
    """What is trained otherwise than the rows say, and which are left out."""
    from .forms import NOTES

    for note, count in sorted(data.notes.items()):
        yield f"{count} of {rows} rows {NOTES[note]}."
    if data.refused:
        yield f"{data.refused} of {rows} rows are left out, since they cannot be learnt (on_bad_rows: skip). The first of them: {' '.join(data.reasons)}"
    if refused_held_out:
        yield f"{len(refused_held_out)} held-out rows are left out, since they cannot be learnt (on_bad_rows: skip). The first of them: {refused_held_out[0]}"


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


def follow(setup: Setup, rank: Rank) -> None:
    """The part of a process that is not rank 0: to train as it does, and nothing else."""
    run = setup.run
    set_up_torch(run, setup.threads)
    from .models import load_tokenizer
    from .token_cache import encode_once

    tokenizer = load_tokenizer(run.model_path)
    data = encode_once(run, tokenizer, lambda: read_conversations(run.train), setup.data_sha256)
    trainer = trainer_of(setup, rank, tokenizer, data.rows)
    for callback in [*saved_by_all(rank), *decided_by_one(rank)]:
        trainer.add_callback(callback)
    trainer.train(resume_from_checkpoint=str(setup.resume) if setup.resume else None)


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

    torch.set_num_threads(max(1, threads // run.processes))
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # It finds reads of what was never written, and costs 3 % of a step.
    set_seed(run.hyperparameters.seed)


def on_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def gpu_bytes() -> int | None:
    """Of this process's GPU, or None on the CPU."""
    import torch

    return torch.cuda.get_device_properties(0).total_memory if on_gpu() else None


def device_name(processes: int, threads: int) -> str:
    import torch

    if on_gpu():
        return f"{f'{processes} x ' if processes > 1 else ''}{torch.cuda.get_device_name(0)}"
    return f"cpu, {threads} threads" + (f" in {processes} processes" if processes > 1 else "")


def identity_of(run: RunFile, data_sha256: str) -> dict:
    """What decides the weights: a checkpoint of another training does not count. Of an index, that is the model that makes it."""
    return {"training_type": run.training_type, "model": run.embedder_name, "data_sha256": data_sha256, "hyperparameters": vars(run.hyperparameters)}


def trainer_of(setup: Setup, rank: Rank, tokenizer, rows: list[dict]):
    """The Trainer of transformers with the model that is trained, ready to take its first step."""
    join(rank, setup.directory / "processes", max(1, setup.threads // rank.count))
    import torch
    from transformers import Trainer
    from transformers.trainer_callback import PrinterCallback

    from .adapters import add_lora
    from .answer_loss import AnswerLoss
    from .batches import collate
    from .language import train_language_alone
    from .models import computes_in_bf16, load_model
    from .whole_checkpoints import with_whole_checkpoints

    run, hyper = setup.run, setup.run.hyperparameters
    if run.training_type == "qlora":
        model = add_lora(load_model(run.model_path, quantize=True), hyper)
    elif run.training_type == "lora":
        model = add_lora(load_model(run.model_path, dtype=torch.bfloat16 if computes_in_bf16() else torch.float32), hyper)
    else:
        # Full weights are updated by steps far below the resolution of bf16, so they are kept in fp32, or rounded so that it does not matter.
        model = load_model(run.model_path, dtype=torch.bfloat16 if setup.ways.optimizer == ROUNDED else torch.float32)
        train_language_alone(model)
    model.train()
    model.config.use_cache = False
    order, loss = order_of(setup, rows), AnswerLoss(model, setup.ways.most_logits)

    class InOrder(with_whole_checkpoints(Trainer)):
        # Its own group_by_length draws from the global generator, which a resumed training has advanced otherwise.
        def _get_train_sampler(self, *arguments):
            return order or super()._get_train_sampler(*arguments)

        def _run_epoch(self, **arguments):
            # Where nothing was missing but an evaluation, there is no step to take. The Trainer asks for that after one.
            if not self.control.should_training_stop:
                super()._run_epoch(**arguments)

        def get_train_dataloader(self):
            loader = super().get_train_dataloader()
            if rank.count > 1:
                # Every process has whole batches, of which it takes its rows (collate).
                loader.batch_sampler.num_processes, loader.batch_sampler.process_index = 1, 0
            return loader

        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            if loss.is_whole and model.training and num_items_in_batch is not None and not return_outputs:
                # Of the gradients of several processes the mean is taken, where their sum is wanted.
                return rank.count * loss.learnt(model, inputs, num_items_in_batch)
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

        def create_scheduler(self, num_training_steps, optimizer=None):
            if self.lr_scheduler is None and setup.ways.first_step_learns:
                share = partial(rate_share, warmup_steps=self.args.get_warmup_steps(num_training_steps), total_steps=num_training_steps)
                self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, share)
                self._created_lr_scheduler = True
            return super().create_scheduler(num_training_steps, optimizer)

    trainer = InOrder(
        model=model,
        args=arguments(run, setup.directory, setup.total_steps, on_gpu(), setup.ways.optimizer, rank.count),
        train_dataset=rows,
        data_collator=collate(tokenizer.pad_token_id, rank),
        processing_class=tokenizer,
        optimizer_cls_and_kwargs=rounded_adamw(hyper) if setup.ways.optimizer == ROUNDED else None,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.answer_loss = loss
    # The tokens of a step are counted for a loss that asks for them: of ours it does not matter what the model's own code asks for.
    trainer.model_accepts_loss_kwargs |= loss.is_whole and setup.ways.most_logits is not None
    return trainer


def order_of(setup: Setup, rows: list[dict]):
    """A sampler of the rows, or None for the one of transformers."""
    from .batches import LikeLengths

    hyper = setup.run.hyperparameters
    is_alike = hyper.batching == "like_length"
    if not is_alike and setup.ways.drawn_by_transformers:
        return None
    # Rows that count as equally long stay in the order that was drawn.
    return LikeLengths([len(row["input_ids"]) if is_alike else 1 for row in rows], hyper.batch_size * hyper.gradient_accumulation, hyper.seed)


def _take_best(trainer, best_step: int | None, root: Path, identity: dict, events: Events) -> int:
    """Loads the weights of the best evaluation, where there was one to compare. Returns the step whose weights there are now."""
    step = trainer.state.global_step
    if best_step is None or best_step == step:
        return step
    best = checkpoint_of(root, best_step)
    problem = "it is not there" if best is None else problem_with(best.path, identity)
    if best is None or problem:
        message = f"The checkpoint of step {best_step}, whose held-out loss was the lowest, does not count ({problem}): the model of step {step} is exported."
        events.send("log", level="warning", message=message)
        return step
    trainer._load_from_checkpoint(str(best.path))
    return best.step
