import unittest

from .architectures import ARCHITECTURES, built, named
from .support import HYPERPARAMETERS


class Language(unittest.TestCase):
    """Of a model that reads images as well, the language model alone is trained: from texts the rest gets no gradient, for which several processes wait."""

    def trained(self, model) -> set[str]:
        """The parts at the top whose weights are."""
        return {name.partition(".language_model.")[0] for name, parameter in model.named_parameters() if parameter.requires_grad and "lm_head" not in name}

    def test_what_reads_images_is_not_trained(self):
        # Leave `exclude` out of adapters.targets_of, or train_language_alone empty, and what reads images is among them.
        from ..base_models.adapters import add_lora
        from ..base_models.language import train_language_alone
        from ..runs.hyperparameters import Hyperparameters

        for name in ("gemma3", "qwen3_5", "llava"):
            with self.subTest(name):
                model = built(named(name))
                train_language_alone(model)
                self.assertEqual(self.trained(model), {"model"})
                self.assertEqual(self.trained(add_lora(built(named(name)), Hyperparameters(**HYPERPARAMETERS))), {"base_model.model.model"})

    def test_what_chooses_experts_is_not_trained(self):
        # Leave the names out of adapters._ROUTERS, or the count of outputs out of linear_layers, and it is in Llama 4, PhiMoE, Hunyuan, or beside Qwen's shared expert.
        import torch

        from ..base_models.adapters import expert_parameters, linear_layers

        mixtures = 0
        for architecture in ARCHITECTURES:
            with torch.device("meta"):  # What is asked of the weights is their shape alone.
                model = built(architecture)
            if experts := expert_parameters(model):
                mixtures += 1
                beside = tuple(f"{name.rsplit('.', 2)[0]}." for name in experts)
                outputs = {name: model.get_submodule(name).weight.shape[0] for name in linear_layers(model) if name.startswith(beside)}
                self.assertEqual([name for name in outputs if outputs[name] in (1, len(model.get_parameter(experts[0])))], [], architecture.model_type)
        self.assertGreater(mixtures, 15)

    def test_what_is_read_past_a_layer_is_not_trained(self):
        # Leave read_past out of adapters._takes, and its adapter has no effect.
        from ..base_models.adapters import targets_of

        self.assertEqual(targets_of(built(named("mamba")), None).modules, ["in_proj", "x_proj"])

    def test_beside_experts_other_layers_have_dropout(self):
        # Leave drop_out out of adapters.add_lora, and none has any.
        import torch

        from ..base_models.adapters import add_lora
        from ..runs.hyperparameters import Hyperparameters

        model = add_lora(built(named("qwen3_moe")), Hyperparameters(**{**HYPERPARAMETERS, "lora_dropout": 0.25}))
        dropped = {name.split(".")[-3]: layer.p for name, layer in model.named_modules() if isinstance(layer, torch.nn.Dropout) and ".lora_dropout." in name}
        self.assertEqual(dropped, dict.fromkeys(("q_proj", "k_proj", "v_proj", "o_proj"), 0.25))
        self.assertIn("experts", " ".join(name for name, parameter in model.named_parameters() if parameter.requires_grad))
