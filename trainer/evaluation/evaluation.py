"""The loss on held-out rows while a model is trained: when it is measured, on which rows, and when it ends the training.

Nothing of it changes the training: no random number is drawn, and no weight is touched. (The evaluation of transformers would
draw one for its data loader, and dropout would be another from there on.)
"""

import json
import math
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from ..base_models.models import config_of, context_of
from ..datasets.rows import Conversation
from ..platform.failures import BadInput
from ..runs.run_file import RunFile
from .held_out import MOST_BATCH_ROWS, by_trait, fingerprint, losses_of, mean_loss

# By trait, of each row the summed loss of its answers' tokens, and how many they are.
Losses = dict[str, list[tuple[float, int]]]

MOST_EVALUATIONS = 10
# Unless somebody chose to evaluate, or on which rows, it is to cost little: few rows, and no more than this share of the training's own work, of
# which a row takes about three times as much as one that is only evaluated.
CHEAP_ROWS_PER_TRAIT = 8
CHEAP_SHARE = 0.05
TRAINED_ROW_COST = 3


class HeldOut:
    """The rows that a training is evaluated on, the same ones each time, and the steps at which it is."""

    def __init__(self, run: RunFile, conversations: list[Conversation], tokenizer, total_steps: int, by_all: bool = False, before=lambda without_adapters: None):
        """`by_all`: every process of a training computes all losses, since each has a part of the model; `before` has the others begin."""
        self._by_all, self._before = by_all, before
        hyper = run.hyperparameters
        self._pad_id = tokenizer.pad_token_id
        # As many rows at once as fit into memory when they are trained on.
        self._batch_rows = min(MOST_BATCH_ROWS, hyper.batch_size)
        self._total_steps = total_steps
        is_chosen = hyper.evaluation_is_chosen or run.held_out_is_chosen
        most = run.max_rows_per_trait if is_chosen else min(CHEAP_ROWS_PER_TRAIT, run.max_rows_per_trait)
        # All that validation will take: what the chat template refuses of them is reported now, and not after a training of days.
        self.refused: list[str] | None = [] if hyper.on_bad_rows == "skip" else None
        context = context_of(config_of(run.model_path))
        traits = by_trait(conversations, tokenizer, hyper.max_length, context, run.max_rows_per_trait, run.choices, run.dataset_names, self.refused)
        self.traits = {trait: rows[:most] for trait, rows in traits.items()} if hyper.eval_steps != 0 else {}
        self.fingerprint = fingerprint(self.traits)
        self._every = every(hyper, total_steps, sum(map(len, self.traits.values())), run.held_out_is_chosen)
        if hyper.early_stopping_patience is not None and not self.traits:
            raise BadInput(
                f"hyperparameters.early_stopping_patience is {hyper.early_stopping_patience!r}, and there are no held-out rows to evaluate. "
                "Leave it out, or give data of which rows can be held out."
            )

    def due(self, step: int) -> bool:
        """Step 0 is before the first: it is the base that is measured there."""
        return bool(self.traits) and (step % self._every == 0 or step >= self._total_steps)

    def losses(self, model, without_adapters: bool = False) -> Losses:
        self._before(without_adapters)
        was_training = model.training
        model.eval()
        try:
            with model.disable_adapter() if without_adapters else nullcontext():
                return {trait: losses_of(model, self._pad_id, rows, self._batch_rows, is_alone=not self._by_all) for trait, rows in self.traits.items()}
        finally:
            model.train(was_training)


def overall(losses: Losses) -> float:
    """The mean loss of a token, where each trait counts the same."""
    return sum(map(mean_loss, losses.values())) / len(losses)


def every(hyper, total_steps: int, rows: int, rows_are_chosen: bool = False) -> int:
    """Steps between evaluations on so many rows. The last step is always one of them, and the base is measured before the first."""
    if hyper.eval_steps:
        return hyper.eval_steps
    times = MOST_EVALUATIONS
    if not (hyper.evaluation_is_chosen or rows_are_chosen) and rows > 0:
        trained_rows = total_steps * hyper.batch_size * hyper.gradient_accumulation
        times = min(times, int(CHEAP_SHARE * TRAINED_ROW_COST * trained_rows / rows) - 1)
    return math.ceil(total_steps / max(times, 1))


@dataclass
class EarlyStopping:
    """Which evaluation was the best, and whether the training goes on. It is kept in checkpoints, so that a training that goes
    on stops where one that was not interrupted does."""

    patience: int | None
    best_loss: float | None = None
    best_step: int | None = None
    without_improvement: int = 0
    # The latest evaluation that is counted here.
    last_step: int = 0

    FILE = "early_stopping.json"

    def heard(self, step: int, loss: float) -> bool:
        """Takes note of an evaluation, unless it has already. Whether it is the best so far. The base's, at step 0, is not one of
        them: there is nothing of it to export."""
        if step <= self.last_step:
            return False
        self.last_step = step
        if math.isfinite(loss) and (self.best_loss is None or loss < self.best_loss):
            self.best_loss, self.best_step, self.without_improvement = loss, step, 0
            return True
        self.without_improvement += 1
        return False

    @property
    def is_over(self) -> bool:
        return self.patience is not None and self.without_improvement >= self.patience

    def as_text(self) -> str:
        """What its file in a checkpoint holds."""
        return json.dumps(asdict(self))

    @classmethod
    def read_from(cls, checkpoint: Path, patience: int | None) -> "EarlyStopping":
        """As it was when the checkpoint was saved, with the patience of now. New, where it was saved without any."""
        file = checkpoint / cls.FILE
        if patience is None or not file.exists():
            return cls(patience)
        # Checkpoints from when an evaluation came before the save do not say that they have heard of it.
        step = int(checkpoint.name.rpartition("-")[2])
        return cls(**{"last_step": step, **json.loads(file.read_text(encoding="utf-8")), "patience": patience})
