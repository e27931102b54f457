"""From a run file to a finished model: data, model, steps, checkpoints, export."""

import math
import shutil
import time
from collections import deque
from pathlib import Path

from .checkpoints import all_checkpoints, newest_complete, publish, remove_unfinished, sha256_of
from .events import Events
from .failures import BadInput, Diverged, Stopped
from .run_file import RunFile
from .saving import SavePlan
from .supervision import Commands


HOPELESS_FACTOR = 2.0  # Well-meant trainings start near ln(vocabulary), or far below, and fall.
HOPELESS_STEPS = 20


def train(run: RunFile, conversations: list, events: Events, commands: Commands) -> dict:
    """Trains from the newest complete checkpoint, or from the start, and exports. Returns the result of `done`.

    Raises Stopped after a stop command, once the checkpoint is durable.
    """
    root = run.work_dir / "checkpoints"
    hyper = run.hyperparameters
    identity = {
        "training_type": run.training_type,
        "model": run.model_name,
        "data_sha256": sha256_of(run.train),
        "hyperparameters": vars(hyper),
    }
    resume = newest_complete(root, run.lease_epoch, identity, run.known_checkpoint_step, events)
    # From here on an earlier claim publishes nothing any more: it looks for this folder before it does.
    directory = root / f"e{run.lease_epoch}"
    directory.mkdir(parents=True, exist_ok=True)
    threads = resume.threads if resume else run.threads

    events.send("phase", phase="loading_model", message=None)
    import torch
    from transformers import TrainingArguments, set_seed

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # It finds reads of what was never written, and costs 3 % of a step.
    set_seed(hyper.seed)

    from .batches import collate
    from .encoding import encode_all
    from .models import add_lora, load_model, load_tokenizer

    tokenizer = load_tokenizer(run.model_path)
    data = encode_all(tokenizer, conversations, hyper.max_length, hyper.too_long)
    if not data.rows:
        raise BadInput("No row of the training data has an answer within max_length. Raise max_length or check the data's mapping.")
    on_gpu = torch.cuda.is_available()
    if run.training_type == "qlora":
        model = add_lora(load_model(run.model_path, quantize=True), hyper)
    else:
        # Full weights are updated by steps far below the resolution of bf16, so they are kept in fp32.
        model = load_model(run.model_path, dtype=torch.float32)
    model.train()
    model.config.use_cache = False

    per_epoch = math.ceil(math.ceil(len(data.rows) / hyper.batch_size) / hyper.gradient_accumulation)
    total_steps = min(per_epoch * hyper.epochs, hyper.max_steps or per_epoch * hyper.epochs)
    events.send(
        "plan",
        total_steps=total_steps,
        steps_per_epoch=per_epoch,
        rows=len(conversations),
        examples=len(data.rows),
        truncated_rows=data.truncated,
        dropped_rows=data.dropped,
        skipped_rows=data.skipped,
        tokens=sum(data.tokens.values()),
        tokens_by_dataset=[{"dataset_id": dataset, "tokens": tokens} for dataset, tokens in data.tokens.items() if dataset is not None],
        trainable_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        total_parameters=sum(p.numel() for p in model.parameters()),
        device=torch.cuda.get_device_name(0) if on_gpu else f"cpu, {threads} threads",
    )

    arguments = TrainingArguments(
        output_dir=str(directory),
        per_device_train_batch_size=hyper.batch_size,
        gradient_accumulation_steps=hyper.gradient_accumulation,
        learning_rate=hyper.learning_rate,
        max_steps=total_steps,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, round(0.03 * total_steps)),
        bf16=on_gpu or run.training_type == "qlora",  # Full weights on a CPU stay exact: it gains little there.
        use_cpu=not on_gpu,
        seed=hyper.seed,
        data_seed=hyper.seed,
        save_strategy="no",  # Reporter decides, and vouches for what was saved.
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        include_num_input_tokens_seen="non_padding",
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        report_to=[],
    )
    facts = {**identity, "seed": hyper.seed, "threads": threads, "lease_epoch": run.lease_epoch, "versions": versions()}
    trainer = _trainer(model, arguments, data.rows, collate(tokenizer.pad_token_id), tokenizer, _order(hyper, data.rows))
    reporter = _reporter(run, events, commands, total_steps, facts, root, model.config.vocab_size)
    trainer.add_callback(reporter)
    if resume:
        events.send("resumed", step=resume.step, lease_epoch=resume.lease_epoch, path=str(resume.path))
    events.send("phase", phase="training", message=None)
    if resume and resume.step >= total_steps:
        # Trained to the end before: only the export was lost. train() would take one more step.
        trainer._load_from_checkpoint(str(resume.path))
        trainer.state.global_step = resume.step
    else:
        try:
            trainer.train(resume_from_checkpoint=str(resume.path) if resume else None)
        except BaseException:
            # On a full disk it takes the room for a whole one. Nobody else writes to the folder of this claim.
            remove_unfinished(directory.glob("checkpoint-*"))
            raise
    if commands.stop.is_set() and trainer.state.global_step < total_steps:
        raise Stopped()

    from .export import export

    events.send("phase", phase="exporting", message=None)
    try:
        files, weights_sha256 = export(run, trainer.model, tokenizer)
    except BaseException:
        # On a full disk half a model takes the room for a whole one.
        shutil.rmtree(run.output_dir, ignore_errors=True)
        raise
    return {
        "final_step": trainer.state.global_step,
        "total_steps": total_steps,
        "train_loss": reporter.last_loss or 0.0,
        "weights_sha256": weights_sha256,
        "files": files,
    }


