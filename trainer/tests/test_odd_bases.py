import json
import shutil
import tempfile
import unittest
from pathlib import Path

from ..datasets.rows import read_conversations
from ..platform.failures import BadInput, Stopped
from ..runs.run_file import read_run_file
from .support import HYPERPARAMETERS, Recorder, few_words, model_path, stop_at, train_here, write_run_file
from .table import compared, described


class OddBases(unittest.TestCase):
    """Directories as they are found: what is trained is what transformers loads from them, and it is exported so that it loads again."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = Path(directory.name)
        self.base = self.work / "base"
        shutil.copytree(model_path(), self.base)

    def tensors(self) -> dict:
        from safetensors.torch import load_file

        return load_file(self.base / "model.safetensors")

    def index(self, files: dict[str, str]) -> None:
        (self.base / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))

    def change(self, file: str, **changes) -> None:
        path = self.base / file
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def trained(self, training_type: str = "qlora", **chosen) -> tuple[Path, Recorder, dict]:
        """The output, what was told, and what the validation found."""
        from ..validation.validation import validate

        work = self.work / f"{training_type}-{len(list(self.work.iterdir()))}"
        work.mkdir()
        hyperparameters = {**HYPERPARAMETERS, "max_steps": 2, "eval_steps": 2, "lora_dropout": 0.0, **chosen}
        changes = {"training_type": training_type, "model": {"name": "mtm/odd", "path": str(self.base)}, "hyperparameters": hyperparameters}
        _, events = train_here(work, **changes)
        run = read_run_file(write_run_file(work, **{**changes, "task": "validate"}))
        with few_words:
            return work / "output", events, validate(run, read_conversations(run.held_out), Recorder())

    def test_a_single_file_goes_before_an_index(self):
        # As transformers has it. The export was made of what the index names, and the rehearsal called the model unlike itself.
        import torch
        from safetensors.torch import save_file

        save_file({name: torch.zeros_like(tensor) for name, tensor in self.tensors().items()}, self.base / "model-00001-of-00001.safetensors", {"format": "pt"})
        self.index(dict.fromkeys(self.tensors(), "model-00001-of-00001.safetensors"))
        for training_type in ("qlora", "standard"):
            output, _, found = self.trained(training_type)
            self.assertTrue(found["valid"], found["summary"])
            self.assertEqual([path.name for path in output.glob("*.safetensors*")], ["model.safetensors"])
            self.assertIsNone(compared(self.base, output, training_type))

    def test_a_single_shard_keeps_its_index(self):
        # It was written without one, so that nothing loaded it.
        self.index(dict.fromkeys(self.tensors(), "model-00001-of-00001.safetensors"))
        (self.base / "model.safetensors").rename(self.base / "model-00001-of-00001.safetensors")
        for training_type in ("qlora", "standard"):
            output, _, found = self.trained(training_type)
            self.assertTrue(found["valid"], found["summary"])
            self.assertIsNone(compared(self.base, output, training_type))

    def test_weights_in_another_layout_beside_them_are_left_alone(self):
        # As Mistral's models have them: the same once more, under other names. A number that is none in what nobody loads does not matter.
        import math

        from safetensors.torch import save_file

        consolidated = {name.removeprefix("model."): tensor.clone().fill_(math.nan) for name, tensor in self.tensors().items()}
        save_file(consolidated, self.base / "consolidated.safetensors")
        output, _, found = self.trained()
        self.assertTrue(found["valid"], found["summary"])
        self.assertFalse((output / "consolidated.safetensors").exists())

    def test_the_template_of_a_processor_is_the_one_of_the_model(self):
        # In chat_template.json of older models with images. Trained with ChatML, it was exported beside a template that it never saw.
        from ..base_models.models import load_tokenizer

        own = "{% for message in messages %}[{{ message.role }}]{{ message.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
        (self.base / "chat_template.jinja").unlink()
        (self.base / "chat_template.json").write_text(json.dumps({"chat_template": own}))
        output, _, found = self.trained()
        self.assertTrue(found["valid"], found["summary"])
        self.assertEqual([load_tokenizer(path).chat_template for path in (self.base, output)], [own, own])
        self.assertFalse((output / "chat_template.jinja").exists())

    def test_an_adapter_on_the_output_alone_changes_the_model(self):
        # Of a model that ties it, the changed matrix is one that the base does not have: it was called the base, to the bit.
        from ..validation.exported import unchanged

        output, _, found = self.trained(lora_target_modules=["lm_head"], learning_rate=0.01)
        self.assertTrue(found["weights_changed"], found["summary"])
        run = read_run_file(output.parent / "run.json")
        (output / "model.safetensors").unlink()
        from safetensors.torch import save_file

        tensors = self.tensors()
        save_file({**tensors, "lm_head.weight": tensors["model.embed_tokens.weight"].clone()}, output / "model.safetensors", {"format": "pt"})
        self.assertIn("changed no weight", unchanged(run))

    def test_an_output_that_is_tied_and_stored_within_a_model_that_reads_images(self):
        # Where the files name tensors otherwise than the model: an adapter on it was a crash, and training all weights left what is stored of it behind.
        import torch
        from safetensors.torch import load_file, save_file

        from .architectures import ARCHITECTURES, make

        shutil.rmtree(self.base)
        make(next(each for each in ARCHITECTURES if each.model_type == "gemma3"), self.base)
        embeddings = "language_model.model.embed_tokens.weight"
        output, _, found = self.trained("lora", lora_target_modules=["lm_head"], learning_rate=0.01)
        self.assertTrue(found["valid"], found["summary"])
        self.assertIsNone(compared(self.base, output, "lora", is_untied=True))
        self.assertTrue(torch.equal(load_file(output / "model.safetensors")[embeddings], self.tensors()[embeddings]))

        tensors = self.tensors()
        save_file({**tensors, "lm_head.weight": tensors[embeddings].clone()}, self.base / "model.safetensors", {"format": "pt"})
        output, _, found = self.trained("standard")
        self.assertTrue(found["valid"], found["summary"])
        after = load_file(output / "model.safetensors")
        self.assertTrue(torch.equal(after["lm_head.weight"], after[embeddings]))
        self.assertFalse(torch.equal(after[embeddings], tensors[embeddings]))

    def test_tensors_that_the_configuration_has_no_place_for_are_told_of(self):
        # A layer fewer, and the other was neither trained nor spoken of.
        self.change("config.json", num_hidden_layers=1)
        output, events, found = self.trained()
        told = [event["message"] for event in events.of("log") if event["level"] == "warning"]
        self.assertTrue(any("9 tensors" in message and "model.layers.1.input_layernorm.weight" in message for message in told), told)
        self.assertEqual(described(output), described(self.base))

    def test_a_question_that_fills_the_context_gets_no_answer(self):
        # Those that every model is asked do not fit into 40 tokens: the validation ended with an error, after the whole training.
        self.change("config.json", max_position_embeddings=40)
        _, _, found = self.trained(max_length=40)
        self.assertTrue(found["valid"], found["summary"])

    def test_layers_that_are_numbered_get_adapters_and_their_blocks_do_not(self):
        # CTRL's linear layers are 0 and 2, and so are its blocks, which peft refuses.
        from safetensors import safe_open

        from .architectures import Architecture, make

        shutil.rmtree(self.base)
        make(Architecture("ctrl"), self.base)
        output, _, found = self.trained()
        self.assertTrue(found["valid"], found["summary"])
        with safe_open(output / "adapter" / "adapter_model.safetensors", "pt") as file:
            self.assertTrue(any("h.0.ffn.0.lora_A" in name for name in file.keys()), list(file.keys()))

    def test_experts_that_lie_the_other_way_round_are_exported_so(self):
        # As Qwen3-VL's do, which transformers turns while it loads them, and not back: refused as of another shape, or (with adapters) a crash.
        from safetensors.torch import save_file

        from .architectures import ARCHITECTURES, make

        shutil.rmtree(self.base)
        make(next(each for each in ARCHITECTURES if each.model_type == "qwen3_vl_moe"), self.base)
        save_file({name: tensor.mT.contiguous() if "experts." in name else tensor for name, tensor in self.tensors().items()}, self.base / "model.safetensors", {"format": "pt"})
        for training_type in ("qlora", "standard"):
            output, _, found = self.trained(training_type)
            self.assertTrue(found["valid"], found["summary"])
            self.assertIsNone(compared(self.base, output, training_type))

    def test_adapters_that_peft_does_not_read_back_are_resumed_all_the_same_and_told_of(self):
        # It gives Laguna's shared experts another name while it reads them: what went on began them anew, in silence, and so does whoever loads the adapter.
        from .architectures import Architecture, make

        shutil.rmtree(self.base)
        make(Architecture("laguna"), self.base)
        changes = {"training_type": "lora", "model": {"name": "mtm/odd", "path": str(self.base)}}
        whole, events = train_here(self.folder("whole"), **changes, hyperparameters={**HYPERPARAMETERS, "max_steps": 4, "eval_steps": 0})
        with self.assertRaises(Stopped):
            train_here(self.folder("resumed"), stop_at(2), **changes, hyperparameters={**HYPERPARAMETERS, "max_steps": 4, "eval_steps": 0})
        resumed, _ = train_here(self.work / "resumed", lease_epoch=2, **changes, hyperparameters={**HYPERPARAMETERS, "max_steps": 4, "eval_steps": 0})
        self.assertEqual(resumed["weights_sha256"], whole["weights_sha256"])
        told = [event["message"] for event in events.of("log") if event["level"] == "warning"]
        self.assertTrue(any(message.startswith("peft does not read the adapters of 3 layers") and "shared_experts" in message for message in told), told)
        with self.assertRaisesRegex(BadInput, "hyperparameters.merge is false"):
            train_here(self.folder("alone"), **changes, hyperparameters={**HYPERPARAMETERS, "merge": False})

    def folder(self, name: str) -> Path:
        path = self.work / name
        path.mkdir()
        return path
