import unittest

from ..encoding import IGNORED
from .support import model_path


class AnswerLoss(unittest.TestCase):
    def test_loss_and_gradients_are_those_of_all_logits(self):
        import torch

        from ..answer_loss import answer_loss, is_plain
        from ..models import load_model

        model = load_model(model_path(), dtype=torch.float32)
        model.train()
        self.assertTrue(is_plain(model))
        torch.manual_seed(1)
        ids = torch.randint(3, 500, (3, 12))
        labels = ids.clone()
        labels[0, :7] = labels[1, :3] = labels[1, 9:] = labels[2, 1:] = IGNORED  # Of the third nothing is learnt: its first token has none before it.
        attention_mask = torch.ones_like(ids)
        attention_mask[1, 10:] = 0
        inputs = {"input_ids": ids, "attention_mask": attention_mask, "labels": labels}
        widths = []
        head = model.get_output_embeddings()
        head.register_forward_hook(lambda _, arguments, logits: widths.append(logits.shape[:-1].numel()))
        learnt = int((labels[:, 1:] != IGNORED).sum())

        def loss_and_gradients(compute):
            model.zero_grad()
            loss = compute()
            loss.backward()
            return loss.item(), torch.cat([parameter.grad.flatten() for parameter in model.parameters()])

        whole = lambda: model(**inputs, num_items_in_batch=learnt).loss  # noqa: E731
        expected, expected_gradients = loss_and_gradients(whole)
        loss, gradients = loss_and_gradients(lambda: answer_loss(model, head, inputs, learnt))
        self.assertEqual(widths, [ids.numel(), learnt])
        self.assertAlmostEqual(loss, expected, places=5)
        torch.testing.assert_close(gradients, expected_gradients, rtol=1e-4, atol=1e-6)
        # What was hooked in for it is gone again.
        self.assertAlmostEqual(whole().item(), expected, places=5)
