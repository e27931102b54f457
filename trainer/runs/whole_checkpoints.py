"""Checkpoints that give a model back as it was, whatever its architecture."""

from pathlib import Path

from ..platform.failures import CheckpointLost

ADAPTERS = "adapter_model.safetensors"


def with_whole_checkpoints(kind: type) -> type:
    """The Trainer of transformers, but that it saves weights as they are named in memory, and goes on from all of them or not at all.

    Of itself it saves models in the layout of their base's files (an expert's matrices one by one), and reads that back by the names in memory:
    what has another name there stays as the base has it, with a warning.
    """

    class WithWholeCheckpoints(kind):
        def _save(self, output_dir=None, state_dict=None):
            from transformers import GenerationConfig, PreTrainedModel

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
            _load_adapters(self.model, Path(resume_from_checkpoint) / ADAPTERS)

        def _issue_warnings_after_load(self, load_result):
            tied = getattr(self.model, "all_tied_weights_keys", None) or {}
            lost = sorted({*load_result.missing_keys} - {*tied, *tied.values()})
            if lost or load_result.unexpected_keys:
                raise _not_whole(lost, sorted(load_result.unexpected_keys))

    return WithWholeCheckpoints


def adapters_of(model) -> dict:
    """Those that are trained, by the names that they have in files."""
    return {name.replace(".default", ""): parameter for name, parameter in model.named_parameters() if ".lora_" in name}


def _load_adapters(model, file: Path) -> None:
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
