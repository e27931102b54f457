import tempfile
import timeit
import unittest
from collections import Counter
from pathlib import Path
from unittest import mock

from .support import HYPERPARAMETERS, train_here


class Models(unittest.TestCase):
    def trained(self, work: str, **choices) -> dict:
        hyperparameters = {**HYPERPARAMETERS, "max_steps": 2, "eval_steps": 0, **choices}
        result, _ = train_here(Path(work), hyperparameters=hyperparameters, training_type=self.training_type)
        return result

    def test_only_the_chosen_layers_get_adapters(self):
        from safetensors import safe_open

        self.training_type = "qlora"
        with tempfile.TemporaryDirectory() as work:
            self.trained(work, lora_target_modules=["q_proj", "mlp.up_proj"])
            with safe_open(Path(work, "output", "adapter", "adapter_model.safetensors"), "pt") as adapter:
                layers = Counter(".".join(name.split(".")[-4:-2]) for name in adapter.keys())
        self.assertEqual(layers, {"self_attn.q_proj": 4, "mlp.up_proj": 4})  # Two matrices in each of two blocks.

    def test_lora_leaves_the_base_as_it_is_and_merges_into_it(self):
        # Quantise, and no weight of the base stays; leave lora out of run_file.ADAPTED, and there is no adapter.
        import torch
        from peft import PeftModel

        from ..base_models import models
        from ..base_models.models import load_model
        from .support import model_path

        self.training_type = "lora"
        with tempfile.TemporaryDirectory() as work:
            with mock.patch.object(models, "load_model", wraps=load_model) as loaded:
                self.trained(work, lora_dropout=0.0)
            self.assertEqual(loaded.call_args.kwargs["dtype"], torch.bfloat16 if models.computes_in_bf16() else torch.float32)
            base, tuned = load_model(model_path(), dtype=torch.float32), load_model(Path(work, "output"), dtype=torch.float32)
            with_adapter = PeftModel.from_pretrained(load_model(model_path(), dtype=torch.float32), Path(work, "output", "adapter"))
            ids = torch.tensor([[3, 4, 5, 6]])
            expected = with_adapter(input_ids=ids).logits
            torch.testing.assert_close(tuned(input_ids=ids).logits, expected, rtol=0.02, atol=0.02)
            self.assertFalse(torch.equal(base(input_ids=ids).logits, expected))

    def test_weights_of_four_bits_are_counted_one_by_one(self):
        # Count the elements of tensors, and a model of 135 million parameters has 81 million.
        from ..base_models.adapters import add_lora
        from ..base_models.models import load_model, parameters_of
        from ..runs.hyperparameters import Hyperparameters
        from .support import model_path

        trained, total = parameters_of(load_model(model_path()))
        self.assertEqual(trained, total)
        adapters, with_adapters = parameters_of(add_lora(load_model(model_path(), quantize=True), Hyperparameters(**HYPERPARAMETERS)))
        self.assertEqual(with_adapters, total + adapters)
        self.assertGreater(adapters, 0)

    def test_it_computes_in_what_this_machine_is_fast_in(self):
        # Let computes_in_bf16 always be true, and on a CPU without AVX512 the second takes 70 times as long.
        import torch

        from ..base_models.models import load_model
        from .support import model_path

        chosen = load_model(model_path(), quantize=True).get_input_embeddings().weight.dtype
        seconds = {}
        for dtype in (torch.float32, chosen):
            left, right = torch.randn(400, 600, dtype=dtype), torch.randn(600, 400, dtype=dtype)
            seconds[dtype] = min(timeit.repeat(lambda: left @ right, number=3))
        self.assertLess(seconds[chosen], 5 * seconds[torch.float32])

    def test_a_gpu_without_instructions_for_bf16_computes_in_float32(self):
        # Ask torch without `including_emulation`, and a T4 or a V100, which writes it out, is taken to have them.
        from ..base_models.models import computes_in_bf16
        from ..training.optimisation import accelerations

        for has_instructions in (True, False):
            with mock.patch("torch.cuda.is_available", return_value=True), mock.patch("torch.cuda.is_bf16_supported", lambda including_emulation=True: including_emulation or has_instructions):
                self.assertEqual(computes_in_bf16(), has_instructions)
                self.assertEqual(accelerations(True, on_gpu=True, compile=False, has_liger=False)["bf16"], has_instructions)

    def test_activations_are_computed_twice_or_kept_with_the_same_result(self):
        # Leave activation_checkpointing out of optimisation.arguments, and they are kept.
        for self.training_type in ("lora", "qlora", "standard"):
            with self.subTest(self.training_type), tempfile.TemporaryDirectory() as kept, tempfile.TemporaryDirectory() as twice:
                with computations_of("LlamaMLP") as once:
                    expected = self.trained(kept)
                with computations_of("LlamaMLP") as again:
                    result = self.trained(twice, activation_checkpointing=True)
                self.assertEqual(result["weights_sha256"], expected["weights_sha256"])
                self.assertEqual(again["LlamaMLP"], 2 * once["LlamaMLP"])


class computations_of(Counter):  # noqa: N801: it reads as what it is.
    """How often it was begun meanwhile to compute a layer of this class, in training. (A second time is not brought to its end.)"""

    def __init__(self, name: str):
        self._name = name

    def __enter__(self):
        from torch.nn.modules.module import register_module_forward_pre_hook

        def count(layer, *_):
            if type(layer).__name__ == self._name and layer.training:
                self[self._name] += 1

        self._hook = register_module_forward_pre_hook(count)
        return self

    def __exit__(self, *_):
        self._hook.remove()
