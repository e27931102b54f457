"""Learning from pairs of answers: the chosen one is to become more likely than the rejected one, beyond what both are of the base."""

import hashlib
import os
import time
from contextlib import nullcontext
from pathlib import Path

from ..base_models.adapters import holds_its_beginning
from ..evaluation.answer_loss import AnswerLoss
from ..platform.events import Events
from ..platform.memory import as_many_as_fit
from ..tokens.batches import Rank, collate
from ..tokens.pairs import length_of

_TOLD_EVERY_S = 30.0


class Preference:
    """The loss of pairs (https://arxiv.org/abs/2305.18290, and for `ipo` https://arxiv.org/abs/2310.12036), and what it was of the latest step.

    The reward of an answer is `beta` times how much more likely it became than it is of the base, as the logarithm of the ratio. `ipo`
    takes the mean of an answer's tokens in place of their sum, as TRL does.
    """

    def __init__(self, beta: float, loss_type: str):
        self._beta, self._is_ipo = beta, loss_type == "ipo"
        self._margins: list = []

    def begin_step(self) -> None:
        self._margins = []

    def learnt(self, loss: AnswerLoss, model, inputs: dict, pairs):
        """Of a batch, to be learnt: the sum over its pairs, divided by `pairs`, of which there may be more in the batch's step."""
        inputs = dict(inputs)
        reference = inputs.pop("reference")
        return loss.weighed(model, inputs, lambda losses, tokens: self._of_pairs(losses, tokens, reference) / pairs)

    def _of_pairs(self, losses, tokens, reference):
        """`losses`: of each answer, the chosen ones first; `reference`: the base's. (A process that has no pair of a batch computes on padding.)"""
        import torch

        count = len(reference)
        gained = reference - losses[:count]
        if self._is_ipo:
            gained = gained / tokens[:count]
        difference = gained[: count // 2] - gained[count // 2 :]
        self._margins.append(self._beta * difference.detach())
        if self._is_ipo:
            return ((difference - 1 / (2 * self._beta)) ** 2).sum()
        return -torch.nn.functional.logsigmoid(self._beta * difference).sum()

    def figures(self) -> dict:
        """Of this process's pairs of the step: by how much the rewards of both answers differ, and the share whose chosen one has the higher."""
        import torch

        margins = torch.cat(self._margins or [torch.zeros(0)])
        if not len(margins):
            return {}
        return {"reward_margin": margins.mean().item(), "reward_accuracy": (margins > 0).double().mean().item()}


def references_file(work_dir: Path, tokens_sha256: str, model_fingerprint: str, start_sha256: str | None) -> Path:
    """Where the losses on these answers are kept of the model that the training begins from: what is found under the name is what computing them would give."""
    decides = " ".join(filter(None, [tokens_sha256, model_fingerprint, start_sha256]))
    return work_dir / f"references-{hashlib.sha256(decides.encode()).hexdigest()[:32]}.npy"


def refer_once(trainer, rows: list[dict], path: Path, rank: Rank, events: Events | None) -> None:
    """Gives each pair what the model makes of it that the training begins from, from the file where it is there and whole. Of several processes, the first one
    computes it."""
    import numpy
    import torch

    if rank.number == 0 and (known := _known(path, len(rows))) is None:
        known = _computed(trainer, rows, events)
        for old in path.parent.glob("references-*"):
            old.unlink()
        partial = path.with_name(f"partial-{path.name}.{os.getpid()}")
        with partial.open("wb") as file:
            numpy.save(file, known)
        partial.rename(path)
    if rank.count > 1:
        torch.distributed.barrier()
    for row, losses in zip(rows, numpy.load(path), strict=True):
        row["reference"] = losses


def _known(path: Path, count: int):
    import numpy

    try:
        known = numpy.load(path)
    except (OSError, ValueError, EOFError):
        return None
    return known if known.shape == (count, 2) else None


def _computed(trainer, rows: list[dict], events: Events | None):
    """Losses of both answers of each pair, without dropout: no random number is drawn."""
    import numpy

    model, loss, batch_of = trainer.model, trainer.answer_loss, collate(trainer.processing_class.pad_token_id)
    order = sorted(range(len(rows)), key=lambda place: length_of(rows[place]))
    known = numpy.empty((len(rows), 2), numpy.float64)
    told, done = time.monotonic(), 0

    def compute(places: list[int]) -> list[None]:
        nonlocal told, done
        batch = {name: tensor.to(model.device) for name, tensor in batch_of([rows[place] for place in places]).items()}
        losses = [total for total, _ in loss.of_rows(batch)]
        known[places] = list(zip(losses[: len(places)], losses[len(places) :]))
        done += len(places)
        if events and time.monotonic() - told > _TOLD_EVERY_S:
            told = time.monotonic()
            events.send("phase", phase="loading_model", message=f"The base is asked how likely both answers of each pair are: {done} of {len(rows)}.")
        return [None] * len(places)

    model.eval()
    try:
        with model.disable_adapter() if holds_its_beginning(model) else nullcontext(), trainer.compute_loss_context_manager():
            as_many_as_fit(order, trainer.args.per_device_train_batch_size, compute)
    finally:
        model.train()
    return known
