"""The model that is trained: loaded as its training type wants it, or ahead of its time."""

from contextlib import nullcontext

from ..base_models.four_bits import kept_in_4_bits
from ..platform.device import gpu_bytes
from ..platform.events import Events
from ..runs.checkpoints import Checkpoint
from ..runs.run_file import RunFile
from .ways import ROUNDED, Ways, ways_in, ways_of


def load_base(run: RunFile, ways: Ways, events: Events | None, device: str | None = None):
    """The base model as it is trained, or as adapters are beside it, on `device` or else where this process trains. Of several processes, one has `events`."""
    import torch

    from ..base_models.models import computes_in_bf16, load_model

    with events.spans.of("model") if events else nullcontext():
        if run.trained_as == "qlora":
            with kept_in_4_bits(run.cache_dir, run.model_path, events):
                return load_model(run.model_path, quantize=True)
        if run.trained_as == "lora":
            return load_model(run.model_path, dtype=torch.bfloat16 if computes_in_bf16() else torch.float32, device=device)
        # Full weights are updated by steps far below the resolution of bf16, so they are kept in fp32, or rounded so that it does not matter.
        return load_model(run.model_path, dtype=torch.bfloat16 if ways.optimizer == ROUNDED else torch.float32, device=device)


def ready_to_train(base, run: RunFile, ways: Ways):
    """What is trained, upon its base: with adapters, or all weights of its language model."""
    from ..base_models.adapters import add_lora
    from ..base_models.language import train_language_alone
    from ..base_models.new_tokens import ids_of
    from .lean_adapters import make_lean

    if run.trained_as == "qlora":
        from .dequantised_weights import keep_dequantised

        keep_dequantised(base)
    if run.has_adapter:
        base = make_lean(add_lora(base, run.hyperparameters, run.start_adapter, ids_of(run.model_path, run.new_tokens)), ways.lean)
    else:
        train_language_alone(base)
    base.train()
    base.config.use_cache = False
    return base


class BaseAhead:
    """A base model that is loaded while the checkpoint is looked at that it is going to be trained on from."""

    def __init__(self, threads: int, manifest: dict | None):
        self.threads, self._manifest = threads, manifest
        self._ways: Ways | None = None
        self._was_tried = False
        self._model = None

    @staticmethod
    def of(run: RunFile, expected: Checkpoint | None) -> "BaseAhead":
        """By what `expected` says of itself, which may be damaged: it is compared with what was verified, before the model is used."""
        try:
            return BaseAhead(int(expected.threads), expected.manifest)
        except Exception:  # noqa: BLE001: whoever verifies it says what is wrong.
            return BaseAhead(run.threads, None)

    def load(self, run: RunFile, events: Events) -> None:
        # Several processes meet first, and then load.
        if run.processes > 1:
            return
        self._was_tried = True
        try:
            self._ways = ways_in(self._manifest) if self._manifest else ways_of(run, gpu_bytes())
            self._model = load_base(run, self._ways, events)
        except Exception:  # noqa: BLE001: it is loaded again when it is its turn, and fails again.
            self._ways = None

    def is_for(self, threads: int, ways: Ways) -> bool:
        """Whether torch was set up for a training in these ways, and no number was drawn for one in others."""
        return threads == self.threads and (self._ways == ways or not self._was_tried)

    def model_for(self, threads: int, ways: Ways):
        model, self._model = self._model, None
        return model if self.is_for(threads, ways) else None
