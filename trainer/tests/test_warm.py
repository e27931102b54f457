import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from .. import preloading
from ..platform.failures import STOPPED
from .copies import train_fresh, warm
from .support import ROOT, Trainings, stop_once, train_here, train_once
from .test_resume import CHOICES, TABLE, hyperparameters_of, uneven_rows


@unittest.skipUnless(sys.platform == "linux", "copies of a process are made on Linux alone")
class MixedAttempts(Trainings):
    """It does not show in what a run makes which of its attempts were copies of a warm process."""

    def test_a_run_of_copies_and_others_is_exact(self):
        # Let preloading.load change what torch computes in (set_default_dtype), and weights differ.
        rows = uneven_rows()
        data = {"train": str(rows), "held_out": str(rows)}
        for number, row in enumerate(TABLE):
            chosen = dict(zip(CHOICES, row, strict=True))
            with self.subTest(**chosen):
                options = {"training_type": chosen["type"].partition(",")[0], "data": data, "hyperparameters": hyperparameters_of(chosen)}
                whole, events = train_once(self.fresh(f"{row}-whole"), **options)
                plan = events.of("plan")[0]
                last = plan["steps_per_epoch"] // 2 + (0 if chosen["stopped_in"] == "first epoch" else plan["steps_per_epoch"])
                work = self.fresh(f"{row}-stopped")
                # It is heard after the next step.
                again = {"lease_epoch": 2, "known_checkpoint_step": last, **options}
                if number % 2:
                    stop_once(work, last, **options)
                    code, rest, events = warm().train(work, **again)
                    self.assertEqual(code, 0)
                else:
                    code, _, events = warm().train(work, last, **options)
                    self.assertEqual(code, STOPPED)
                    rest, events = train_here(work, **again)
                self.assertGreaterEqual(events.of("resumed")[0]["step"], last)
                self.assertEqual({**rest, "files": None}, {**whole, "files": None})

    def test_so_is_one_of_copies_and_processes_of_their_own(self):
        whole, _ = train_once(self.fresh("whole"))
        work = self.fresh("stopped")
        self.assertEqual(warm().train(work, 2)[0], STOPPED)
        self.assertEqual(warm().train(work, 5, lease_epoch=2, known_checkpoint_step=2)[0], STOPPED)
        rest = train_fresh(work, lease_epoch=3, known_checkpoint_step=5)
        self.assertEqual({**rest, "files": None}, {**whole, "files": None})


class Preloading(unittest.TestCase):
    """What is loaded before copies are made."""

    def loaded(self, code: str, **variables: str) -> str:
        return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **variables}, check=True, capture_output=True, text=True).stdout

    def test_what_is_loaded_beside_a_gpu_leaves_it_alone(self):
        # bitsandbytes asks each GPU what it can do, which initialises CUDA, when it is imported.
        code = "import sys; from trainer import preloading; from trainer.platform import libraries; libraries.prepare(); preloading.load_for_answers(); print('torch' in sys.modules, 'bitsandbytes' in sys.modules)"
        self.assertEqual(self.loaded(code), "True False\n")

    def test_other_packages_or_other_code_are_noticed(self):
        with tempfile.TemporaryDirectory() as packages, mock.patch.object(sys, "path", [*sys.path, packages]):
            origin = preloading.Origin()
            self.assertIsNone(origin.change())
            Path(packages, "new").mkdir()
            self.assertIn(packages, origin.change())

    @unittest.skipUnless(shutil.which("cc"), "there is no cc to build a driver with")
    def test_a_driver_that_was_initialised_is_noticed(self):
        # With a driver that says what NVIDIA's says before and after cuInit: 3, and 0.
        code = "from trainer import preloading\ntry:\n  preloading.load('tokenizers')\n  print('ready')\nexcept preloading.CannotFork as why:\n  print(why)"
        for says, expected in ((3, "ready"), (0, "the CUDA driver was initialised while the libraries were loaded (cuInit)")):
            with self.subTest(says=says), tempfile.TemporaryDirectory() as folder:
                library = f"{folder}/libcuda.so.1"
                source = f"int cuDeviceGetCount(int *count) {{ *count = 1; return {says}; }}".encode()
                subprocess.run(["cc", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", library, "-xc", "-"], input=source, check=True)
                self.assertEqual(self.loaded(code, LD_PRELOAD=library).strip(), expected)

    def test_tokenizers_need_no_torch(self):
        code = "import sys; from trainer import preloading; preloading.load('tokenizers'); print(sys.modules['torch'])"
        self.assertEqual(self.loaded(code), "None\n")

    def test_nothing_runs_beside_the_libraries_when_a_copy_is_made(self):
        # Import pyarrow in preloading.py, and there is a thread of jemalloc. Those of OpenBLAS end before a fork by themselves.
        with warm().start(module="trainer.tests.waiting") as copy:
            self.assertEqual(copy.stdout.readline(), "here\n")
            self.assertEqual(len(os.listdir(f"/proc/{warm().pid}/task")), 1)
