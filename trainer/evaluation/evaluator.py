"""Makes the evaluations of a training: each is reported, kept, and left out where there is no room for it. A training does not end by one."""

from ..base_models.adapters import holds_its_beginning
from ..platform.events import Events
from ..platform.failures import lacks_memory
from ..platform.memory import free
from .evaluation import EarlyStopping, HeldOut, overall
from .held_out import mean_loss
from .measured import FILE, Record


class Evaluator:
    def __init__(self, held_out: HeldOut, record: Record, early_stopping: EarlyStopping, events: Events, resumed_step: int | None):
        self._held_out, self._record, self._early_stopping, self._events = held_out, record, early_stopping, events
        self._resumed_step = resumed_step
        # Whether this process knows that an evaluation fits beside what training needs.
        self.has_fitted = False
        if resumed_step is not None:
            self._count(resumed_step)

    def due(self, step: int) -> bool:
        return self._held_out.due(step) and not self._record.measured.given_up

    def is_missing(self) -> bool:
        """Whether the training goes on from a step that was saved, and whose evaluation did not take place after that."""
        step = self._resumed_step
        return step is not None and self._held_out.due(step) and not self._record.measured.is_settled(step)

    def before_first_step(self) -> str | None:
        """What takes a while before the first step, in a sentence, of a training that begins."""
        rows = sum(map(len, self._held_out.traits.values()))
        if self._resumed_step is not None or not rows or self._record.measured.is_settled(0):
            return None
        return f"The base is measured on {rows} held-out rows before the first step."

    def begin(self, model, board) -> None:
        """Before the first step of this process: measures the base, and what is missing."""
        for step in sorted(self._record.untold):
            self._tell(step, board)
        # What was trained itself, and not beside its base, is not what it began from any more.
        is_base = self._resumed_step is None or holds_its_beginning(model)
        if self._held_out.traits and is_base and not self._record.measured.is_settled(0):
            self.measure(0, model, board)
        if self.is_missing():
            self.measure(self._resumed_step, model, board)

    def measure(self, step: int, model, board) -> bool:
        """Measures the loss after a step, or the base's at step 0. Whether it is the best so far of those that early stopping compares."""
        if not self._may_try(step):
            return False
        self._record.add(step=step, what="begun")
        try:
            losses = self._held_out.losses(model, without_adapters=step == 0 and holds_its_beginning(model))
        except (RuntimeError, MemoryError) as error:
            if not lacks_memory(error):
                raise
            losses = None
        if losses is None:
            # Not above: the error holds what did not fit.
            free()
            self._leave_out(step, "left_out", "it did not fit into memory, one row at a time either")
            return False
        self.has_fitted = self.has_fitted or step > 0
        self._record.add(step=step, what="measured", losses=losses)
        self._tell(step, board)
        return self._count(step)

    def end(self, exported_step: int) -> None:
        """Notes of which step the exported model is, and warns where none was better than its base."""
        self._record.add(exported_step=exported_step)
        by_step = {step: overall(losses) for step, losses in self._record.measured.by_step.items()}
        base = by_step.pop(0, None)
        if base is None or not by_step or min(by_step.values()) < base:
            return
        self._warn(
            f"No evaluation found a lower loss on held-out rows than the base's own ({base:.4f} at step 0; the lowest after it is {min(by_step.values()):.4f}). "
            "Lower learning_rate, train for fewer epochs, or check that the rows to train on are like those held out."
        )

    def kept(self) -> dict[str, str]:
        """What a training that goes on from a checkpoint of now needs to know, as files of it."""
        files = {FILE: self._record.measured.as_text(self._early_stopping.best_step)}
        if self._early_stopping.patience is not None:
            files[EarlyStopping.FILE] = self._early_stopping.as_text()
        return files

    def _may_try(self, step: int) -> bool:
        """Not for a third time what the trainer was killed in twice, as the kernel does where memory is short: it would go on so for ever."""
        if not self._record.measured.given_up:
            return True
        self._leave_out(step, "killed", "the trainer was killed while it was made, twice, as happens where memory is short. None is made any more in this run")
        return False

    def _leave_out(self, step: int, what: str, why: str) -> None:
        self._record.add(step=step, what=what)
        name = f"The evaluation at step {step}" if step else "The evaluation of the base before the first step"
        self._warn(f"{name} is left out: {why}. The training goes on as it would with it. A smaller max_length needs less; eval_steps: 0 asks for none.")

    def _tell(self, step: int, board) -> None:
        """Of each trait, and over all."""
        losses = self._record.measured.by_step[step]
        means = {trait: mean_loss(rows) for trait, rows in losses.items()}
        for trait, loss in means.items():
            self._events.send("eval", step=step, trait=trait, loss=loss, rows=len(losses[trait]))
        self._events.send("eval", step=step, trait=None, loss=overall(losses), rows=sum(map(len, losses.values())))
        board.add(step, {"eval/loss": overall(losses), **{f"eval/loss/{trait}": loss for trait, loss in means.items()}})

    def _count(self, step: int) -> bool:
        losses = self._record.measured.by_step.get(step)
        compares = self._early_stopping.patience is not None and step > 0
        return compares and losses is not None and self._early_stopping.heard(step, overall(losses))

    def _warn(self, message: str) -> None:
        self._events.send("log", level="warning", message=message)
