import hashlib
import json
import mmap
import os
import shutil
import struct
import tempfile
import threading
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from ..chats.forms import Choices
from ..datasets.rows import Conversation
from ..platform.device import DeviceFigures, figures_of
from ..platform.failures import BadInput, Stopped, as_failure
from ..training.optimisation import accelerations
from .support import HYPERPARAMETERS, Trainings, ending_early, model_path, shared, stop_at, stop_once, train_here, train_once, warnings


class During(Trainings):
    """What is told of a training while it goes on, and what that may change: nothing but when it ends."""

    def test_evaluations_change_no_weight(self):
        # Draw a random number in HeldOut.losses, or leave the model in eval(), and the weights are others.
        for training_type in ("qlora", "standard"):
            with self.subTest(training_type):
                never = {**HYPERPARAMETERS, "eval_steps": 0}
                often = {**HYPERPARAMETERS, "eval_steps": 2}
                without, events = train_once(self.fresh(f"{training_type}-without"), training_type=training_type, hyperparameters=never)
                self.assertEqual((events.of("eval"), [event["message"] for event in events.of("phase") if event["message"]]), ([], []))
                whole, all_events = train_once(self.fresh(f"{training_type}-whole"), training_type=training_type, hyperparameters=often)
                work = self.fresh(f"{training_type}-stopped")
                stop_once(work, 4, training_type=training_type, hyperparameters=often)
                rest, events = train_here(work, training_type=training_type, hyperparameters=often, lease_epoch=2, known_checkpoint_step=3)
                self.assertEqual([event["message"] for event in events.of("phase") if event["message"]], [])
                self.assertEqual(whole["weights_sha256"], without["weights_sha256"])
                self.assertEqual(rest["weights_sha256"], without["weights_sha256"])
                self.assertEqual(events.of("eval"), [event for event in all_events.of("eval") if event["step"] > 5])

    def test_held_out_loss_is_told_of_each_trait_and_over_all(self):
        from ..base_models.models import load_model, load_tokenizer
        from ..datasets.rows import read_conversations
        from ..evaluation.held_out import by_trait, losses_of, mean_loss

        hyperparameters = {**HYPERPARAMETERS, "eval_steps": 5}
        _, events = train_here(self.work, training_type="standard", hyperparameters=hyperparameters)
        told = [(event["step"], event["trait"], event["rows"]) for event in events.of("eval")]
        self.assertEqual(told, [(step, trait, rows) for step in (0, 5, 10, 12) for trait, rows in (("a", 3), ("b", 3), (None, 6))])
        messages = [event["message"] for event in events.of("phase") if event["phase"] == "training"]
        self.assertEqual(messages, ["The base is measured on 6 held-out rows before the first step."])
        last = {event["trait"]: event["loss"] for event in events.of("eval")[-3:]}
        self.assertAlmostEqual(last[None], (last["a"] + last["b"]) / 2)
        model, tokenizer = load_model(self.work / "output").eval(), load_tokenizer(self.work / "output")
        for trait, rows in by_trait(read_conversations(shared() / "held_out.jsonl"), tokenizer, 64, 1024, 3).items():
            self.assertAlmostEqual(last[trait], mean_loss(losses_of(model, tokenizer.pad_token_id, rows, 2)), places=2)

    def test_unless_it_was_chosen_it_costs_little(self):
        from ..evaluation.evaluation import every

        hyper = SimpleNamespace(eval_steps=None, batch_size=4, gradient_accumulation=2, evaluation_is_chosen=False)
        # 8 rows cost as 2.7 that are trained on: 5 % of 800 allow 15 times, one of them before the first step, and 10 after it are the most.
        self.assertEqual(every(hyper, total_steps=100, rows=8), 10)
        self.assertEqual(every(hyper, total_steps=100, rows=24), 25)
        self.assertEqual(every(hyper, total_steps=10, rows=24), 10)
        self.assertEqual(every(hyper, total_steps=10, rows=24, rows_are_chosen=True), 1)
        hyper.evaluation_is_chosen = True
        self.assertEqual(every(hyper, total_steps=100, rows=10_000), 10)
        hyper.eval_steps = 7
        self.assertEqual(every(hyper, total_steps=100, rows=24), 7)

    def test_each_step_tells_memory(self):
        _, events = train_once(self.work)
        for event in events.of("step"):
            self.assertGreater(event["memory_bytes"], 50 * 1024**2)

    def test_tensorboard_has_every_step_once_also_after_resuming(self):
        stop_once(self.work, 4)
        shutil.rmtree(self.work / "checkpoints" / "e1" / "checkpoint-5")  # It goes on from step 3.
        _, events = train_here(self.work, lease_epoch=2, known_checkpoint_step=3)
        first, second = sorted((self.work / "tensorboard").iterdir())
        self.assertRegex(first.name, r"^events\.out\.tfevents\.\d{10}\..*\.e1$")
        self.assertEqual([step for step, tags in points(first) if "train/loss" in tags], [1, 2, 3, 4, 5])
        # Whoever reads it forgets the steps from here on that came before.
        self.assertEqual([event.step for event in records(second) if event.HasField("session_log")], [4])
        shown = dict(points(second, "train/loss"))
        self.assertEqual(list(shown), list(range(4, 13)))
        for event in events.of("step"):
            self.assertAlmostEqual(shown[event["step"]]["train/loss"], event["loss"], places=5)
        held_out = [(step, set(values)) for file in (first, second) for step, values in points(file, "eval/loss")]
        self.assertEqual(held_out, [(step, {"eval/loss", "eval/loss/a", "eval/loss/b"}) for step in (0, 12)])


