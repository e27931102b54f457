"""Checkpoints that give a model back as it was, whatever its architecture."""

import os
from collections.abc import Callable
from pathlib import Path

from ..platform.failures import BadInput, CheckpointLost, lacks_memory
from ..platform.safetensors_files import files_of
from .checkpoint_copy import copy_of

ADAPTERS = "adapter_model.safetensors"
_WHOLE = ".modules_to_save.default."  # As peft names what is trained whole beside adapters.
_ROWS = ".trainable_tokens_delta"  # And rows of new tokens.


def with_whole_checkpoints(kind: type) -> type:
    """The Trainer of transformers, but that it saves weights as they are named in memory, and goes on from all of them or not at all.

    Of itself it saves models in the layout of their base's files (an expert's matrices one by one), and reads that back by the names in memory:
    what has another name there stays as the base has it, with a warning.
    """

    class WithWholeCheckpoints(kind):
        # Whether the checkpoints that it is asked for are written later, from a copy, by `take_unwritten`.
        writes_later = False
        _unwritten = None
        # Of a copy (checkpoint_copy.py): what it holds in place of what the model is by now.
        weights = rng_states = None

        def take_unwritten(self) -> Callable[[], None] | None:
            """What writes the checkpoint that was asked for last. None: it is written."""
            unwritten, self._unwritten = self._unwritten, None
            return unwritten

        def _save_checkpoint(self, model, trial):
            if self.writes_later and (still := _copy_if_it_fits(self)) is not None:
                self._unwritten = lambda: kind._save_checkpoint(still, model, trial)
            else:
                super()._save_checkpoint(model, trial)

        def _save_rng_state(self, output_dir):
            if self.rng_states is None:
                return super()._save_rng_state(output_dir)
            import torch

            torch.save(self.rng_states, os.path.join(output_dir, "rng_state.pth"))

        def _save(self, output_dir=None, state_dict=None):
            from transformers import GenerationConfig, PreTrainedModel

            state_dict = state_dict or self.weights
            if not isinstance(self.model, PreTrainedModel) or hasattr(self.model, "peft_config"):
                return super()._save(output_dir, state_dict)
            save, generation_config = self.model.save_pretrained, self.model.generation_config
            self.model.save_pretrained = lambda *arguments, **named: save(*arguments, **named, save_original_format=False)
            # What the base says of generation is exported from its own file. transformers reads some that it refuses to write (a temperature without do_sample).
            self.model.generation_config = GenerationConfig()
            try:
                super()._save(output_dir, state_dict)
            finally:
                del self.model.save_pretrained
                self.model.generation_config = generation_config

        def _load_from_checkpoint(self, resume_from_checkpoint, model=None):
            if not hasattr(self.model, "peft_config"):
                return super()._load_from_checkpoint(resume_from_checkpoint, model)
            # peft gives names of its own to some that it reads (those of shared experts), and leaves out what it does not find then, in silence.
            load_adapters(self.model, Path(resume_from_checkpoint) / ADAPTERS)

        def _issue_warnings_after_load(self, load_result):
            tied = getattr(self.model, "all_tied_weights_keys", None) or {}
            lost = sorted({*load_result.missing_keys} - {*tied, *tied.values()})
            if lost or load_result.unexpected_keys:
                raise _not_whole(lost, sorted(load_result.unexpected_keys))

    return WithWholeCheckpoints


def adapters_of(model) -> dict:
    """Those that are trained, and what is trained whole beside them, by the names that they have in files. (There peft leaves out the last part of what DoRA adds.)"""
    trained = {name.replace(".default", ""): parameter for name, parameter in model.named_parameters() if ".lora_" in name}
    # In files a matrix of two layers is there for each.
    whole = {name.replace(_WHOLE, "."): parameter for name, parameter in model.named_parameters(remove_duplicate=False) if _WHOLE in name}
    rows = {name.removesuffix(".default"): parameter for name, parameter in model.named_parameters() if f"{_ROWS}." in name}
    return whole | rows | {name.replace(".lora_magnitude_vector.weight", ".lora_magnitude_vector"): parameter for name, parameter in trained.items()}


def load_weights(model, checkpoint: Path) -> None:
    """Gives a model all weights of a checkpoint, which has them by the names in memory. Raises BadInput where it is of another model."""
    import torch
    from safetensors import safe_open

    own = model.state_dict(keep_vars=True)
    left = set(own) - set(getattr(model, "all_tied_weights_keys", None) or {})
    with torch.no_grad():
        for file in files_of(checkpoint):
            with safe_open(file, "pt") as saved:
                for name in saved.keys():
                    if name not in own:
                        raise BadInput(f"The checkpoint in {str(checkpoint)!r} has a tensor {name}, which its base has not.")
                    own[name].copy_(saved.get_tensor(name))
                    left.discard(name)
    if lost := sorted(name for name in left if name in dict(model.named_parameters())):
        raise BadInput(f"The checkpoint in {str(checkpoint)!r} lacks {len(lost)} tensors of its model, such as {lost[0]}.")


def _copy_if_it_fits(trainer):
    try:
        return copy_of(trainer)
    except (RuntimeError, MemoryError) as error:
        if not lacks_memory(error):
            raise
    return None


def load_adapters(model, file: Path) -> None:
    """Gives a model the adapters of a file, by the names that they have in files. Raises CheckpointLost where one is missing."""
    import torch
    from safetensors import safe_open

    adapters = adapters_of(model)
    with safe_open(file, "pt") as saved, torch.no_grad():
        if lost := sorted(adapters.keys() - set(saved.keys())):
            raise _not_whole(lost, [])
        for name, parameter in adapters.items():
            parameter.copy_(saved.get_tensor(name))


def _not_whole(lost: list[str], others: list[str]) -> CheckpointLost:
    return CheckpointLost(
        f"The checkpoint does not hold the weights of this model under their names ({len(lost)} are missing, {len(others)} are others; {(lost or others)[0]!r} is one). "
        "An earlier version of this trainer saved it, and it cannot be continued. Start the run afresh."
    )
