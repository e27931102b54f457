import unittest
from pathlib import Path

from ..base_models.published_form import with_older_class, with_older_names


class ModelTypes(unittest.TestCase):
    def test_the_list_names_those_that_the_pinned_transformers_has_code_for(self):
        from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES, MODEL_MAPPING_NAMES

        listed = (Path(__file__).parents[1] / "base_models" / "transformers_model_types.txt").read_text(encoding="utf-8").split()
        self.assertEqual(listed, sorted({*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES, *MODEL_MAPPING_NAMES}))


class PublishedForm(unittest.TestCase):
    """Both versions of transformers, and what was made after version 4, read the same from a model that is written here. (`npm run bench -- readers` has them read it.)"""

    def test_positions_have_the_names_of_version_4_as_well(self):
        # Leave with_older_names out, and version 4 takes a theta of 10000 without a word.
        scaled = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0}
        self.assertEqual(
            with_older_names({"rope_parameters": dict(scaled)}), {"rope_parameters": scaled, "rope_theta": 500000.0, "rope_scaling": {"rope_type": "llama3", "factor": 32.0}}
        )
        layers = {"full_attention": {"rope_type": "default", "rope_theta": 1e6}, "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}
        text = with_older_names({"text_config": {"rope_parameters": layers}})["text_config"]
        self.assertEqual((text["rope_theta"], text["rope_local_base_freq"], "rope_scaling" in text), (1e6, 1e4, False))
        self.assertEqual(with_older_names({"model_type": "gpt2"}), {"model_type": "gpt2"})

    def test_a_tokenizer_has_a_class_of_version_4_and_says_nothing_of_this_machine(self):
        written = {"tokenizer_class": "TokenizersBackend", "backend": "tokenizers", "is_local": True, "local_files_only": True, "eos_token": "</s>"}
        self.assertEqual(with_older_class(written), {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>"})
        self.assertEqual(with_older_class({"tokenizer_class": "Qwen2Tokenizer"}), {"tokenizer_class": "Qwen2Tokenizer"})