class EarlyStopping(Trainings):
    """With patience, training ends when held-out loss does not fall any more, and the best model is exported."""

    def setUp(self):
        super().setUp()
        self.patient = ending_early(shared() / "rising.jsonl")

    def train(self, name: str, on_event=lambda event, commands: None, **changes):
        (self.work / name).mkdir(exist_ok=True)
        return train_here(self.work / name, on_event, **{**self.patient, **changes})

    def whole(self):
        return train_once(self.work / "whole", **self.patient)

    def test_it_ends_and_the_best_is_exported(self):
        # Let prune forget the best and the last is exported; take out _take_best and the weights are not the best's.
        result, events = self.whole()
        losses = {event["step"]: event["loss"] for event in events.of("eval") if event["trait"] is None}
        best = min(losses, key=losses.get)
        self.assertTrue(result["stopped_early"])
        self.assertEqual((result["exported_step"], result["final_step"]), (best, best + 4))
        self.assertLess(result["final_step"], result["total_steps"])
        checkpoints = self.work / "whole" / "checkpoints" / "e1"
        adapter = checkpoints / f"checkpoint-{best}" / "adapter_model.safetensors"
        self.assertEqual(result["weights_sha256"], hashlib.sha256(adapter.read_bytes()).hexdigest())
        [said] = events.of("log")
        self.assertIn(f"ended early, at step {best + 4} of 30, and the model of step {best} is exported", said["message"])

    def test_interrupted_it_ends_at_the_same_step_with_the_same_model(self):
        # Leave EarlyStopping.write_into out and it goes on for longer.
        whole, _ = self.whole()
        with self.assertRaises(Stopped):
            self.train("stopped", stop_at(whole["final_step"] - 2))
        rest, _ = self.train("stopped", lease_epoch=2, known_checkpoint_step=2)
        self.assertEqual(without_files(rest), without_files(whole))

        # Its end was not heard, and its output is gone: it is exported again, without another step.
        shutil.rmtree(self.work / "stopped" / "output")
        again, events = self.train("stopped", lease_epoch=3, known_checkpoint_step=2)
        self.assertEqual(events.of("step"), [])
        self.assertEqual({**without_files(again), "train_loss": whole["train_loss"]}, without_files(whole))

    def test_without_the_checkpoint_of_the_best_it_says_what_is_exported(self):
        whole, _ = self.whole()
        shutil.rmtree(self.work / "whole" / "checkpoints" / "e1" / f"checkpoint-{whole['exported_step']}")
        again, events = self.train("whole", lease_epoch=2, known_checkpoint_step=2)
        self.assertEqual(again["exported_step"], whole["final_step"])
        self.assertIn(f"The checkpoint of step {whole['exported_step']}", events.of("log")[0]["message"])

    def test_patience_with_nothing_to_evaluate_is_refused(self):
        with self.assertRaisesRegex(BadInput, "eval_steps is 0"):
            self.train("never", hyperparameters={**self.patient["hyperparameters"], "eval_steps": 0})
        with self.assertRaisesRegex(BadInput, "early_stopping_patience is 2, and there are no held-out rows"):
            self.train("none", data={"train": str(shared() / "train.jsonl"), "held_out": None})


