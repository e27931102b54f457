import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

from ..__main__ import main, parse
from ..platform import failures
from .copies import warm
from .support import NAME, ROOT, hub, shared


class ByHand(unittest.TestCase):
    """One command, for whoever has no service."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = Path(directory.name)
        self.output = self.work / "tuned"
        self.cache = hub()

    def command(self, *more: str, data: Path | None = None) -> list[str]:
        given = ["--data", str(data or shared() / "train.jsonl"), "--model", NAME, "--output", str(self.output), "--threads", "1"]
        return ["train", *given, "--lora-r", "4", "--batch-size", "2", "--learning-rate", "0.005", *more]

    def call(self, arguments: list[str]) -> tuple[int, str, str]:
        """Exit code, standard output and standard error, of a call in this process."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            with (
                contextlib.redirect_stdout(io.StringIO()) as out,
                contextlib.redirect_stderr(io.StringIO()) as err,
                patch("huggingface_hub.constants.HF_HUB_CACHE", str(self.cache)),
            ):
                return main(arguments), out.getvalue(), err.getvalue()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def fresh(self, *command: str) -> subprocess.Popen:
        """As a person starts it, which loads its libraries by itself."""
        environment = {**os.environ, "HF_HUB_CACHE": str(self.cache)}
        return subprocess.Popen([sys.executable, "-m", "trainer", *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def interrupted(self, start, at: str, by: signal.Signals) -> tuple[int, str, str]:
        """Exit code, and the rest of both outputs, of a process that gets a signal once it told a line that begins so."""
        with start(*self.command("--epochs", "8")) as trainer:
            for line in trainer.stdout:
                if line.startswith(at):
                    os.kill(trainer.pid, by)
                    break
            out, err = trainer.stdout.read(), trainer.stderr.read()
            return trainer.wait(), out, err

    def test_begins_from_another_training(self):
        # Leave "start" out of the run file and the loss begins as the base's does.
        code, _, err = self.call(self.command("--epochs", "2"))
        self.assertEqual(code, failures.DONE, err)
        first, self.output = self.output, self.work / "next"
        code, out, err = self.call(self.command("--epochs", "1", "--start", str(first / "model" / "adapter")))
        self.assertEqual(code, failures.DONE, err)
        self.assertIn(f"Its base is what the run began from here ({first / 'model' / 'adapter'})", out)
        start = json.loads((self.output / "run.json").read_text())["start"]
        self.assertEqual(start["kind"], "adapter")
        self.output = self.work / "none"
        code, _, err = self.call(self.command("--start", str(self.work)))
        self.assertEqual(code, failures.BAD_INPUT)
        self.assertIn("has neither an adapter (adapter_config.json) nor a model", err)

    def test_interrupted_and_gone_on_with(self):
        # The default of save_steps is far away: what is gone on from is what Ctrl-C saved.
        code, out, err = self.interrupted(self.fresh, "step", signal.SIGINT)
        self.assertEqual(code, failures.STOPPED, out + err)
        self.assertIn("The same command goes on from there.", out)

        with self.subTest("other choices are refused, and nothing is lost"):
            code, _, err = self.call(self.command("--epochs", "8", "--learning-rate", "0.001"))
            self.assertEqual(code, failures.BAD_INPUT)
            self.assertRegex(err, r"another training, with learning_rate 0.005, not 0.001. Choose the same to go on, or name another output")

        code, out, err = self.call(self.command("--epochs", "8"))
        self.assertEqual(code, failures.DONE, err)
        step = int(re.search(r"has this training up to step (\d+): it goes on from there \(lease epoch 2\)", out)[1])
        self.assertIn(f"Going on from the checkpoint of step {step}", out)
        self.assertEqual(re.findall(r"^step +(\d+)/80 ", out, re.MULTILINE)[0], str(step + 1))
        table = out[out.index("trait") :].splitlines()
        self.assertEqual(table[-1], f"The tuned model is in {self.output / 'model'}.")
        before, after = map(float, re.search(r"(\d\.\d{3}) +(\d\.\d{3})", table[1]).groups())
        self.assertLess(after, before)

        with self.subTest("nothing is to be saved while it compares: a signal ends it"):
            # Leave the handler of training, and it compares to the end.
            code, out, err = self.interrupted(warm().start, "Checking files", signal.SIGTERM)
            self.assertEqual(code, -signal.SIGTERM, out + err)

        with self.subTest("a checkpoint that is damaged is no reason to begin again"):
            for file in (self.output / "checkpoints").rglob("optimizer.pt"):
                file.write_bytes(b"")
            for _ in range(2):
                self.assertEqual(self.call(self.command("--epochs", "8"))[0], failures.CHECKPOINT_LOST)

    def test_what_is_held_out_is_drawn_and_not_trained_on(self):
        rows = [{"prompt": f"{number}?", "completion": "yes"} for number in range(40)]
        data = self.work / "rows.csv"
        data.write_text("prompt,completion\n" + "".join(f"{row['prompt']},{row['completion']}\n" for row in rows + rows[:20]))

        def divided(seed: str) -> tuple[set[str], set[str]]:
            code, _, err = self.call(self.command("--held-out-share", "0.2", "--seed", seed, "--max-length", "2", data=data))
            self.assertEqual(code, failures.BAD_INPUT, err)  # No answer is that short.
            files = ((self.output / name).read_text().splitlines() for name in ("train.jsonl", "held_out.jsonl"))
            return tuple({json.loads(line)["messages"][0]["content"] for line in lines} for lines in files)

        training, held_out = divided("1")
        self.assertEqual((len(training), len(held_out)), (28, 12))
        self.assertFalse(training & held_out)
        self.assertEqual(divided("1"), (training, held_out))
        self.assertNotEqual(divided("2"), (training, held_out))

    def test_mistakes_are_told_and_nothing_is_written(self):
        strange = self.work / "strange"
        strange.mkdir()
        (strange / "thesis.txt").write_text("")
        for sentence, command in {
            "model is 'no/body', which is no directory, and not in the Hugging Face cache": self.command("--model", "no/body"),
            "model is 'a:b', which is no directory": self.command("--model", "a:b"),
            "which has files in it and no run.json": self.command("--output", str(strange)),
            "held_out_share is 0.9": self.command("--held-out-share", "0.9"),
            "hyperparameters.epochs is 0": self.command("--epochs", "0"),
            "threads is 0": self.command("--threads", "0"),
            "'/none.jsonl' does not exist": self.command("--data", "/none.jsonl"),
            "output is '/dev/null/x'": self.command("--output", "/dev/null/x"),
        }.items():
            with self.subTest(sentence):
                code, _, err = self.call(command)
                self.assertEqual(code, failures.BAD_INPUT, err)
                self.assertIn(sentence, err)
                self.assertFalse(self.output.exists())
        self.assertEqual([path.name for path in strange.iterdir()], ["thesis.txt"])


class CommandLine(unittest.TestCase):
    def test_the_help_is_one_screen_with_an_example_and_the_exit_codes(self):
        with contextlib.redirect_stdout(io.StringIO()) as out, self.assertRaises(SystemExit) as ended:
            parse(["--help"])
        self.assertEqual(ended.exception.code, 0)
        self.assertLess(len(out.getvalue().splitlines()), 40)
        self.assertLess(max(map(len, out.getvalue().splitlines())), 130)
        self.assertIn("python -m trainer train --data rows.jsonl --model", out.getvalue())
        readme = (ROOT / "trainer" / "README.md").read_text(encoding="utf-8")
        for code, meaning in failures.MEANINGS.items():
            self.assertRegex(out.getvalue(), rf"(?m)^  {code} +{re.escape(meaning)}$")
            self.assertIn(f"| {code} | {meaning} |", readme)

    def test_a_run_file_alone_is_the_way_of_the_service(self):
        arguments = parse(["/runs/1/train-e1.json", "--events-fd", "3", "--supervised"])
        self.assertEqual((arguments.command, str(arguments.run_file), arguments.events_fd, arguments.supervised), ("run", "/runs/1/train-e1.json", 3, True))
