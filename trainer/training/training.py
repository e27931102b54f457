"""From a run file to a finished model: data, model, steps, checkpoints, export."""

from collections.abc import Iterator
from pathlib import Path

from ..base_models.file_facts import KnownModel
from ..bundle.fingerprint import fingerprint_of
from ..datasets.rows import Conversation
from ..evaluation.answer_loss import NOT_IN_PIECES
from ..platform.beside import beside
from ..platform.device import DeviceFigures, device_name, gpu_bytes, require_given_gpus
from ..platform.events import Events
from ..platform.failures import BadInput, Stopped
from ..platform.supervision import Commands
from ..runs.checkpoints import Checkpoint, all_checkpoints, checkpoint_of, newest_complete, problem_with, remove_unfinished, sha256_of
from ..runs.going_on import arithmetic, differences, require_same_model
from ..runs.run_file import RunFile
from ..tokens.batches import Rank
from .each_process import Setup, follow, rows_of, set_up_torch, trainer_of
from .first_step import spans_of_first_step
from .model_to_train import BaseAhead
from .optimisation import steps_of, told_before
from .preferences import references_file
from .ranks import Others, ask_others, decided_by_one, saved_by_all
from .sharded import whole_model
from .ways import ways_in, ways_of


def train(run: RunFile, conversations: list[Conversation], held_out_rows: list[Conversation], events: Events, commands: Commands) -> dict:
    """Trains from the newest complete checkpoint, or from the start, and exports. Returns the result of `done`.

    Raises Stopped after a stop command, and at hold_step, once the checkpoint is durable; before the first step, once it is kept what the base makes of pairs.
    """
    root = run.work_dir / "checkpoints"
    hyper = run.hyperparameters
    with events.spans.of("data"):
        identity = identity_of(run, sha256_of(run.train))
    with events.spans.of("fingerprint"):
        fingerprint = KnownModel(run.cache_dir, run.model_path).once("fingerprint", lambda: fingerprint_of(run.model_path))
    directory = root / f"e{run.lease_epoch}"

    def find_checkpoint() -> Checkpoint | None:
        with events.spans.of("checkpoint"):
            resume = newest_complete(root, run.lease_epoch, identity, run.known_checkpoint_step, events)
            if resume:
                require_same_model(resume, fingerprint, run.model_name, run.model_path)
            # From here on an earlier claim publishes nothing any more: it looks for this folder before it does.
            directory.mkdir(parents=True, exist_ok=True)
            return resume

    with beside(find_checkpoint) as found:
        # What is going to be found, as far as that needs no hashes. Nothing of it counts before they are right.
        expected = next(iter(all_checkpoints(root)), None) or found()

        events.send("phase", phase="loading_model", message=None)
        ahead = BaseAhead.of(run, expected)
        with events.spans.of("imports"):
            set_up_torch(run, ahead.threads)
            # Not by every process of several: each would take memory of the first GPU.
            require_given_gpus()

            from ..base_models.base_config import require_text_writer, require_whole_files
            from ..base_models.base_in_16_bits import upon_16_bits
            from ..base_models.models import load_tokenizer, parameters_of, require_fit, require_numbers
            from ..base_models.new_tokens import unseen
            from ..outputs.start import upon_start
            from ..evaluation.evaluation import EarlyStopping, HeldOut
            from ..evaluation.evaluator import Evaluator
            from ..evaluation.measured import Record
            from ..platform.memory import Room
            from ..runs.saving import Saver
            from ..runs.token_cache import encode_once, require_same_tokens, tokens_sha256
            from .rehearsal import checkpoint_bytes, rehearsal, rehearse_the_end
            from .after_each_step import reporter
            from .tensorboard import TensorBoard

        require_text_writer(run.model_path)
        require_whole_files(run.model_path)
        run = upon_start(upon_16_bits(run, events), events)
        with events.spans.of("tokens"):
            tokenizer = load_tokenizer(run.model_path)
            data = encode_once(run, tokenizer, lambda: conversations, identity["data_sha256"])
        if not data.rows:
            why = f" {data.refused} rows cannot be learnt: {data.reasons[0]}" if data.refused else ""
            raise BadInput(f"No row of the training data has an answer within max_length. Raise max_length or check the data's mapping.{why}")
        if expected:
            ahead.load(run, events)
        resume = found()
    threads = resume.threads if resume else run.threads
    ways = ways_in(resume.manifest) if resume else ways_of(run, gpu_bytes())
    if not ahead.is_for(threads, ways):
        set_up_torch(run, threads)
    if resume:
        require_same_tokens(resume, data)
    require_fit(run.model_path, tokenizer, data.rows, hyper.max_length)
    if resume is None:
        with events.spans.of("numbers"):
            KnownModel(run.cache_dir, run.model_path).once("has numbers alone", lambda: require_numbers(run.model_path))
    for message in differences(resume, run) if resume else ():
        events.send("log", level="warning", message=message)
    rows = rows_of(run, data)
    per_epoch, total_steps = steps_of(len(rows), hyper)
    by_all = {"by_all": True, "before": ask_others} if hyper.is_sharded else {}
    held_out = HeldOut(run, held_out_rows, tokenizer, total_steps, **by_all)
    told = [*warnings_of(data, held_out.refused or [], len(conversations)), *unlearnt(unseen(tokenizer, run.new_tokens, data.rows)), *told_before(hyper, total_steps, gpu_bytes() is not None)]
    for message in told if resume is None else ():
        events.send("log", level="warning", message=message)
    patience = hyper.early_stopping_patience
    early_stopping = EarlyStopping.read_from(resume.path, patience) if resume else EarlyStopping(patience)
    record = Record(run.work_dir, run.lease_epoch, held_out.fingerprint, *([resume.path, resume.step] if resume else []))
    evaluator = Evaluator(held_out, record, early_stopping, events, resume.step if resume else None)
    # Trained to its end before: only the export was lost. train() would take one more step.
    is_trained = resume is not None and not evaluator.is_missing() and (resume.step >= total_steps or early_stopping.is_over)
    references = references_file(run.work_dir, tokens_sha256(data), fingerprint, run.start_sha256) if run.refers_to_base else None
    setup = Setup(run, identity["data_sha256"], directory, resume.path if resume else None, total_steps, threads, ways, references)
    rank = Rank(0, 1 if is_trained else run.processes)
    is_parted = hyper.is_sharded and rank.count > 1

    with Others(rank.count, events, follow, setup):
        trainer = trainer_of(setup, rank, tokenizer, rows, events, ahead.model_for(threads, ways), commands)
        model = trainer.model
        trainable, total = parameters_of(model)
        if not trainer.answer_loss.is_whole:
            events.send("log", level="warning", message=f"The loss of a {model.config.model_type} is more than that of its answers' tokens, so that {NOT_IN_PIECES}")
        events.send(
            "plan",
            total_steps=total_steps,
            steps_per_epoch=per_epoch,
            rows=len(conversations),
            examples=len(rows),
            longest_tokens=max(len(row["input_ids"]) for row in data.rows),
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
            "lease_epoch": run.lease_epoch, "versions": arithmetic(), **run.descent,
        }  # fmt: skip
        board = TensorBoard(run.work_dir / "tensorboard", run.lease_epoch, resume.step if resume else None)
        figures = DeviceFigures()
        figures.start()
        saver, room = Saver(), Room(checkpoint_bytes(model, ways.optimizer))
        report = reporter(run, events, commands, total_steps, facts, root, trainer, saver, room, evaluator, early_stopping, board, figures)
        for callback in [spans_of_first_step(events), *saved_by_all(rank), report, *decided_by_one(rank)]:
            trainer.add_callback(callback)
        if resume is None:
            with events.spans.of("rehearsal"):
                rehearse_the_end(run, model, trainer.answer_loss, tokenizer, ways, events)
            trainer.add_callback(rehearsal(run, trainer, rows, rank, ways.optimizer, events))
        if resume:
            events.send("resumed", step=resume.step, lease_epoch=resume.lease_epoch, path=str(resume.path))
        events.send("phase", phase="training", message=evaluator.before_first_step())
        try:
            if is_trained:
                trainer._load_from_checkpoint(str(resume.path))
                trainer.state.global_step = resume.step
            else:
                with saver:
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
    if (commands.stop.is_set() or run.holds_at(final_step)) and final_step < total_steps and not stopped_early:
        raise Stopped()
    best = _best(early_stopping.best_step, final_step, root, identity, events)
    if best is not None and not is_parted:
        trainer._load_from_checkpoint(str(best.path))
    exported_step = best.step if best else final_step
    evaluator.end(exported_step)
    if stopped_early:
        events.send(
            "log",
            level="info",
            message=f"The held-out loss did not improve in {early_stopping.without_improvement} evaluations: training ended early, at step "
            f"{final_step} of {total_steps}, and the model of step {exported_step} is exported.",
        )

    from ..outputs.export import export

    events.send("phase", phase="exporting", message=None)
    # Of a sharded model this process has a part. Its last step is always saved.
    model = whole_model(run, ways, checkpoint_of(root, exported_step).path) if is_parted else trainer.model
    files, weights_sha256 = export(run, model, tokenizer)
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
    from ..chats.forms import NOTES

    for note, count in sorted(data.notes.items()):
        yield f"{count} of {rows} rows {NOTES[note]}."
    if data.refused:
        yield f"{data.refused} of {rows} rows are left out, since they cannot be learnt (on_bad_rows: skip). The first of them: {' '.join(data.reasons)}"
    if refused_held_out:
        yield f"{len(refused_held_out)} held-out rows are left out, since they cannot be learnt (on_bad_rows: skip). The first of them: {refused_held_out[0]}"


def unlearnt(tokens: list[str]) -> Iterator[str]:
    if tokens:
        yield f"{len(tokens)} of the new_tokens are in no row that is trained on, so that nothing is learnt of them: {', '.join(tokens)}."


def identity_of(run: RunFile, data_sha256: str) -> dict:
    """What decides the weights: a checkpoint of another training does not count. Of an index, that is the model that makes it."""
    return {"training_type": run.training_type, "model": run.embedder_name, "data_sha256": data_sha256, "hyperparameters": vars(run.hyperparameters), "start": run.start_sha256}


def _best(best_step: int | None, last_step: int, root: Path, identity: dict, events: Events) -> Checkpoint | None:
    """The checkpoint of the best evaluation, where there was one to compare, and it is not that of the last step."""
    if best_step is None or best_step == last_step:
        return None
    best = checkpoint_of(root, best_step)
    problem = "it is not there" if best is None else problem_with(best.path, identity)
    if problem:
        message = f"The checkpoint of step {best_step}, whose held-out loss was the lowest, does not count ({problem}): the model of step {last_step} is exported."
        events.send("log", level="warning", message=message)
        return None
    return best