class RowsOtherwise(unittest.TestCase):
    def test_what_is_trained_otherwise_than_it_stands_there_is_told(self):
        # Train without a word, and who looks at the model alone finds out.
        call = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Rome"}}}]}
        rows = [[{"role": "user", "content": f"question {number}"}, {"role": "assistant", "content": "yes", "reasoning_content": "hm"}] for number in range(8)]
        rows.append([{"role": "user", "content": "hot?"}, call])
        with tempfile.TemporaryDirectory() as work:
            path = Path(work) / "rows.jsonl"
            path.write_text("\n".join(json.dumps({"messages": messages, "trait": "all", "dataset_id": 7, "row_number": row}) for row, messages in enumerate(rows, start=1)))
            held_out = Path(work) / "held_out.jsonl"
            held_out.write_text("\n".join(path.read_text().splitlines()[::-1]))
            data = {"train": str(path), "held_out": str(held_out), "datasets": [{"id": 7, "name": "chats"}]}
            _, events = train_here(Path(work), data=data, hyperparameters={**HYPERPARAMETERS, "max_steps": 1, "on_bad_rows": "skip"})
        told = warnings(events)
        self.assertEqual([event["refused_rows"] for event in events.of("plan")], [1])
        self.assertRegex(told[0], "^8 of 9 rows have thoughts that the model's chat template has no place for: they are learnt in the text of the answer")
        self.assertRegex(told[1], "^1 of 9 rows are left out.*: Row 9 of the dataset chats .counted from 0.: The model's chat template cannot show calls of tools: that of weather")
        self.assertRegex(told[2], "^1 held-out rows are left out.*Row 9 of the dataset chats")


