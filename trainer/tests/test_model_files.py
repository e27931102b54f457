import unittest
from pathlib import Path


class ModelTypes(unittest.TestCase):
    def test_the_list_names_those_that_the_pinned_transformers_has_code_for(self):
        from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES, MODEL_MAPPING_NAMES

        listed = (Path(__file__).parents[1] / "model_types.txt").read_text(encoding="utf-8").split()
        self.assertEqual(listed, sorted({*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES, *MODEL_MAPPING_NAMES}))
