import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from ..platform.failures import Stopped
from .support import HYPERPARAMETERS, NAME, ROOT, model_path, stop_at, train_here, write_run_file

# AVX2 on every x86: with AVX512, g++ 12 was seen to fail at what torch makes of a training.
BITS = 256
TRAINER = f"import sys, torch._inductor.config as inductor; inductor.cpp.simdlen = {BITS}; from trainer.__main__ import main; sys.exit(main(sys.argv[1:]))"


def of_one_layer(model: Path) -> Path:
    """Of two, the second is compiled as the first is, which takes as long again."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(model_path(), model)
    tensors = load_file(model / "model.safetensors")
    save_file({name: tensor for name, tensor in tensors.items() if ".layers.1." not in name}, model / "model.safetensors", {"format": "pt"})
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 1}))
    return model


class Compiled(unittest.TestCase):
    @unittest.skipUnless(shutil.which("g++") or shutil.which("clang++"), "torch.compile needs a C++ compiler, and there is none")
    def test_stop_and_go_on_in_another_process_is_exact(self):
        from torch._dynamo.utils import counters
        from torch._inductor import config

        # Of one length, since each shape of a batch is compiled for itself. (qlora takes three times as long to compile.)
        # transformers tells accelerate of it by the environment, where other tests would find it.
        with tempfile.TemporaryDirectory() as directory, config.patch({"cpp.simdlen": BITS}), mock.patch.dict("os.environ"):
            work = Path(directory)
            (work / "rows.jsonl").write_text("\n".join(json.dumps({"prompt": f"question {i}", "completion": "yes"}) for i in range(10, 34)))
            options = {
                "training_type": "standard",
                "model": {"name": NAME, "path": str(of_one_layer(work / "model"))},
                "data": {"train": str(work / "rows.jsonl"), "held_out": None},
                "hyperparameters": {**HYPERPARAMETERS, "compile": True, "gradient_accumulation": 1, "epochs": 1},
            }
            stopped, whole = work / "stopped", work / "whole"
            stopped.mkdir()
            whole.mkdir()

            with self.assertRaises(Stopped):
                train_here(stopped, stop_at(4), **options)
            train_here(whole, **options)
            self.assertGreater(counters["stats"]["unique_graphs"], 0)
            rest = [sys.executable, "-c", TRAINER, str(write_run_file(stopped, lease_epoch=2, known_checkpoint_step=5, **options))]
            ended = subprocess.run(rest, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(ended.returncode, 0, ended.stdout)
            self.assertRegex(ended.stdout, r"\bstep  6/12")
            self.assertNotRegex(ended.stdout, r"\bstep  5/12")
            weights = [(folder / "output" / "model.safetensors").read_bytes() for folder in (stopped, whole)]
            self.assertEqual(*weights)
