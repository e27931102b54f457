import errno
import os
import resource
import shutil
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

import psutil

from ..outputs import export
from ..platform import failures
from ..platform.failures import BadInput, Diverged, MachineFailed, as_failure
from ..runs.checkpoints import MANIFEST, problem_with
from ..runs.run_file import read_run_file
from ..runs.saving import LONGEST_S, SavePlan
from ..tokens.encoding import Example
from ..validation.validation import validate
from .copies import warm
from .support import HYPERPARAMETERS, Recorder, Trainings, stop_once, train_here, train_once, write_run_file


class Ends(Trainings):
    """How a training ends that cannot go on as it is, and how it then goes on."""

    def run_trainer(self, run_file: Path, more_bytes: int | None = None) -> tuple[int, str]:
        """In a process of its own, a copy of a warm one, which may have so much more memory than that has. Its exit code, and the end of what it said."""
        log = Path(tempfile.mkdtemp()) / "log"
        self.addCleanup(shutil.rmtree, log.parent)
        with warm().start(str(run_file), log=log) as trainer:
            if more_bytes is not None:
                most = psutil.Process(trainer.pid).memory_info().data + more_bytes
                resource.prlimit(trainer.pid, resource.RLIMIT_DATA, (most, most))
            return trainer.wait(), log.read_text(encoding="utf-8")[-4000:]

    def test_out_of_memory_has_a_code_of_its_own(self):
        # Let failures.py not know torch's word for it and it counts as a crash.
        # The rows of a step as one batch need more than this process may have.
        # (With so little more it ends within its first layer, and not behind attention, which takes a minute for those rows.)
        more_bytes = 384 * 1024**2
        rows = {**HYPERPARAMETERS, "batch_size": 64, "gradient_accumulation": 1, "max_length": 8192}
        data = self.work / "long.jsonl"
        data.write_text('{"prompt": "a", "completion": "' + "word " * 3000 + '"}\n', encoding="utf-8")
        data.write_text(data.read_text() * 64)
        run_file = write_run_file(self.work, hyperparameters=rows, data={"train": str(data), "held_out": None})
        code, said = self.run_trainer(run_file, more_bytes)
        self.assertEqual(code, failures.OUT_OF_MEMORY, said)

    def test_a_checkpoint_fits_the_same_rows_per_step_in_smaller_batches(self):
        # Take `rows_per_step` out of checkpoints.comparable and the checkpoint is put aside.
        whole, events = train_once(self.fresh("whole"))
        losses = [event["loss"] for event in events.of("step")]
        work = self.fresh("split")
        stop_once(work, 4)
        split = {**HYPERPARAMETERS, "batch_size": 1, "gradient_accumulation": HYPERPARAMETERS["batch_size"] * HYPERPARAMETERS["gradient_accumulation"]}
        rest, events = train_here(work, hyperparameters=split, lease_epoch=2, known_checkpoint_step=3)
        self.assertEqual([event["step"] for event in events.of("resumed")], [5])
        self.assertEqual((rest["final_step"], rest["total_steps"]), (whole["final_step"], whole["total_steps"]))
        # The same rows in the same order: dropout draws other numbers, so losses are near and not equal.
        for event in events.of("step"):
            self.assertAlmostEqual(event["loss"], losses[event["step"] - 1], delta=0.2)

    def test_a_loss_beyond_hope_ends_at_the_last_good_checkpoint(self):
        # Take the raise out of after_each_step.require_hope and it trains on. (With the highest learning rate that a run may have, the loss of this model
        # jumps between two and seven times that of guessing, on each kind of processor otherwise: what is asked for here is certain on all.)
        hopeless = {**HYPERPARAMETERS, "learning_rate": 1.0, "epochs": 40, "save_steps": 2}
        with mock.patch("trainer.training.after_each_step.HOPELESS_FACTOR", 0.5), self.assertRaises(Diverged) as raised:
            train_here(self.work, training_type="standard", hyperparameters=hopeless)
        self.assertRegex(str(raised.exception), r"Lower learning_rate \(now 1.0\)")
        self.assertRegex(str(raised.exception), r"The last checkpoint from before is that of step \d+|There is no checkpoint from before")

    def test_a_step_without_a_learnt_token_would_be_told(self):
        # Take the NaN out of after_each_step.require_hope, and what is saved after such a step is no model. (No such row is trained on: Example.teaches.)
        data = self.work / "rows.jsonl"
        data.write_text(f'{{"prompt": "{"x" * 200}", "completion": "beyond max_length"}}\n' * 4)
        with mock.patch.object(Example, "teaches", True), self.assertRaisesRegex(Diverged, "The loss became nan at step 1.*check the data"):
            train_here(self.work, data={"train": str(data), "held_out": None})

    def test_errors_of_the_disk_have_a_code_of_their_own_whatever_sentence_a_library_put_before_them(self):
        # Before, they ended as bad input, or counted as crashes of the training, of which three end a run.
        def read(number):
            try:
                raise OSError(number, os.strerror(number), "config.json")
            except OSError:
                raise BadInput("The model does not load.") from None

        for number in (errno.EIO, errno.EMFILE, errno.ESTALE):
            with self.assertRaises(BadInput) as raised:
                read(number)
            self.assertIsInstance(as_failure(raised.exception), MachineFailed)
            self.assertIn(os.strerror(number), str(as_failure(raised.exception)))
        self.assertIsInstance(as_failure(RuntimeError("I/O error: Input/output error (os error 5)")), MachineFailed)
        with self.assertRaises(BadInput) as raised:
            read(errno.ENOENT)
        self.assertNotIsInstance(as_failure(raised.exception), MachineFailed)

    def test_what_cannot_be_read_says_nothing_about_a_model(self):
        # Before, the trained model was found to be not usable, which ends its run.
        train_once(self.work)
        run_file = read_run_file(write_run_file(self.work, task="validate"))
        failed = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        with mock.patch("transformers.AutoModelForCausalLM.from_pretrained", side_effect=failed), self.assertRaises(BadInput) as raised:
            validate(run_file, [], Recorder())
        self.assertIsInstance(as_failure(raised.exception), MachineFailed)

    def test_nothing_is_written_where_a_link_leads_that_was_put_in_place_of_a_folder(self):
        # Take places.require out of after_each_step.py and the checkpoints from step 4 on lie elsewhere; out of places.fresh, the model.
        elsewhere = self._elsewhere()
        for place, step in (("checkpoints", 4), ("out", 6)):
            work = self.fresh(place)
            output = work / "out" / "output"
            output.parent.mkdir()

            saved = threading.Event()

            def link(event, commands, folder=work / place, step=step, saved=saved):
                if event["type"] == "checkpoint":
                    saved.set()
                if event["type"] == "step" and event["step"] == step:
                    # Between the two calls below there is no folder: a save under way would fail with that.
                    self.assertTrue(saved.wait(60))
                    folder.rename(folder.with_name("moved"))
                    folder.symlink_to(elsewhere)

            with self.assertRaisesRegex(BadInput, "leads to .* through a link"):
                train_here(work, link, output_dir=str(output))
            self.assertEqual(list(elsewhere.iterdir()), [])

    def test_whoever_may_read_files_may_read_the_model(self):
        # Leave the modes as safetensors sets them, and a server of another user's cannot load the weights beside a config that it reads.
        work = self.fresh("modes")
        before = os.umask(0o027)
        try:
            train_here(work)
        finally:
            os.umask(before)
        modes = {oct(path.stat().st_mode & 0o777) for path in (work / "output").rglob("*") if path.is_file()}
        self.assertEqual(modes, {"0o640"})

    def test_a_link_that_comes_while_the_model_is_written_leads_nothing_out(self):
        # Write by the name of the output directory (fresh in places.py), and what is saved after the link lies elsewhere.
        elsewhere = self._elsewhere()
        work = self.fresh("out")
        output = work / "out" / "output"
        output.parent.mkdir()

        def link(*arguments, card=export.model_card):
            output.parent.rename(work / "moved")
            output.parent.symlink_to(elsewhere)
            return card(*arguments)

        # It is written behind the weights, and never tried before.
        with mock.patch.object(export, "model_card", link):
            train_here(work, output_dir=str(output))
        self.assertEqual(list(elsewhere.iterdir()), [])
        self.assertIsNone(problem_with(work / "moved" / "output", {}))

    def test_a_full_disk_has_a_code_of_its_own_and_leaves_the_room_it_took(self):
        # Take _NO_ROOM's branch out of failures.py and it counts as a crash.
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(self.work)], capture_output=True, text=True)
        if mounted.returncode != 0:
            print(f"not tried: a full disk needs the right to mount one ({mounted.stderr.strip()})")
            return
        try:
            run_file = write_run_file(self.work, output_dir=str(self._elsewhere() / "output"))
            code, said = self.run_trainer(run_file)
            self.assertEqual(code, failures.DISK_FULL, said)
            self.assertTrue(all((path / MANIFEST).exists() for path in (self.work / "checkpoints" / "e1").iterdir()))
            subprocess.run(["mount", "-o", "remount,size=100m", str(self.work)], check=True)
            write_run_file(self.work, output_dir=str(self._elsewhere() / "output"), lease_epoch=2)
            self.assertEqual(self.run_trainer(run_file)[0], failures.DONE)
        finally:
            subprocess.run(["umount", str(self.work)], check=True)

    def _elsewhere(self) -> Path:
        path = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, path)
        return path


