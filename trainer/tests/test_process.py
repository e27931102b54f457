import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from ..platform import failures
from .copies import warm
from .support import HYPERPARAMETERS, ROOT, start, write_run_file


class Process(unittest.TestCase):
    """The trainer as a process: exit codes, sentences, commands, and dying with whoever started it."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = Path(directory.name)

    def test_bad_input_is_told_before_anything_slow(self):
        # What may be wrong, and how it is told: test_bad_input.py.
        rows = self.work / "rows.jsonl"
        rows.write_text(json.dumps({"foo": 1, "bar": 2}))
        run_file = write_run_file(self.work, data={"train": str(rows), "held_out": None})
        code = f"import sys; from trainer.__main__ import main; code = main(['run', {str(run_file)!r}]); print('torch' in sys.modules); sys.exit(code)"
        ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual((ended.returncode, ended.stdout.splitlines()[-1]), (failures.BAD_INPUT, "False"), ended.stderr)
        self.assertIn("The fields foo, bar make no conversation", ended.stderr)

    def long_training(self, fresh: bool = False):
        """One in a process that loads its libraries by itself, or in a copy of one that has them: the code that it runs from its first line on is the same."""
        hyperparameters = {**HYPERPARAMETERS, "epochs": 500, "save_steps": 10_000}
        run_file = write_run_file(self.work, hyperparameters=hyperparameters)
        trainer = start(run_file, supervised=True) if fresh else warm().start(str(run_file), "--supervised")
        self.addCleanup(trainer.__exit__, None, None, None)
        for line in trainer.stdout:
            if line.startswith("step"):
                return trainer
        self.fail("It ended before its first step.")

    def test_rows_are_made_tokens_of_by_copies_while_it_listens(self):
        # Read sys.stdin in supervision.obey_stdin, and the copies wait for a lock that nobody gives back, as every training of some thousand rows did.
        run_file = write_run_file(self.work, threads=2, hyperparameters={**HYPERPARAMETERS, "max_steps": 1})
        shared = "import sys; from trainer.tokens import all_rows; all_rows.WORTH_SHARING_S = -1; all_rows._BLOCK_MESSAGES = 4"
        code = f"{shared}; from trainer.__main__ import main; sys.exit(main(['run', {str(run_file)!r}, '--supervised']))"
        with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as trainer:
            try:
                # Not by communicate, which closes the input: it ends then.
                self.assertEqual(trainer.wait(timeout=120), 0)
            finally:
                trainer.kill()

    def test_stop_saves_and_says_so(self):
        trainer = self.long_training(fresh=True)
        trainer.stdin.write("stop\n")
        trainer.stdin.flush()
        output = trainer.stdout.read()
        trainer.wait()
        self.assertEqual(trainer.returncode, failures.STOPPED, output[-500:])
        self.assertTrue(list((self.work / "checkpoints" / "e1").glob("checkpoint-*/manifest.json")))

    def test_it_dies_when_its_input_closes(self):
        trainer = self.long_training()
        trainer.stdin.close()
        trainer.stdout.read()
        self.assertEqual(trainer.wait(), failures.PARENT_GONE)

    def test_it_dies_when_its_lease_runs_out(self):
        trainer = self.long_training()
        trainer.stdin.write("lease 60000\nlease 300\n")
        trainer.stdin.flush()
        trainer.stdout.read()
        self.assertEqual(trainer.wait(), failures.LEASE_LOST)


class Validation(unittest.TestCase):
    def test_a_good_output_and_damaged_ones(self):
        from ..datasets.rows import read_conversations
        from ..runs.run_file import read_run_file
        from ..validation.validation import validate
        from .support import Recorder, few_words, train_once

        with tempfile.TemporaryDirectory() as directory:
            work = Path(directory)
            train_once(work)

            @few_words
            def check(task="validate"):
                run = read_run_file(write_run_file(work, task=task))
                return validate(run, read_conversations(run.held_out), Recorder())

            good = check()
            self.assertTrue(good["valid"], good["errors"])
            self.assertEqual([(score["trait"], score["rows"]) for score in good["traits"]], [("a", 3), ("b", 3)])
            self.assertLess(good["traits"][0]["tuned"]["loss"], good["traits"][0]["base"]["loss"])
            self.assertIn("tokenizer.json", good["files"]["files_checked"])

            weights = work / "output" / "model.safetensors"
            whole = weights.read_bytes()
            weights.write_bytes(whole[:-1])
            self.assertEqual(check("check")["errors"], ["model.safetensors is not the file that the training wrote."])
            weights.unlink()
            self.assertEqual(check("check")["errors"], ["model.safetensors is missing."])
