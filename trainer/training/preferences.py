"""Learning from pairs of answers: the chosen one is to become more likely than the rejected one, in itself (orpo) or beyond what both are of the base."""

import hashlib
import os
import time
from contextlib import nullcontext
from pathlib import Path

from ..base_models.adapters import holds_its_beginning
from ..evaluation.answer_loss import AnswerLoss
from ..platform.events import Events, fsync
from ..platform.failures import Stopped
from ..platform.memory import as_many_as_fit
from ..platform.supervision import Commands
from ..tokens.batches import Rank, collate
from ..tokens.pairs import length_of

# To compute all losses of the base takes about a third of an epoch's time.
_KEPT_EVERY_S = 30.0


class Preference:
    """The loss of pairs, and what it was of the latest step.

    - `sigmoid` (https://arxiv.org/abs/2305.18290) and `ipo` (https://arxiv.org/abs/2310.12036): the reward of an answer is `beta` times how much more likely it
      became than it is of the base, as the logarithm of the ratio. `ipo` takes the mean of an answer's tokens in place of their sum, as TRL does.
    - `orpo` (https://arxiv.org/abs/2403.07691) asks no base: the chosen answer is learnt, and `beta` times the log of how sure its odds are above those of the
      rejected one. All of it is of means over an answer's tokens. (TRL's learns the tokens of the question as well.) The reward is `beta` times that mean.
    """

    def __init__(self, beta: float, loss_type: str):
        self._beta, self._loss_type = beta, loss_type
        self._margins: list = []

    def begin_step(self) -> None:
        self._margins = []

    def learnt(self, loss: AnswerLoss, model, inputs: dict, pairs):
        """Of a batch, to be learnt: the sum over its pairs, divided by `pairs`, of which there may be more in the batch's step."""
        inputs = dict(inputs)
        reference = inputs.pop("reference", None)
        return loss.weighed(model, inputs, lambda losses, tokens: self._of_pairs(losses, tokens, reference) / pairs)

    def _of_pairs(self, losses, tokens, reference):
        """`losses`: of each answer, the chosen ones first; `reference`: the base's, or None."""
        import torch
        from torch.nn.functional import logsigmoid

        # A process that has no pair of a batch computes on padding, which has no answer.
        count = len(losses) // 2
        likely = -losses[: 2 * count] if reference is None else reference - losses[: 2 * count]
        if self._loss_type != "sigmoid":
            likely = likely / tokens[: 2 * count]
        chosen, rejected = likely[:count], likely[count:]
        difference = chosen - rejected
        self._margins.append(self._beta * difference.detach())
        if self._loss_type == "ipo":
            return ((difference - 1 / (2 * self._beta)) ** 2).sum()
        if self._loss_type == "orpo":
            return -(chosen + self._beta * logsigmoid(_log_odds(chosen) - _log_odds(rejected))).sum()
        return -logsigmoid(self._beta * difference).sum()

    def figures(self) -> dict:
        """Of this process's pairs of the step: by how much the rewards of both answers differ, and the share whose chosen one has the higher."""
        import torch

        margins = torch.cat(self._margins or [torch.zeros(0)])
        if not len(margins):
            return {}
        return {"reward_margin": margins.mean().item(), "reward_accuracy": (margins > 0).double().mean().item()}


def _log_odds(log_likely):
    """Of p, log(p / (1 - p)), from its logarithm. What is certain, but for rounding, has the odds of what hardly is not."""
    import torch

    log_likely = log_likely.clamp(max=-torch.finfo(torch.float32).eps)
    return log_likely - torch.log(-torch.expm1(log_likely))


def references_file(work_dir: Path, tokens_sha256: str, model_fingerprint: str, start_sha256: str | None) -> Path:
    """Where the losses on these answers are kept of the model that the training begins from: what is found under the name is what computing them would give."""
    decides = " ".join(filter(None, [tokens_sha256, model_fingerprint, start_sha256]))
    return work_dir / f"references-{hashlib.sha256(decides.encode()).hexdigest()[:32]}.npy"


def refer_once(trainer, rows: list[dict], path: Path, rank: Rank, events: Events | None, commands: Commands | None) -> None:
    """Gives each pair what the model makes of it that the training begins from, from the file where it is there and whole; what is missing of it is computed.
    Of several processes, the first one does that, and it alone hears commands. Raises Stopped behind the batch in which a stop comes, with what was computed kept."""
    import numpy
    import torch

    if rank.number == 0:
        for old in {*path.parent.glob("*references-*")} - {path}:
            old.unlink()
        known = _known(path, len(rows))
        if missing := numpy.isnan(known).any(axis=1).nonzero()[0].tolist():
            _complete(trainer, rows, known, missing, path, events, commands)
    if rank.count > 1:
        torch.distributed.barrier()
    for row, losses in zip(rows, numpy.load(path), strict=True):
        row["reference"] = losses


def _known(path: Path, count: int):
    """The losses of both answers of each pair; NaN where they were not computed yet."""
    import numpy

    try:
        known = numpy.load(path)
    except (OSError, ValueError, EOFError):
        known = None
    return known if known is not None and known.shape == (count, 2) else numpy.full((count, 2), numpy.nan)


def _complete(trainer, rows: list[dict], known, missing: list[int], path: Path, events: Events | None, commands: Commands | None) -> None:
    """Computes and keeps what is missing, without dropout: no random number is drawn. Behind what was kept before a kill or a stop come the batches that would have come
    without it, so that the training ends with the same bits."""
    model, loss, batch_of = trainer.model, trainer.answer_loss, collate(trainer.processing_class.pad_token_id)
    kept, done = time.monotonic(), len(rows) - len(missing)

    def compute(places: list[int]) -> list[None]:
        nonlocal kept, done
        batch = {name: tensor.to(model.device) for name, tensor in batch_of([rows[place] for place in places]).items() if name != "pairs"}
        losses = [total for total, _ in loss.of_rows(batch)]
        known[places] = list(zip(losses[: len(places)], losses[len(places) :]))
        done += len(places)
        if time.monotonic() - kept > _KEPT_EVERY_S:
            _keep(known, path)
            if events:
                events.send("phase", phase="loading_model", message=f"The base is asked how likely both answers of each pair are: {done} of {len(rows)}.")
            kept = time.monotonic()
        if commands and commands.stop.is_set():
            _keep(known, path)
            raise Stopped()
        return [None] * len(places)

    model.eval()
    try:
        with model.disable_adapter() if holds_its_beginning(model) else nullcontext(), trainer.compute_loss_context_manager():
            as_many_as_fit(sorted(missing, key=lambda place: length_of(rows[place])), trainer.args.per_device_train_batch_size, compute)
    finally:
        model.train()
    _keep(known, path)


def _keep(known, path: Path) -> None:
    """Whole and durably, in place of what was kept before."""
    import numpy

    partial = path.with_name(f"partial-{path.name}.{os.getpid()}")
    with partial.open("wb") as file:
        numpy.save(file, known)
    fsync(partial)
    partial.rename(path)
    fsync(path.parent)
