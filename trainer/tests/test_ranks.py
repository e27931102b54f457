import json

from ..platform.failures import CRASH, DONE
from .support import HYPERPARAMETERS, ending_early, train_here
from .together import Together, events_of, others_of, sha256_of


class Ranks(Together):
    def test_steps_and_weights_are_those_of_one_process(self):
        import torch
        from safetensors.torch import load_file

        # 22 rows in batches of 3: a process has one or two of them, and of the last batch the second has none.
        # Without rank.count before answer_loss, with rows divided by accelerate, or in an order that transformers draws, losses or weights differ.
        chosen = {"training_type": "standard", "hyperparameters": {**HYPERPARAMETERS, "batch_size": 3, "batching": "random"}}
        two, one = self.fresh("two"), self.fresh("one")
        self.assertEqual(self.train(two, **chosen), DONE)
        _, events = train_here(one, **chosen)
        steps = events_of(two, "step")
        self.assertEqual([step["step"] for step in steps], list(range(1, 9)))
        self.assertEqual(steps[-1]["tokens"], events.of("step")[-1]["tokens"])
        for told, expected in zip(steps, events.of("step"), strict=True):
            for figure in ("loss", "grad_norm", "learning_rate"):
                self.assertAlmostEqual(told[figure], expected[figure], places=4, msg=f"{figure} of step {told['step']}")
        weights, expected = load_file(two / "output" / "model.safetensors"), load_file(one / "output" / "model.safetensors")
        for name, tensor in expected.items():
            torch.testing.assert_close(weights[name], tensor, rtol=1e-3, atol=1e-4, msg=lambda text: f"{name}: {text}")

    def test_packed_steps_and_weights_are_those_of_one_process(self):
        # Steps of 7 rows of very different lengths: one process has three sequences where the other has one or two, and of the last step, of one row, the second has none. Add gradients
        # up behind each sequence (no_sync in each_process.py), and both wait for ever; weigh each process by its own tokens, and losses differ.
        import torch
        from safetensors.torch import load_file

        rows = [{"prompt": f"question {i}", "completion": " ".join(["answer"] * (1 + 9 * (i % 3))) + f" {i}"} for i in range(22)]
        data = self.work / "uneven.jsonl"
        data.write_text("\n".join(map(json.dumps, rows)))
        options = {"training_type": "standard", "data": {"train": str(data), "held_out": None}}
        packed = {**options, "hyperparameters": {**HYPERPARAMETERS, "batch_size": 1, "gradient_accumulation": 7, "batching": "random", "packing": True, "eval_steps": 0}}
        two, one, again = self.fresh("two"), self.fresh("one"), self.fresh("again")
        self.assertEqual(self.train(two, **packed), DONE)
        _, events = train_here(one, **packed)
        steps = events_of(two, "step")
        self.assertEqual([step["step"] for step in steps], list(range(1, 9)))
        self.assertEqual(steps[-1]["tokens"], events.of("step")[-1]["tokens"])
        for told, expected in zip(steps, events.of("step"), strict=True):
            for figure, places in (("loss", 2), ("grad_norm", 1), ("learning_rate", 9)):
                self.assertAlmostEqual(told[figure], expected[figure], places=places, msg=f"{figure} of step {told['step']}")
        weights, expected = load_file(two / "output" / "model.safetensors"), load_file(one / "output" / "model.safetensors")
        for name, tensor in expected.items():
            torch.testing.assert_close(weights[name], tensor, rtol=1e-2, atol=2e-3, msg=lambda text: f"{name}: {text}")

    def test_death_of_any_process_ends_all_and_going_on_is_exact(self):
        # Train what reads images as well (train_language_alone), and both wait for its gradient. Let RoundedAdamW draw otherwise in the second process, and there are two
        # models, of which checkpoints have one.
        import psutil

        from .architectures import make, named

        make(named("gemma3"), self.work / "gemma3")
        model = {"name": "tiny/gemma3", "path": str(self.work / "gemma3")}
        in_bf16 = {"training_type": "standard", "model": model, "hyperparameters": {**HYPERPARAMETERS, "weights": "bf16"}}
        whole, work = self.fresh("whole"), self.fresh("killed")
        self.assertEqual(self.train(whole, **in_bf16), DONE)
        others = []

        def kill_first(trainer):
            others.extend(others_of(trainer))
            trainer.kill()

        def saved():
            return max(event["step"] for event in events_of(work, "checkpoint"))

        # Right behind a save, which all wait for: where this process is slow to hear of a step, the next save is two steps away, and may have come as well.
        self.assertEqual(self.train(work, 4, self.kill_second, **in_bf16), CRASH)
        before_second = saved()
        self.assertEqual([event["message"] for event in events_of(work, "error")], ["Process 1 of the 2 of this training ended by signal 9."])
        self.train(work, 7, kill_first, lease_epoch=2, known_checkpoint_step=3, **in_bf16)
        before_third = saved()
        self.assertEqual(psutil.wait_procs(others, timeout=10)[1], [])
        self.assertEqual(self.train(work, lease_epoch=3, known_checkpoint_step=6, **in_bf16), DONE)
        self.assertEqual([event["step"] for event in events_of(work, "resumed")], [before_second, before_third])
        self.assertLess(before_third, 12)
        self.assertEqual(*(sha256_of(run / "output" / "model.safetensors") for run in (whole, work)))

        # One process goes on where two were, with a word about it.
        _, events = train_here(work, lease_epoch=4, known_checkpoint_step=12, **in_bf16)
        self.assertIn("had 2 processes until step 12, and goes on with one process", events.of("log")[0]["message"])

    def test_an_evaluation_that_ends_the_training_ends_all(self):
        # Leave what comes after a save to rank 0 (decided_by_one), and the others wait for a step that never comes.
        patient = ending_early(self.work / "held_out.jsonl")
        work = self.fresh("patient")
        self.assertEqual(self.train(work, **patient), DONE)
        last = events_of(work, "eval")[-1]["step"]
        self.assertLess(last, 30)
        # As if it had been killed between its last save and the evaluation after it.
        notes = work / "evaluations" / "e1.jsonl"
        notes.write_text("".join(line for line in notes.read_text().splitlines(True) if json.loads(line).get("step") != last))
        self.assertEqual(self.train(work, **patient, lease_epoch=2, known_checkpoint_step=last), DONE)
        self.assertEqual([event["step"] for event in events_of(work, "step")][-1], last)
        self.assertEqual(*[event for event in events_of(work, "eval") if event["step"] == last and event["trait"] is None])
