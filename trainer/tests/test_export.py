import json
import shutil
import tempfile
import unittest
import weakref
from pathlib import Path
from unittest import mock

from ..outputs.layout import Layout
from .architectures import make, named
from .support import HYPERPARAMETERS, model_path, train_here
from .table import compared, described, go_all_the_way

# One of each kind: dense, turned matrices, experts that transformers puts together, experts as they are, beside what reads images.
KINDS = ("gpt2", "qwen3_moe", "gpt_oss", "gemma3", "qwen3_5")


def counted(alive: list[int], stored=Layout.stored):
    """Layout.stored, which tells each time of how many groups there are tensors."""
    groups = []

    def one_more(*arguments):
        tensors = stored(*arguments)
        groups.append(weakref.ref(next(iter(tensors.values()))))
        alive.append(sum(group() is not None for group in groups))
        return tensors

    return one_more


class Export(unittest.TestCase):
    """The exported model is the one that was trained, and all that was not trained is the base's, to the byte."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = Path(directory.name)

    def base(self, **changed) -> Path:
        base = self.work / "base"
        shutil.copytree(model_path(), base)
        for name, content in changed.items():
            (base / f"{name}.json").write_text(json.dumps(content))
        return base

    def trained(self, base: Path, training_type: str = "qlora", **chosen) -> Path:
        work = self.work / f"{training_type}-{len(list(self.work.iterdir()))}"
        work.mkdir()
        train_here(work, training_type=training_type, model={"name": "mtm/x", "path": str(base)}, hyperparameters={**HYPERPARAMETERS, "max_steps": 2, "eval_steps": 0, **chosen})
        return work / "output"

    def test_kinds_of_architectures_go_all_the_way(self):
        # Before: Gemma 3 ended with a crash, experts were not resumed from (standard) or not to be adapted (qlora), Qwen 3.5 lost what reads images.
        for name in KINDS:
            base = self.work / name
            make(named(name), base)
            for training_type in ("qlora", "standard"):
                with self.subTest(f"{name}, {training_type}"):
                    self.assertEqual(go_all_the_way(base, self.work / f"{name}-{training_type}", training_type), "yes")

    def test_a_tensor_keeps_its_type_and_one_that_is_not_loaded_stays(self):
        # Written as transformers saves a model, all tensors have one type, and those that it does not know are gone.
        import torch
        from safetensors.torch import load_file, save_file

        base = self.base()
        tensors = {name: tensor if "norm" in name else tensor.bfloat16() for name, tensor in load_file(base / "model.safetensors").items()}
        tensors["model.layers.2.mtp.weight"] = torch.arange(4).float() / 3
        save_file(tensors, base / "model.safetensors", {"format": "pt"})
        for training_type in ("qlora", "standard"):
            output = self.trained(base, training_type)
            self.assertEqual(described(output), described(base))
            self.assertTrue(torch.equal(load_file(output / "model.safetensors")["model.layers.2.mtp.weight"], tensors["model.layers.2.mtp.weight"]))

    def test_shards_stay_shards(self):
        from transformers import AutoModelForCausalLM

        base = self.base()
        (base / "model.safetensors").unlink()
        AutoModelForCausalLM.from_pretrained(model_path()).save_pretrained(base, max_shard_size="200KB")
        for training_type in ("qlora", "standard"):
            with mock.patch.object(Layout, "stored", counted(alive := [])):
                output = self.trained(base, training_type)
            self.assertEqual(sorted(path.name for path in output.glob("*.safetensors*")), sorted(path.name for path in base.glob("*.safetensors*")))
            self.assertIsNone(compared(base, output, training_type))
            # Keep those of before in merging._OneGroup, and in the end the whole model is in memory.
            self.assertEqual(alive[-2:], [1, 1])  # Both layers; of what came before, the rehearsal was the first.

    def test_a_configuration_of_generation_that_transformers_refuses_to_save_is_changed_in_its_ends_alone(self):
        # A temperature without do_sample: transformers raised an error, after the whole training.
        # (standard: with the first checkpoint, and the run was refused.)
        base = self.base(generation_config={"temperature": 0.6, "top_p": 0.9, "eos_token_id": 0, "made_by": "somebody"})
        for training_type in ("lora", "standard"):
            with self.subTest(training_type):
                output = self.trained(base, training_type)
                self.assertEqual(json.loads((output / "generation_config.json").read_text()), {"temperature": 0.6, "top_p": 0.9, "eos_token_id": [0, 2], "made_by": "somebody"})

    def test_an_adapter_on_the_output_of_a_model_that_ties_it_unties_it(self):
        # Added to the matrix that both share, it changed what the model reads as well.
        import torch
        from safetensors.torch import load_file

        base = self.base()
        output = self.trained(base, lora_target_modules=["lm_head", "q_proj"], learning_rate=0.01)
        before, after = load_file(base / "model.safetensors"), load_file(output / "model.safetensors")
        self.assertTrue(torch.equal(after["model.embed_tokens.weight"], before["model.embed_tokens.weight"]))
        self.assertFalse(torch.equal(after["lm_head.weight"], before["model.embed_tokens.weight"]))
        self.assertEqual(json.loads((output / "config.json").read_text())["tie_word_embeddings"], False)
        self.assertIsNone(compared(base, output, "qlora", is_untied=True))

    def test_an_adapter_is_saved_without_a_card(self):
        # peft writes one with every checkpoint, and the finished model has ours.
        from ..base_models.adapters import add_lora
        from ..base_models.models import load_model
        from ..runs.hyperparameters import Hyperparameters

        with tempfile.TemporaryDirectory() as folder:
            add_lora(load_model(model_path()), Hyperparameters(**HYPERPARAMETERS)).save_pretrained(folder, save_embedding_layers=False)
            self.assertEqual({path.name for path in Path(folder).iterdir()}, {"adapter_config.json", "adapter_model.safetensors"})

    def test_a_router_gets_an_adapter_where_it_is_asked_for_alone(self):
        # Left to peft, "all-linear" adapts what chooses the experts, and refuses the service's own default for dropout.
        from safetensors import safe_open

        base = self.work / "moe"
        make(named("glm4_moe"), base)

        def adapted(**chosen) -> str:
            with safe_open(self.trained(base, lora_dropout=0.05, **chosen) / "adapter" / "adapter_model.safetensors", "pt") as file:
                return " ".join(file.keys())

        self.assertNotIn("mlp.gate.", adapted())
        self.assertIn("mlp.gate.", adapted(lora_target_modules=["q_proj", "gate"]))