class TokenCache(Trainings):
    def setUp(self):
        from ..datasets.rows import read_conversations

        super().setUp()
        self.conversations = read_conversations(shared() / "train.jsonl")

    def encode(self, conversations, data_sha256="1", model=None, **options):
        from ..base_models.models import load_tokenizer
        from ..runs.token_cache import encode_once

        choices = Choices(**{name: options.pop(name) for name in ("reasoning", "tool_calls", "today") if name in options})
        hyper = SimpleNamespace(**{"max_length": 64, "too_long": "truncate", "on_bad_rows": "refuse", **options})
        run = SimpleNamespace(hyperparameters=hyper, work_dir=self.work, model_path=model or model_path(), choices=choices, dataset_names={}, threads=1)
        data = encode_once(run, load_tokenizer(run.model_path), lambda: conversations, data_sha256)
        data.rows = [{name: tokens.tolist() for name, tokens in row.items()} for row in data.rows]
        return data

    def test_what_was_encoded_is_read(self):
        # Without the cache there is nothing to encode the second time.
        first = self.encode(self.conversations)
        self.assertEqual(len(first.rows), 22)
        self.assertEqual(self.encode(None), first)  # Nor are the rows read by other processes of the training.

    def test_other_data_or_options_or_another_template_are_encoded(self):
        # Leave one of them out of the key and the tokens of before are given.
        model = self.work / "model"
        shutil.copytree(model_path(), model)
        first = self.encode(self.conversations, model=model)
        self.assertEqual(self.encode([], "2", model).rows, [])
        self.encode(self.conversations, model=model)
        for other in ({"max_length": 8}, {"on_bad_rows": "skip"}, {"reasoning": "drop"}, {"tool_calls": "json"}, {"today": "2026-11-28"}):
            self.assertEqual(self.encode([], model=model, **other).rows, [], other)
            self.encode(self.conversations, model=model)
        template = model / "chat_template.jinja"
        template.write_text("Now: " + template.read_text(encoding="utf-8"), encoding="utf-8")
        changed = self.encode(self.conversations, model=model)
        self.assertNotEqual(changed.rows[0]["input_ids"], first.rows[0]["input_ids"])
        self.assertEqual(len(list(self.work.glob("tokens-*"))), 1)

    def test_what_was_told_of_the_rows_is_kept_with_them(self):
        thought = {"role": "assistant", "content": "one", "reasoning_content": "hm"}
        call = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": {}}}]}
        rows = [Conversation([{"role": "user", "content": "a"}, answer], "all") for answer in (thought, call)]
        first = self.encode(rows, on_bad_rows="skip")
        self.assertEqual((dict(first.notes), first.refused, len(first.reasons)), ({"inline": 1}, 1, 1))
        self.assertEqual(self.encode([], on_bad_rows="skip"), first)

    def test_tokens_stay_in_the_file(self):
        # Read the arrays of the file as numpy does, and each process has all tokens in memory.
        import numpy

        from ..runs.token_cache import read_tokens

        self.encode(self.conversations)
        [cache] = self.work.glob("tokens-*")
        for array in read_tokens(cache).rows[0].values():
            while isinstance(array, numpy.ndarray):
                array = array.base
            self.assertIsInstance(array, mmap.mmap)

    def test_damage_is_encoded_anew(self):
        first = self.encode(self.conversations)
        [cache] = self.work.glob("tokens-*")
        whole = cache.read_bytes()
        flipped = bytearray(whole)
        flipped[200] ^= 1  # Among the ids.
        for damaged in (whole[: len(whole) // 2], bytes(flipped), b""):
            cache.write_bytes(damaged)
            self.assertEqual(self.encode(self.conversations), first)
            self.assertEqual(self.encode([]), first)


class Acceleration(unittest.TestCase):
    def test_on_the_cpu_only_what_was_asked_for(self):
        cpu = accelerations(False, on_gpu=False, compile=False, has_liger=True)
        self.assertEqual({name for name, value in cpu.items() if value is True}, {"use_cpu"})
        # Where rows are packed, all weights compute in bf16 if the CPU can. Take packing out of the line of bf16 in accelerations.
        with patch("trainer.training.optimisation.computes_in_bf16", return_value=True):
            self.assertEqual([accelerations(False, on_gpu=False, compile=False, has_liger=False, packing=packing)["bf16"] for packing in (False, True)], [False, True])
        self.assertTrue(accelerations(True, on_gpu=False, compile=True, has_liger=False)["torch_compile"])

    def test_on_a_gpu_all_that_there_is(self):
        gpu = accelerations(False, on_gpu=True, compile=False, has_liger=True)
        self.assertEqual({name for name, value in gpu.items() if value is True}, {"bf16", "use_liger_kernel", "dataloader_pin_memory"})
        self.assertEqual(gpu["accelerator_config"], {"non_blocking": True, "even_batches": False})
        self.assertTrue(accelerations(True, on_gpu=True, compile=False, has_liger=False)["bf16"])

    def test_where_compiling_fails_it_is_said_what_to_leave_out(self):
        from torch._dynamo.exc import BackendCompilerFailed

        failure = as_failure(BackendCompilerFailed(accelerations, RuntimeError("no compiler"), None))
        self.assertRegex(str(failure), "^torch.compile failed: .*no compiler.* Leave out hyperparameters.compile")

    def test_they_are_arguments_that_transformers_knows(self):
        from transformers import TrainingArguments

        known = set(TrainingArguments.__dataclass_fields__)
        self.assertLessEqual(set(accelerations(True, on_gpu=True, compile=True, has_liger=True)), known)


class Device(unittest.TestCase):
    def test_what_a_device_does_not_tell_is_none(self):
        figures = figures_of("97, 63, [N/A], 71234, 81559")
        self.assertEqual(figures["utilization_percent"], 97)
        self.assertEqual(figures["memory_used_bytes"], 71234 * 1024**2)
        self.assertIsNone(figures["power_w"])

    def test_nvidia_smi_is_asked_about_the_device_of_this_process(self):
        figures, asked = self.started(visible="3")
        self.assertIn("--id=3", asked.read_text())  # Waits for the writer.
        while figures.latest is None:
            self.assertTrue(self.is_looking())
        self.assertEqual(figures.latest["power_w"], 100.5)
        self.assertEqual(figures.latest["memory_total_bytes"], 2 * 1024**2)
        figures.stop()

    def test_a_process_that_may_use_no_gpu_asks_nobody(self):
        figures, _ = self.started(visible="")
        self.assertFalse(self.is_looking())

    def started(self, visible: str) -> tuple[DeviceFigures, Path]:
        """Figures of a program by the name of nvidia-smi, and where it writes what it was asked."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        program, asked = Path(directory.name) / "nvidia-smi", Path(directory.name) / "asked"
        os.mkfifo(asked)
        program.write_text(f'#!/bin/sh\necho "5, 40, 100.5, 1, 2"\necho "$*" >{asked}\n')
        program.chmod(0o755)
        before = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(before)))
        os.environ.update({"PATH": f"{directory.name}:{before['PATH']}", "CUDA_VISIBLE_DEVICES": visible})
        figures = DeviceFigures()
        figures.start()
        return figures, asked

    def is_looking(self) -> bool:
        return any(thread.name == "device figures" and thread.is_alive() for thread in threading.enumerate())


def without_files(result: dict) -> dict:
    """Manifests name the claim, so that files beside the weights differ."""
    return {name: value for name, value in result.items() if name != "files"}


def records(file: Path) -> list:
    """The events of a TensorBoard file, each of which is a TFRecord: length, its checksum, data, their checksum."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import masked_crc32c

    data, found = file.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        body, checksum = data[12 : 12 + length], struct.unpack("<I", data[12 + length : 16 + length])[0]
        assert checksum == masked_crc32c(body)
        found.append(Event.FromString(body))
        data = data[16 + length :]
    return found


def points(file: Path, tag: str | None = None) -> list[tuple[int, dict[str, float]]]:
    """Step and values of the points, or of those that have this one."""
    all_points = [(event.step, {value.tag: value.simple_value for value in event.summary.value}) for event in records(file) if event.HasField("summary")]
    return [point for point in all_points if tag is None or tag in point[1]]
