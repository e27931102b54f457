import errno
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import unittest
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from ..platform.failures import Diverged, MachineFailed, Stopped, as_failure
from ..platform.memory import available_bytes
from ..runs import checkpoints
from ..runs.checkpoints import MANIFEST, Checkpoint, problem_with
from ..runs.saving import SavePlan
from ..tokens.encoding import Example
from .architectures import make, named
from .support import HYPERPARAMETERS, Recorder, Trainings, stop_at, train_here, train_once

# Checkpoints of steps 3, 6 and 9 are written while the next steps are taken; that of 12 is the last.
NO_EVALUATION = {**HYPERPARAMETERS, "eval_steps": 0}
TYPES = {"qlora": {}, "lora": {}, "standard": {}, "standard, bf16": {"weights": "bf16"}}
LONGEST_WAIT_S = 60.0


def chosen(training_type: str, **changes) -> dict:
    return {"training_type": training_type.partition(",")[0], "hyperparameters": {**NO_EVALUATION, **TYPES[training_type], **changes}}


def without_memory():
    """A machine whose memory is taken."""
    return mock.patch("psutil.virtual_memory", return_value=SimpleNamespace(available=0))


def where_it_waits(thread: int) -> set[str]:
    """The functions that a thread is in, where it waits for a save; none where it does not."""
    frame = sys._current_frames().get(thread)
    frames = []
    while frame is not None:
        frames.append((frame.f_code.co_name, Path(frame.f_code.co_filename).name))
        frame = frame.f_back
    waits = any(file == "saving.py" and name in ("wait", "__exit__") for name, file in frames)
    return {name for name, _ in frames} if waits else set()


def until(condition) -> None:
    deadline = time.monotonic() + LONGEST_WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come to that")
        time.sleep(0.001)


@contextmanager
def written_once_told(step: int):
    """What is written behind the steps is begun when this step is told: by then the weights are others. Gives what must hear of events."""
    from transformers import Trainer

    told = threading.Event()

    def heard(event, commands):
        if event["type"] == "step" and event["step"] == step:
            told.set()

    def late(*arguments, save=Trainer.save_model, **named):
        if is_saving():
            until(told.is_set)
        return save(*arguments, **named)

    with mock.patch.object(Trainer, "save_model", late):
        yield heard


def is_saving() -> bool:
    return threading.current_thread().name.startswith("saving")