class Saving(unittest.TestCase):
    def simulate(self, share, cost_s: float, save_steps: int = 1, steps: int = 20_000) -> tuple[list[float], float]:
        """Times of the saves of a training with a step a second, and the share of time that saving took."""
        now = 0.0
        plan = SavePlan(save_steps, share, clock=lambda: now)
        saves = []
        for step in range(1, steps + 1):
            now += 1.0
            if plan.due(step):
                saves.append(now)
                now += cost_s
                plan.saved(cost_s)
        return saves, len(saves) * cost_s / now

    def test_what_the_user_chose_is_done_whatever_it_costs(self):
        saves, _ = self.simulate(None, cost_s=5, save_steps=100)
        self.assertEqual(len(saves), 200)

    def test_it_costs_no_more_than_its_share(self):
        # Make SavePlan.due ignore what was spent, and all of these are above.
        for cost_s in (0.2, 5, 40):
            with self.subTest(cost_s):
                saves, share = self.simulate(0.03, cost_s)
                self.assertLessEqual(share, 0.03)
                self.assertGreater(share, 0.02)

    def test_where_it_is_cheap_no_more_than_so_many_minutes_can_be_lost(self):
        saves, _ = self.simulate(0.03, cost_s=0.1, save_steps=1_000_000)
        self.assertTrue(all(later - earlier <= LONGEST_S + 2 for earlier, later in zip([0.0, *saves], saves)))
