import unittest
from contextlib import contextmanager

from ..tokens.encoding import IGNORED
from .support import model_path

SIZES = {"vocab_size": 101, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64}
# Each makes its logits, or its loss, in a way of its own.
FAMILIES = {
    "llama": {},
    "gemma2": {"head_dim": 8, "final_logit_softcapping": 3.0},
    "gemma3_text": {"head_dim": 8},
    "granite": {"logits_scaling": 8.0},
    "cohere": {"logit_scale": 0.25},
    "phi": {},  # Its head has a bias.
    "opt": {"word_embed_proj_dim": 16, "ffn_dim": 48, "dropout": 0.0},  # Its decoder ends with a narrower layer, and is not where others are.
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
    "qwen3_moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "output_router_logits": True, "router_aux_loss_coef": 0.1},
    "mixtral": {"num_local_experts": 4, "output_router_logits": True, "router_aux_loss_coef": 0.1},
    "mamba": {"state_size": 4},
}
AT_ONCE = 5  # Positions: the batch has 14 that are learnt.


def family(name: str):
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(CONFIG_MAPPING[name](**SIZES, pad_token_id=0, bos_token_id=1, eos_token_id=2, **FAMILIES[name])).float().train()


def batch() -> tuple[dict, int]:
    """Three rows of twelve tokens, and how many are learnt. Of the third nothing is: its first token has none before it."""
    import torch

    ids = torch.randint(3, 101, (3, 12), generator=torch.Generator().manual_seed(1))
    labels = ids.clone()
    labels[0, :6] = labels[1, :2] = labels[1, 10:] = labels[2, 1:] = IGNORED
    attention_mask = torch.ones_like(ids)
    attention_mask[1, 10:] = 0
    return {"input_ids": ids, "attention_mask": attention_mask, "labels": labels}, int((labels[:, 1:] != IGNORED).sum())


def loss_and_gradients(model, compute):
    import torch

    model.zero_grad()
    loss = compute()
    loss.backward()
    return loss.item(), torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None])


@contextmanager
def logits_made(model):
    """How many positions the head is given at a time, meanwhile."""
    given: list[int] = []
    hook = model.get_output_embeddings().register_forward_hook(lambda _, arguments, logits: given.append(logits.shape[:-1].numel()))
    yield given
    hook.remove()


class Loss(unittest.TestCase):
    def test_loss_and_gradients_are_those_of_transformers(self):
        # Take the decoder's output to the head without the model's own code, and all but llama's, phi's and mamba's are others.
        import torch

        from ..evaluation.answer_loss import AnswerLoss

        inputs, learnt = batch()
        for name in FAMILIES:
            with self.subTest(name):
                model = family(name)
                expected, gradients = loss_and_gradients(model, lambda: model(**inputs, num_items_in_batch=learnt).loss)
                # Leave out the label, or what the loss weighs, in lean_loss.py, and those fail of which the gradients are made with the loss.
                for at_once, most, lean in (("in pieces", AT_ONCE * SIZES["vocab_size"], False), ("in pieces", AT_ONCE * SIZES["vocab_size"], True), ("all at once", 10**6, False), ("all at once", 10**6, True)):
                    loss = AnswerLoss(model, most, lean)
                    self.assertTrue(loss.is_whole)
                    with logits_made(model) as given:
                        found, found_gradients = loss_and_gradients(model, lambda: loss.learnt(model, inputs, learnt))
                    self.assertAlmostEqual(found, expected, places=5, msg=at_once)
                    torch.testing.assert_close(found_gradients, gradients, rtol=1e-4, atol=1e-6)
                    self.assertLessEqual(max(given), AT_ONCE if at_once == "in pieces" else learnt)
                # What was hooked in for it is gone again.
                self.assertAlmostEqual(model(**inputs, num_items_in_batch=learnt).loss.item(), expected, places=5)

    def test_of_each_row_the_loss_is_told(self):
        import torch

        from ..evaluation.answer_loss import AnswerLoss

        inputs, _ = batch()
        model = family("gemma2").eval()
        one_by_one = [{name: tensor[row : row + 1] for name, tensor in inputs.items()} for row in range(2)]
        expected = [model(**row).loss.item() for row in one_by_one]
        asked: list[dict] = []
        model.register_forward_pre_hook(lambda _, arguments, named: asked.append(named), with_kwargs=True)
        with logits_made(model) as given:
            rows = AnswerLoss(model, AT_ONCE * SIZES["vocab_size"]).of_rows(inputs)
        # Kernels that know causal attention alone take none.
        self.assertEqual([named for named in asked if "attention_mask" in named], [])
        self.assertEqual([count for _, count in rows], [6, 8, 0])
        torch.testing.assert_close([total / count for total, count in rows[:2]], expected, rtol=1e-5, atol=1e-6)
        self.assertLessEqual(max(given), AT_ONCE)

    def test_where_a_decoder_is_not_found_all_logits_are_made(self):
        from unittest.mock import patch

        from ..evaluation.answer_loss import AnswerLoss

        inputs, learnt = batch()
        model = family("llama")
        expected = model(**inputs, num_items_in_batch=learnt).loss.item()
        with patch.object(AnswerLoss, "_found_decoder", return_value=None), logits_made(model) as given:
            self.assertAlmostEqual(AnswerLoss(model, AT_ONCE * SIZES["vocab_size"]).learnt(model, inputs, learnt).item(), expected, places=5)
        self.assertEqual(given, [learnt])

    def test_adapters_on_four_bits_learn_the_same_in_pieces(self):
        import torch

        from ..base_models.adapters import add_lora
        from ..base_models.models import load_model
        from ..evaluation.answer_loss import AnswerLoss
        from ..runs.hyperparameters import Hyperparameters
        from .support import HYPERPARAMETERS

        inputs, learnt = batch()
        model = add_lora(load_model(model_path(), quantize=True), Hyperparameters(**{**HYPERPARAMETERS, "lora_dropout": 0.0})).train()
        (expected, gradients), (found, found_gradients) = (
            loss_and_gradients(model, lambda: AnswerLoss(model, most).learnt(model, inputs, learnt)) for most in (None, AT_ONCE * model.config.vocab_size)
        )
        self.assertAlmostEqual(found, expected, places=2)
        self.assertGreater(torch.nn.functional.cosine_similarity(found_gradients, gradients, dim=0).item(), 0.999)