class SavingBehind(Trainings):
    """Checkpoints are written while the next steps are taken."""

    def held(self, step: int, on_event=lambda event, commands: None, **changes):
        """Trains, and holds the save of this step, right before it is told, until the training waits for it. Returns what was raised, and all events."""
        told = Recorder()
        training = threading.get_ident()
        self.told_meanwhile = None

        def heard(event, commands):
            if event["type"] == "checkpoint" and event["step"] == step:
                until(lambda: where_it_waits(training))
                self.waited_in = where_it_waits(training)
                self.told_meanwhile = [each["step"] for each in told.of("step")]
            told.sent.append(event)
            on_event(event, commands)

        try:
            train_here(self.work, heard, **changes)
        except Exception as error:
            return error, told
        return None, told

    def test_what_is_written_of_a_copy_is_what_the_trainer_writes(self):
        # Copy no tensor in checkpoint_copy.on_host, and it is that of a later step. Forget a random state or a file, and it is another's.
        make(named("gemma3"), self.work / "gemma3")
        gemma3 = {"model": {"name": "tiny/gemma3", "path": str(self.work / "gemma3")}}  # Of which a part is not trained; weights are tied.
        for training_type, model in [*((kind, {}) for kind in TYPES), ("standard", gemma3), ("lora", {"lora_target_modules": ["lm_head", "q_proj"]})]:
            with self.subTest(training_type, **model):
                options = chosen(training_type, max_steps=6, early_stopping_patience=None)
                if "model" in model:
                    options.update(model)
                else:
                    options["hyperparameters"].update(model)
                behind, at_once = self.fresh("behind"), self.fresh("at once")
                with written_once_told(5) as heard:
                    _, events = train_here(behind, heard, **options)
                with without_memory():
                    _, other_events = train_here(at_once, **options)
                first, last = events.of("checkpoint")
                self.assertLess(first["waited_seconds"], first["seconds"])
                self.assertEqual(last["waited_seconds"], last["seconds"])
                for event in other_events.of("checkpoint"):
                    self.assertEqual(event["waited_seconds"], event["seconds"])
                told = [event["message"] for event in other_events.of("log") if event["level"] == "info" and "stands still" in event["message"]]
                self.assertEqual(len(told), 1)
                self.assertRegex(told[0], r"^A copy of what a checkpoint holds takes \d+\.\d\d GB of memory, and 0\.00 GB can be had")
                files, expected = (Checkpoint(work / "checkpoints" / "e1" / "checkpoint-3", 1, 3).manifest["files"] for work in (behind, at_once))
                for each in (files, expected):
                    del each["training_args.bin"]  # Has the folder's name in it.
                self.assertEqual(files, expected)
                shutil.rmtree(behind)
                shutil.rmtree(at_once)

    def test_going_on_from_one_is_exact(self):
        for training_type in TYPES:
            with self.subTest(training_type):
                work = self.fresh(training_type)
                whole, _ = train_once(work, **chosen(training_type))
                shutil.rmtree(work / "checkpoints" / "e1" / "checkpoint-12")
                shutil.rmtree(work / "output")
                rest, events = train_here(work, lease_epoch=2, known_checkpoint_step=9, **chosen(training_type))
                self.assertEqual([event["step"] for event in events.of("resumed")], [9])
                self.assertEqual({**rest, "files": None}, {**whole, "files": None})

    def test_steps_go_on_meanwhile_and_the_next_save_waits(self):
        # Take the waits out of Saver, and two are written at once; save at once, and no step is told meanwhile.
        error, events = self.held(3, hyperparameters=NO_EVALUATION)
        self.assertIsNone(error)
        self.assertEqual(self.told_meanwhile, [1, 2, 3, 4, 5, 6])
        self.assertEqual([event["step"] for event in events.of("checkpoint")], [3, 6, 9, 12])

    def test_a_stop_waits(self):
        # Let at_once begin without waiting, and it is told in another order; it stops two steps after the save began.
        error, events = self.held(3, stop_at(4), hyperparameters=NO_EVALUATION)
        self.assertIsInstance(error, Stopped)
        self.assertEqual(self.told_meanwhile, [1, 2, 3, 4, 5])
        self.assertEqual([event["step"] for event in events.of("checkpoint")], [3, 5])

    def test_an_evaluation_waits(self):
        # Take the wait out of Reporter.evaluate, and it is made beside a copy that it was not tried with.
        _, events = self.held(6, hyperparameters={**HYPERPARAMETERS, "eval_steps": 4, "save_steps": 6, "max_steps": 9})
        order = [(event["type"], event["step"]) for event in events.sent if event["type"] == "checkpoint" or event["type"] == "eval" and event["trait"] is None]
        self.assertEqual(order, [("eval", 0), ("checkpoint", 4), ("eval", 4), ("checkpoint", 6), ("eval", 8), ("checkpoint", 9), ("eval", 9)])
        self.assertEqual(self.told_meanwhile, [1, 2, 3, 4, 5, 6, 7, 8])

    def test_what_ends_the_training_otherwise_waits(self):
        # Let Saver.__exit__ not wait, and the folder is removed, or written to when the next claim has the run.
        def out_of_memory(event, commands):
            if event["type"] == "step" and event["step"] == 4:
                raise MemoryError

        error, _ = self.held(3, out_of_memory, hyperparameters=NO_EVALUATION)
        self.assertIsInstance(error, MemoryError)
        self.assertEqual(self.told_meanwhile, [1, 2, 3, 4])
        self.assertIsNone(problem_with(self.work / "checkpoints" / "e1" / "checkpoint-3", {}))

    def test_a_loss_beyond_hope_names_the_checkpoint_that_was_being_written(self):
        # Take the wait out of Reporter.require_hope, and one is named that may not come to be.
        data = self.work / "rows.jsonl"
        data.write_text('{"prompt": "a", "completion": "b"}\n' * 8 + f'{{"prompt": "{"x" * 200}", "completion": "beyond max_length"}}\n')
        alone = {"batch_size": 1, "gradient_accumulation": 1, "save_steps": 1, "batching": "random"}
        with mock.patch.object(Example, "teaches", True):  # With seed 1, step 3 learns nothing.
            error, _ = self.held(2, data={"train": str(data), "held_out": None}, **chosen("standard", **alone))
        self.assertIsInstance(error, Diverged)
        self.assertRegex(str(error), "The loss became nan at step 3. The last checkpoint from before is that of step 2 ")
        self.assertEqual(self.told_meanwhile, [1, 2])
        self.assertIn("require_hope", self.waited_in)

    def test_a_failed_write_is_told_at_the_next_step(self):
        # Take saver.look out of Reporter.on_step_end, and steps are taken to the next save; remove_unfinished out of save, and half a checkpoint takes room until then.
        folder = self.work / "checkpoints" / "e1" / "checkpoint-3"
        told = []

        def fail(path, fsync=checkpoints.fsync):
            if path.parent == folder:
                until(lambda: 4 in told)
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
            fsync(path)

        def heard(event, commands):
            if event["type"] == "step":
                told.append(event["step"])
                if event["step"] == 4:
                    until(lambda: not folder.exists())

        with mock.patch.object(checkpoints, "fsync", fail), self.assertRaises(OSError) as raised:
            train_here(self.work, heard, hyperparameters={**NO_EVALUATION, "epochs": 20, "save_steps": 3, "batch_size": 2})
        failure = as_failure(raised.exception)
        self.assertIsInstance(failure, MachineFailed)
        self.assertRegex(str(failure), "^The disk has errors")
        self.assertLessEqual(told[-1], 5)
        self.assertEqual(list((self.work / "checkpoints" / "e1").iterdir()), [])

    def test_killed_while_one_is_written_it_goes_on_exactly(self):
        # Write the manifest before the files are whole, or prune before it is durable, and what is gone on from is no checkpoint.
        if sys.platform != "linux":
            print("not tried: a training in a copy of this process needs Linux")
            return
        whole, _ = train_once(self.fresh("whole"), hyperparameters=NO_EVALUATION)
        # The call of the thread that saves, right before which all is killed; and what it goes on from.
        calls = {
            "nothing is written": ("os.mkdir", "checkpoint-9", 6),
            "its files are being written": ("open", "checkpoint-9/trainer_state.json", 6),
            "its manifest has no name": ("os.rename", "checkpoint-9/manifest.json.new", 6),
            "an older one is removed": ("os.remove", "checkpoint-3/manifest.json", 9),
        }
        for name, (call, end, resumed) in calls.items():
            with self.subTest(name):
                work = self.fresh(name)
                self.assertEqual(killed_before(call, end, work), signal.SIGKILL)
                rest, events = train_here(work, lease_epoch=2, known_checkpoint_step=6, hyperparameters=NO_EVALUATION)
                self.assertEqual([event["step"] for event in events.of("resumed")], [resumed])
                self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])
                left = sorted(work.glob("checkpoints/e*/*"))
                self.assertTrue(all((path / MANIFEST).exists() for path in left), left)