def versions() -> dict:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "peft", "accelerate", "bitsandbytes", "tokenizers")}


def _order(hyper, rows: list[dict]):
    """A sampler of the rows, or None for the one of transformers, which takes them at random."""
    from .batches import LikeLengths

    if hyper.batching == "random":
        return None
    return LikeLengths([len(row["input_ids"]) for row in rows], hyper.batch_size * hyper.gradient_accumulation, hyper.seed)


def _trainer(model, arguments, rows, collator, tokenizer, order):
    from transformers import Trainer
    from transformers.trainer_callback import PrinterCallback

    from .answer_loss import answer_loss, is_plain

    class InOrder(Trainer):
        # Its own group_by_length draws from the global generator, which a resumed training has advanced otherwise.
        def _get_train_sampler(self, *arguments):
            return order or super()._get_train_sampler(*arguments)

        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            if plain and model.training and num_items_in_batch is not None and not return_outputs:
                return answer_loss(model, model.get_output_embeddings(), inputs, num_items_in_batch)
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    plain = is_plain(model)
    trainer = InOrder(model=model, args=arguments, train_dataset=rows, data_collator=collator, processing_class=tokenizer)
    trainer.remove_callback(PrinterCallback)
    return trainer


def _reporter(run: RunFile, events: Events, commands: Commands, total_steps: int, facts: dict, root: Path, vocab_size: int):
    from transformers import TrainerCallback

    class Reporter(TrainerCallback):
        """Tells every step, and saves when it is time: as planned, at the last step, and when asked."""

        def __init__(self):
            self.last_loss: float | None = None
            self.hopeless = 0
            self.recent: deque = deque(maxlen=20)

        def on_train_begin(self, args, state, control, **_):
            self.recent.append((time.monotonic(), state.num_input_tokens_seen, state.global_step))
            self.plan = SavePlan(run.hyperparameters.save_steps, run.save_share)

        def on_step_end(self, args, state, control, **_):
            last = state.global_step >= total_steps
            asked = commands.stop.is_set() or commands.checkpoint.is_set()
            if last or asked or self.plan.due(state.global_step):
                commands.checkpoint.clear()
                self.saving_since = time.monotonic()
                control.should_save = True
            if commands.stop.is_set():
                control.should_training_stop = True
            return control

        def on_log(self, args, state, control, logs=None, **_):
            state.log_history.clear()  # The events are the record; it would grow in every checkpoint.
            if not logs or "loss" not in logs:
                return
            loss = logs["loss"]
            self.require_hope(state.global_step, loss, logs.get("grad_norm"))
            self.last_loss = loss
            self.recent.append((time.monotonic(), state.num_input_tokens_seen, state.global_step))
            (then, tokens_then, step_then), (now, tokens, step) = self.recent[0], self.recent[-1]
            seconds = max(now - then, 1e-6)
            events.send(
                "step",
                step=step,
                total_steps=total_steps,
                epoch=float(state.epoch or 0.0),
                loss=loss,
                learning_rate=logs["learning_rate"],
                grad_norm=logs.get("grad_norm"),
                tokens=int(tokens),
                tokens_per_s=(tokens - tokens_then) / seconds,
                seconds_left=(total_steps - step) * seconds / max(step - step_then, 1),
            )

        def require_hope(self, step: int, loss: float, grad_norm: float | None):
            """Raises Diverged, before anything of this step is saved, when no later step can mend it: a loss or gradient that
            is no number, or a loss that stays far above that of guessing, which is ln(vocabulary)."""
            self.hopeless = self.hopeless + 1 if loss > HOPELESS_FACTOR * math.log(vocab_size) else 0
            what = None
            if not math.isfinite(loss):
                what = f"The loss became {loss} at step {step}."
            elif not math.isfinite(grad_norm or 0.0):
                what = f"The gradient became {grad_norm} at step {step}."
            elif self.hopeless >= HOPELESS_STEPS:
                what = f"The loss has been above {HOPELESS_FACTOR * math.log(vocab_size):.1f}, far worse than guessing, for {HOPELESS_STEPS} steps (now {loss:.1f} at step {step})."
            if what is None:
                return
            saved = [checkpoint for checkpoint in all_checkpoints(root) if checkpoint.step <= step - self.hopeless]
            good = f"The last checkpoint from before is that of step {saved[0].step} ({saved[0].path})." if saved else "There is no checkpoint from before."
            raise Diverged(f"{what} {good} Lower learning_rate (now {run.hyperparameters.learning_rate}) or check the data, then start the run afresh.")

        def on_save(self, args, state, control, **_):
            path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            publish(path, root, {**facts, "step": state.global_step, "epoch": float(state.epoch or 0.0)}, commands, events, self.saving_since)
            self.plan.saved(time.monotonic() - self.saving_since)

    return Reporter()
