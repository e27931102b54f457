"""What happens after each step: its event; a checkpoint when one is due (runs/saving.py has the schedule; a stop, the last step and evaluations ask for more); an
evaluation when one is due; and the end of the training where the loss is beyond hope."""

import math
import time
from collections import deque
from pathlib import Path

from ..evaluation.evaluation import EarlyStopping
from ..evaluation.evaluator import Evaluator
from ..platform.device import DeviceFigures, memory_bytes
from ..platform.events import Events
from ..platform.failures import Diverged
from ..platform.memory import Room
from ..platform.supervision import Commands
from ..runs.checkpoints import all_checkpoints, publish, whole_or_none
from ..runs.run_file import RunFile
from ..runs.saving import SavePlan, Saver
from .tensorboard import TensorBoard

HOPELESS_FACTOR = 2.0  # Well-meant trainings start near ln(vocabulary), or far below, and fall.
HOPELESS_STEPS = 20


def reporter(
    run: RunFile,
    events: Events,
    commands: Commands,
    total_steps: int,
    facts: dict,
    root: Path,
    trainer,
    saver: Saver,
    room: Room,
    evaluator: Evaluator,
    early_stopping: EarlyStopping,
    board: TensorBoard,
    figures: DeviceFigures,
):
    """The callback that transformers' Trainer calls; `facts` go into the manifest of each checkpoint under `root`, and `room` is for a copy of one."""
    from transformers import TrainerCallback

    vocab_size = trainer.model.config.get_text_config().vocab_size

    class Reporter(TrainerCallback):
        """In the order in which it is called: on_step_end, on_log, and on_save where it asked for it."""

        def __init__(self):
            self.last_loss: float | None = None
            self.hopeless = 0
            self.has_told_of_room = False
            self.recent: deque = deque(maxlen=20)
            self.evaluates_once_saved = False

        def on_train_begin(self, args, state, control, model=None, **_):
            evaluator.begin(model, board)
            # It may be that an evaluation was missing, and nothing else.
            control.should_training_stop = early_stopping.is_over or state.global_step >= total_steps or run.holds_at(state.global_step)
            self.recent.append((time.monotonic(), state.num_input_tokens_seen, state.global_step))
            saver.plan = SavePlan(run.hyperparameters.save_steps, run.save_share)
            return control

        def on_step_end(self, args, state, control, **_):
            saver.look()
            last = state.global_step >= total_steps
            stop = commands.stop.is_set() or run.holds_at(state.global_step)
            # Where memory is short, the kernel ends the trainer without a word: before it is known that an evaluation fits, all is saved.
            untried = evaluator.due(state.global_step) and not evaluator.has_fitted
            if last or stop or commands.checkpoint.is_set() or untried or saver.plan.due(state.global_step):
                commands.checkpoint.clear()
                control.should_save = True
            if stop:
                control.should_training_stop = True
            return control

        def on_log(self, args, state, control, logs=None, model=None, **_):
            state.log_history.clear()  # The events are the record; it would grow in every checkpoint.
            if not logs or "loss" not in logs:
                return control
            loss = logs["loss"]
            self.require_hope(state.global_step, loss, logs.get("grad_norm"))
            self.last_loss = loss
            self.tell(state, logs)
            self.evaluates_once_saved = evaluator.due(state.global_step) and control.should_save
            if evaluator.due(state.global_step) and not control.should_save:
                is_best = self.evaluate(state.global_step, model, control)
                control.should_save = is_best or early_stopping.is_over
            self.saving_since = time.monotonic()
            if control.should_save:
                saver.wait()
                run.places.require()
                # Where the training waits for it anyway, nothing need be copied. Of several processes each writes a part.
                waits = self.evaluates_once_saved or control.should_training_stop or state.global_step >= total_steps or args.world_size > 1
                trainer.writes_later = not waits and self.has_room()
            return control

        def has_room(self) -> bool:
            if room.is_enough():
                return True
            if not self.has_told_of_room:
                self.has_told_of_room = True
                events.send("log", level="info", message=f"{room} The training stands still while a checkpoint is written.")
            return False

        def tell(self, state, logs: dict) -> None:
            self.recent.append((time.monotonic(), state.num_input_tokens_seen, state.global_step))
            (then, tokens_then, step_then), (now, tokens, step) = self.recent[0], self.recent[-1]
            seconds = max(now - then, 1e-6)
            shown = {
                "loss": logs["loss"],
                "learning_rate": logs["learning_rate"],
                "grad_norm": logs.get("grad_norm"),
                "tokens": int(tokens),
                "tokens_per_s": (tokens - tokens_then) / seconds,
                "memory_bytes": memory_bytes(),
                **(trainer.preference.figures() if trainer.preference else {}),
            }
            events.send(
                "step",
                step=step,
                total_steps=total_steps,
                epoch=float(state.epoch or 0.0),
                seconds_left=(total_steps - step) * seconds / max(step - step_then, 1),
                device=figures.latest,
                **shown,
            )
            device = {f"device/{name}": value for name, value in (figures.latest or {}).items()}
            board.add(step, {**{f"train/{name}": value for name, value in shown.items()}, **device})

        def evaluate(self, step: int, model, control) -> bool:
            """Whether patience has its best so far in it. Training ends when there was no better one for too long."""
            saver.wait()  # That it fits is known of one without the copy of a checkpoint beside it.
            is_best = evaluator.measure(step, model, board)
            if early_stopping.is_over and step < total_steps:
                control.should_training_stop = True
            return is_best

        def require_hope(self, step: int, loss: float, grad_norm: float | None):
            """Raises Diverged, before anything of this step is saved, when no later step can mend it: a loss or gradient that
            is no number, or a loss that stays far above that of guessing, which is ln(vocabulary)."""
            # Of pairs of answers, the loss is no guess at tokens.
            self.hopeless = self.hopeless + 1 if trainer.preference is None and loss > HOPELESS_FACTOR * math.log(vocab_size) else 0
            what = None
            if not math.isfinite(loss):
                what = f"The loss became {loss} at step {step}."
            elif not math.isfinite(grad_norm or 0.0):
                what = f"The gradient became {grad_norm} at step {step}."
            elif self.hopeless >= HOPELESS_STEPS:
                what = f"The loss has been above {HOPELESS_FACTOR * math.log(vocab_size):.1f}, far worse than guessing, for {HOPELESS_STEPS} steps (now {loss:.1f} at step {step})."
            if what is None:
                return
            saver.wait()
            saved = [checkpoint for checkpoint in all_checkpoints(root) if checkpoint.step <= step - self.hopeless]
            good = f"The last checkpoint from before is that of step {saved[0].step} ({saved[0].path})." if saved else "There is no checkpoint from before."
            raise Diverged(f"{what} {good} Lower learning_rate (now {run.hyperparameters.learning_rate}) or check the data, then start the run afresh.")

        def on_save(self, args, state, control, model=None, **_):
            path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            write, kept = trainer.take_unwritten(), evaluator.kept()
            saved = {**facts, "step": state.global_step, "epoch": float(state.epoch or 0.0)}
            since, best_step = self.saving_since, early_stopping.best_step

            def save(waited: float | None) -> None:
                with whole_or_none(path, run.places):
                    if write is not None:
                        write()
                    for name, text in kept.items():
                        (path / name).write_text(text, encoding="utf-8")
                    board.flush()  # These steps are not done again.
                    publish(path, root, saved, commands, events, since, waited, best_step)

            if write is None:
                saver.at_once(save, since)
            else:
                saver.behind(save, since)
            # Whoever asked it to stop waits. A training that goes on from here does it first. Whoever has it held here wants to know the loss.
            is_wanted = state.global_step >= total_steps or run.holds_at(state.global_step)
            if self.evaluates_once_saved and (is_wanted or not control.should_training_stop):
                self.evaluate(state.global_step, model, control)
            return control

    return Reporter()