def killed_before(call: str, end: str, work: Path) -> int:
    """Trains in a copy of this process that is killed when its thread that saves makes this call with this file. Returns the signal."""
    pid = os.fork()
    if pid == 0:
        def kill(event, arguments):
            if event == call and is_saving() and str(arguments[0]).endswith(end):
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(kill)
            train_here(work, hyperparameters=NO_EVALUATION)
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WTERMSIG(status)


class Plan(unittest.TestCase):
    def test_none_is_due_by_itself_while_one_is_under_way(self):
        # Leave `_under_way` out of SavePlan.due, and where writing is slow the training waits for it again and again.
        now = 0.0
        plan = SavePlan(1, 0.5, clock=lambda: now)
        now = 100.0
        self.assertTrue(plan.due(1))
        plan.begun()
        self.assertFalse(plan.due(2))
        plan.saved(1.0)
        self.assertTrue(plan.due(3))


class HostMemory(unittest.TestCase):
    def test_limits_of_control_groups_count(self):
        # Leave out a version or the groups above, and a container is taken for as large as its machine.
        mib = 1 << 20
        cases = {
            "version 2": ("0::/a/b", {"a/memory.max": 100, "a/memory.current": 60, "a/memory.stat": "inactive_file {}\nactive_file {}\n", "a/b/memory.max": "max"}),
            "version 1": ("4:memory:/a/b\n1:cpu:/", {"memory/memory.limit_in_bytes": 100, "memory/memory.usage_in_bytes": 60, "memory/memory.stat": "total_inactive_file {}\ntotal_active_file {}\n"}),
        }
        for name, (own, files) in cases.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                root = Path(folder)
                (root / "own").write_text(own)
                for file, value in files.items():
                    (root / file).parent.mkdir(parents=True, exist_ok=True)
                    (root / file).write_text(str(value * mib) if isinstance(value, int) else value.format(10 * mib, 5 * mib))
                self.assertEqual(available_bytes(root, root / "own"), 55 * mib)

    def test_without_limits_it_is_what_the_machine_has(self):
        import psutil

        with tempfile.TemporaryDirectory() as folder:
            self.assertAlmostEqual(available_bytes(Path(folder), Path(folder) / "none"), psutil.virtual_memory().available, delta=2 << 30)
