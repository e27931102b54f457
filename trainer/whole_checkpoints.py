"""Checkpoints that give a model back as it was, whatever its architecture."""

from .failures import CheckpointLost


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

        def _issue_warnings_after_load(self, load_result):
            tied = getattr(self.model, "all_tied_weights_keys", None) or {}
            lost = sorted({*load_result.missing_keys} - {*tied, *tied.values()})
            if hasattr(self.model, "peft_config"):
                lost = [name for name in lost if ".lora_" in name]
            if lost or load_result.unexpected_keys:
                some = (lost or sorted(load_result.unexpected_keys))[0]
                raise CheckpointLost(
                    f"The checkpoint does not hold the weights of this model under their names ({len(lost)} are missing, {len(load_result.unexpected_keys)} are others; {some!r} is one). "
                    "An earlier version of this trainer saved it, and it cannot be continued. Start the run afresh."
                )

    return WithWholeCheckpoints
