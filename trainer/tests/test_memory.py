import subprocess
import sys
import unittest

from ..platform.memory import as_many_as_fit
from ..runs.hyperparameters import Hyperparameters
from .support import HYPERPARAMETERS, ROOT, model_path


class Memory(unittest.TestCase):
    """What is done when a finished model, or what is asked of it, does not fit. (What torch raises then is raised here.)"""

    def fits_up_to(self, most: int, tried: list[int]):
        import torch

        def compute(items: list) -> list:
            tried.append(len(items))
            if len(items) > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return [item * 10 for item in items]

        return compute

    def test_half_as_many_go_on_where_more_did_not_fit(self):
        tried: list[int] = []
        self.assertEqual(as_many_as_fit(list(range(7)), 8, self.fits_up_to(3, tried)), [0, 10, 20, 30, 40, 50, 60])
        self.assertEqual(tried, [7, 3, 3, 1])

    def test_one_that_does_not_fit_alone_is_told_and_so_is_all_else(self):
        import torch

        with self.assertRaisesRegex(torch.OutOfMemoryError, "2.00 GiB"):
            as_many_as_fit([1, 2], 2, self.fits_up_to(0, []))

        def broken(items: list) -> list:
            raise RuntimeError("shapes do not match")

        with self.assertRaisesRegex(RuntimeError, "shapes"):
            as_many_as_fit([1, 2], 2, broken)

    def test_a_model_is_compared_with_fewer_rows_at_once(self):
        # Take as_many_as_fit out of held_out.losses_of, or of generation.generate, and this ends by an error.
        import torch

        from ..base_models.models import load_model, load_tokenizer
        from ..evaluation.generation import generate
        from ..evaluation.held_out import HeldOutRow, losses_of, mean_loss
        from ..tokens.encoding import Example

        model, tokenizer = load_model(model_path()).eval(), load_tokenizer(model_path())
        hyper = Hyperparameters(**{**HYPERPARAMETERS, "batch_size": 8, "max_length": 1024})
        prompts = [f"question {i} " * (1 + i) for i in range(7)]
        rows = [HeldOutRow([Example(ids, ids)], None) for ids in tokenizer(prompts)["input_ids"]]
        expected = generate(model, tokenizer, prompts, 4, hyper), mean_loss(losses_of(model, tokenizer.pad_token_id, rows, 8))
        seen = []

        def out_of_memory(module, inputs, options):
            seen.append(options["input_ids"].shape[0])
            if seen[-1] > 2:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

        model.register_forward_pre_hook(out_of_memory, with_kwargs=True)
        self.assertEqual(generate(model, tokenizer, prompts, 4, hyper), expected[0])
        self.assertAlmostEqual(mean_loss(losses_of(model, tokenizer.pad_token_id, rows, 8)), expected[1], places=4)
        self.assertEqual(max(seen), 7)

    def test_a_model_without_room_on_the_gpu_is_compared_on_the_cpu(self):
        # Take the second examine out of validation.validate, and a training that came to its end fails.
        import tempfile
        from pathlib import Path
        from unittest.mock import patch

        import torch

        from ..base_models import models
        from ..platform.supervision import Commands
        from ..tasks import run
        from .support import Recorder, few_words, train_here, write_run_file

        load = models.load_model

        def on_a_small_gpu(path, device=None, **options):
            if device != "cpu":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return load(path, device=device, **options)

        with tempfile.TemporaryDirectory() as directory:
            work = Path(directory)
            for merge in (True, False):
                choices = {"hyperparameters": {**HYPERPARAMETERS, "merge": merge, "max_steps": 2}}
                train_here(work, **choices, lease_epoch=1 + (not merge))
                events = Recorder()
                with patch.object(models, "load_model", on_a_small_gpu), few_words:
                    told = run(write_run_file(work, task="validate", **choices), events, Commands())
                self.assertTrue(told["valid"], told["errors"])
                self.assertEqual(len(told["traits"]), 2)
                self.assertRegex(events.of("log")[0]["message"], "compared on the CPU")


class Freed(unittest.TestCase):
    @unittest.skipUnless(sys.platform == "linux", "glibc is what keeps it")
    def test_memory_that_is_freed_is_kept(self):
        # Leave out a line of keep_freed.
        code = """
import psutil
from trainer.platform.memory import keep_freed
resident = lambda: psutil.Process().memory_info().rss
keep_freed()
before = resident()
for size in (8 << 20, 100 << 20):
    many = [bytearray(b"x") * size for _ in range(2)]
    del many
print(resident() - before)
"""
        kept = int(subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout)
        self.assertGreater(kept, 150 << 20)
