import unittest

from .support import model_path


class Gradients(unittest.TestCase):
    def test_an_evaluation_does_not_change_them(self):
        """Take out models.keep_gradients_right and this fails on a CPU with AVX512-BF16."""
        import torch

        from ..models import load_model

        model = load_model(model_path(), quantize=True)
        embeddings = model.get_input_embeddings()
        embeddings.weight.requires_grad_(True)
        ids = torch.arange(32).reshape(2, 16)

        def gradient():
            model.zero_grad()
            model.train()
            model(input_ids=ids, labels=ids).loss.backward()
            return embeddings.weight.grad.float().flatten().clone()

        before = gradient()
        model.eval()
        with torch.no_grad():
            model(input_ids=ids)
        after = gradient()
        self.assertGreater(torch.nn.functional.cosine_similarity(before, after, dim=0).item(), 0.999)
