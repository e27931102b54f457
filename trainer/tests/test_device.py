import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

from ..platform import failures
from ..platform.device import given_gpus
from .support import HYPERPARAMETERS, ROOT, write_run_file
from .test_rag import embedder_path

NOBODYS = "97"  # A GPU that no machine has, whatever torch can do.


class Given(unittest.TestCase):
    def test_what_the_variable_names(self):
        for value, gpus in [("", []), ("-1", []), ("-1,0", []), ("0", ["0"]), ("0, 1", ["0", "1"]), ("GPU-89,", ["GPU-89"])]:
            with self.subTest(value), patch.dict(os.environ, CUDA_VISIBLE_DEVICES=value):
                self.assertEqual(given_gpus(), gpus)

    def test_a_gpu_that_torch_cannot_use_is_refused_with_the_remedy(self):
        # Take require_given_gpus() out of train (training.py) and it trains on the CPU without a word; out of examine
        # (validation.py), load_embedder (indexing.py) or examine (retrieval.py), and those do.
        from ..__main__ import main

        rag = {"training_type": "rag", "model": {"name": "mtm/tiny-random-bert", "path": str(embedder_path())}, "hyperparameters": {**HYPERPARAMETERS, "chunk_tokens": 50}}
        for kind in ({}, rag):
            with tempfile.TemporaryDirectory() as directory:
                work = Path(directory)
                self.assertEqual(self.run_it(main, work, "", **kind), (failures.DONE, ""))
                for changes in ({"task": "validate"}, {"task": "train", "lease_epoch": 2}):
                    with self.subTest(**kind, **changes):
                        code, sentence = self.run_it(main, work, NOBODYS, **kind, **changes)
                        self.assertEqual(code, failures.BAD_INPUT, sentence)
                        for words in (f"given GPU {NOBODYS}", "torch can use none of them", "MTM_PIP_ARGS", "docker-compose.gpu.yml", "npm run doctor", "MTM_DEVICES to cpu"):
                            self.assertIn(words, sentence)

    def run_it(self, main, work: Path, visible: str, **changes) -> tuple[int, str]:
        """How it ended, and its last word on standard error."""
        told = io.StringIO()
        with patch.dict(os.environ, CUDA_VISIBLE_DEVICES=visible), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(told):
            code = main(["run", str(write_run_file(work, **changes))])
        return code, "" if code == failures.DONE else told.getvalue().strip().splitlines()[-1]

    def test_what_the_doctor_reads(self):
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": NOBODYS}
        told = subprocess.run([sys.executable, "-m", "trainer.platform.device"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        said = json.loads(told.stdout)
        self.assertEqual((said["given"], said["usable"]), (1, 0))
