"""What makes packed rows faster on a CPU, and changes nothing of what is learnt."""

import json
import shutil
import unittest
from dataclasses import replace
from unittest import mock

from ..runs.checkpoints import MANIFEST
from ..runs.hyperparameters import Hyperparameters
from .support import HYPERPARAMETERS, Trainings, model_path, train_here


def with_adapters(dropout: float, lean: bool, quantize: bool = False, **chosen):
    """The tiny model with adapters that are the same at every call, and have an effect."""
    import torch

    from ..base_models.adapters import add_lora
    from ..base_models.models import load_model
    from ..training.lean_adapters import make_lean

    base = load_model(model_path(), quantize=True) if quantize else load_model(model_path(), dtype=torch.float32)
    model = make_lean(add_lora(base, Hyperparameters(**{**HYPERPARAMETERS, "lora_dropout": dropout, **chosen})).train(), lean)
    draw = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = torch.randn(parameter.shape, generator=draw) * 0.05
    return model


def gradients_of(model):
    import torch

    ids = torch.randint(3, 300, (2, 24), generator=torch.Generator().manual_seed(3))
    model(input_ids=ids, labels=ids).loss.backward()
    return {name: parameter.grad.float() for name, parameter in model.named_parameters() if parameter.requires_grad}


class Adapters(unittest.TestCase):
    def test_they_learn_what_those_of_peft_learn(self):
        # Leave `scaling` out of a line of _Beside, or its base layer's output out of what is returned.
        import torch

        for quantize, least in ((False, 0.999999), (True, 0.999)):
            expected, found = (gradients_of(with_adapters(0.0, lean, quantize)) for lean in (False, True))
            self.assertEqual(list(found), list(expected))
            for name, gradient in expected.items():
                self.assertGreater(torch.nn.functional.cosine_similarity(found[name].flatten(), gradient.flatten(), dim=0).item(), least, name)
                self.assertAlmostEqual((found[name].norm() / gradient.norm()).item(), 1, delta=0.02, msg=name)

    def test_dropout_leaves_its_share_and_goes_back_the_way_it_came(self):
        # Draw again in _Beside.backward, or leave out 1 - dropout.
        import torch

        from ..training.lean_adapters import _Beside

        for dtype in (torch.float32, torch.bfloat16):
            x, unit = torch.rand(400, 32).add(1).to(dtype).requires_grad_(), torch.eye(32)
            torch.manual_seed(7)
            found = _Beside.apply(torch.zeros(400, 32, dtype=dtype), x, unit, unit, 0.25, 0.75)
            [back] = torch.autograd.grad(found.sum(), x)
            self.assertAlmostEqual((found == 0).float().mean().item(), 0.25, delta=0.02)
            torch.testing.assert_close(found, torch.where(found == 0, 0, x))
            torch.testing.assert_close(back, (found != 0).to(dtype))
            torch.manual_seed(7)
            self.assertTrue(torch.equal(found, _Beside.apply(torch.zeros(400, 32, dtype=dtype), x, unit, unit, 0.25, 0.75)))

    def test_what_they_do_not_know_is_left_to_peft(self):
        # Leave out lora_variant in _is_plain, or `training` in its forward: DoRA learns as LoRA does, and what is compared has dropout.
        import torch

        from peft.tuners.lora import Linear

        def changed(model) -> int:
            return sum("forward" in vars(layer) for layer in model.modules() if isinstance(layer, Linear))

        self.assertGreater(changed(with_adapters(0.1, True)), 0)
        self.assertEqual(changed(with_adapters(0.1, True, use_dora=True)), 0)
        ids = torch.arange(3, 20).unsqueeze(0)
        with torch.no_grad():
            own, lean = (with_adapters(0.5, lean).eval()(input_ids=ids).logits for lean in (False, True))
        self.assertTrue(torch.equal(own, lean))


class WholeWeights(Trainings):
    def test_what_is_computed_with_them_is_the_same_to_the_bit(self):
        # Keep them transposed, or of another layer.
        import torch

        from ..training.dequantised_weights import keep_dequantised

        models = [with_adapters(0.0, False, quantize=True) for _ in range(2)]
        keep_dequantised(models[1])
        expected, found = (gradients_of(model) for model in models)
        self.assertTrue(all(torch.equal(found[name], gradient) for name, gradient in expected.items()))
        ids = torch.arange(3, 20).unsqueeze(0)
        with torch.no_grad():
            self.assertTrue(torch.equal(*(model.eval()(input_ids=ids).logits for model in models)))

    def test_they_are_kept_where_there_is_room_and_left_when_their_layer_changes(self):
        # Compare with the number of weights in place of their bytes, or leave the addresses out.
        import torch
        from bitsandbytes.functional import quantize_4bit
        from bitsandbytes.nn import Linear4bit

        from ..training.dequantised_weights import keep_dequantised

        model = with_adapters(0.0, False, quantize=True)
        layers = [layer for layer in model.modules() if isinstance(layer, Linear4bit)]
        each = [layer.in_features * layer.out_features * layer.compute_dtype.itemsize for layer in layers]
        keep_dequantised(model, sum(each) - 1)
        self.assertFalse(any("forward" in vars(layer) for layer in layers))
        keep_dequantised(model, sum(each))
        self.assertTrue(all("forward" in vars(layer) for layer in layers))
        x = torch.ones(1, layers[0].in_features, dtype=layers[0].compute_dtype)
        data, state = quantize_4bit(torch.zeros(layers[0].out_features, layers[0].in_features), quant_type="nf4", compress_statistics=True)
        layers[0].weight.data, layers[0].weight.quant_state = data, state
        self.assertEqual(layers[0](x).abs().max().item(), 0)

    def test_a_training_is_the_same_with_them(self):
        # Have keep_dequantised change the model that adapters are written for: let it set `weight`.
        from ..training import dequantised_weights

        options = {"training_type": "qlora", "hyperparameters": {**HYPERPARAMETERS, "max_steps": 2, "save_steps": 9, "eval_steps": 0}}
        found, _ = train_here(self.fresh("kept"), **options)
        with mock.patch.object(dequantised_weights, "MOST_BYTES", 0):
            expected, _ = train_here(self.fresh("made"), **options)
        self.assertEqual(found["weights_sha256"], expected["weights_sha256"])


class GoingOn(Trainings):
    def test_one_that_began_without_goes_on_without(self):
        # Let Ways have another default than before there was a choice, or row_by_row be lean whatever they say in each_process.py.
        from ..training import training
        from ..training.ways import ways_of

        def before(run, gpu_bytes):
            return replace(ways_of(run, gpu_bytes), lean=False)

        for training_type in ("lora", "standard"):
            options = {"training_type": training_type, "hyperparameters": {**HYPERPARAMETERS, "packing": True, "max_steps": 4, "save_steps": 2, "eval_steps": 0, "merge": False}}
            now, _ = train_here(self.fresh(f"{training_type} now"), **options)
            work = self.fresh(training_type)
            with mock.patch.object(training, "ways_of", before):
                whole, _ = train_here(work, **options)
            self.assertNotEqual(whole["weights_sha256"], now["weights_sha256"])
            shutil.rmtree(work / "checkpoints" / "e1" / "checkpoint-4")
            manifest = work / "checkpoints" / "e1" / "checkpoint-2" / MANIFEST
            saved = json.loads(manifest.read_text())
            del saved["ways"]["lean"]
            manifest.write_text(json.dumps(saved))
            rest, _ = train_here(work, lease_epoch=2, known_checkpoint_step=2, **options)
            self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])
