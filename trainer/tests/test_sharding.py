"""One model over two processes: the steps, the weights and the ends of two that have it whole."""

import shutil

from ..platform.failures import BAD_INPUT, CRASH, DONE, OutOfMemory
from .architectures import make, named
from .support import HYPERPARAMETERS, ending_early, model_path
from .together import Together, events_of, sha256_of

SHARDED = {**HYPERPARAMETERS, "sharding": "full"}
# The file of each process in a checkpoint.
PARTS = "optimizer/__{}_0.distcp"


class Sharding(Together):
    def test_losses_and_weights_are_those_of_whole_models(self):
        # Leave rank.count out of compute_loss, or shard() out of sharded.py: the losses are others, or both parts are as large as the whole.
        from safetensors.torch import load_file

        import torch

        chosen = {"batch_size": 3, "batching": "random", "weight_decay": 0.1, "activation_checkpointing": True, "eval_steps": 3, "neftune_noise_alpha": 5}
        # In float32 they differ by the order of sums alone. Adapters compute in bf16 where a processor does, and gather their base in it.
        for training_type, apart in (("standard", 1e-5), ("lora", 2e-3)):
            with self.subTest(training_type):
                whole, sharded = self.fresh(f"whole {training_type}"), self.fresh(f"sharded {training_type}")
                self.assertEqual(self.train(whole, training_type=training_type, hyperparameters={**HYPERPARAMETERS, **chosen}), DONE)
                self.assertEqual(self.train(sharded, training_type=training_type, hyperparameters={**SHARDED, **chosen}), DONE)
                for kind, figures in (("step", ("loss", "grad_norm")), ("eval", ("loss",))):
                    for told, expected in zip(events_of(sharded, kind), events_of(whole, kind), strict=True):
                        for figure in figures:
                            self.assertAlmostEqual(told[figure] / expected[figure], 1, delta=apart, msg=f"{figure} of {kind} {told['step']}")
                weights, expected = (load_file(work / "output" / "model.safetensors") for work in (sharded, whole))
                self.assertEqual(set(weights), set(expected))
                for name, tensor in expected.items():
                    torch.testing.assert_close(weights[name], tensor, rtol=1e-2, atol=1e-3, msg=lambda text: f"{name}: {text}")
        # 4 bytes for each of AdamW's two numbers of a weight, of which a process has half.
        saved = self.work / "sharded standard" / "checkpoints" / "e1" / "checkpoint-8"
        one, two = ((saved / PARTS.format(number)).stat().st_size for number in range(2))
        weights = sum(tensor.numel() for tensor in load_file(saved / "model.safetensors").values())
        self.assertLess(max(one, two), 0.7 * 8 * weights)
        self.assertGreater(one + two, 8 * weights)

    def test_death_of_a_process_and_going_on_is_exact(self):
        # Leave set_optimizer_state_dict out of sharded.py, and what goes on does so with an optimizer that knows nothing.
        # Train what reads images as well, and it waits for its gradient.
        make(named("gemma3"), self.work / "gemma3")
        for training_type, model in (("standard", {"name": "tiny/gemma3", "path": str(self.work / "gemma3")}), ("lora", {"name": "tiny/llama", "path": str(model_path())})):
            with self.subTest(training_type):
                options = {"training_type": training_type, "model": model, "hyperparameters": SHARDED}
                whole, work = self.fresh(f"whole {training_type}"), self.fresh(f"killed {training_type}")
                self.assertEqual(self.train(whole, **options), DONE)
                self.assertEqual(self.train(work, 4, self.kill_second, **options), CRASH)
                saved = max(event["step"] for event in events_of(work, "checkpoint"))
                self.assertEqual(self.train(work, lease_epoch=2, known_checkpoint_step=saved, **options), DONE)
                self.assertEqual([event["step"] for event in events_of(work, "resumed")], [saved])
                self.assertEqual(*(sha256_of(run / "output" / "model.safetensors") for run in (whole, work)))
        # A part that is missing or damaged is no checkpoint. Leave hidden files out of write_manifest, and the first of these goes unseen.
        last = work / "checkpoints" / "e2" / "checkpoint-12"
        for lost in ("optimizer/.metadata", PARTS.format(1)):
            copy = self.work / lost.replace("/", " ")
            shutil.copytree(work, copy)
            (copy / "checkpoints" / "e2" / "checkpoint-12" / lost).unlink()
            self.assertEqual(self.train(copy, lease_epoch=3, known_checkpoint_step=12, **options), DONE)
            self.assertEqual([event["reason"] for event in events_of(copy, "quarantined")], [f"{lost} is missing"])
        self.assertTrue(last.is_dir())

    def test_another_number_of_processes_goes_on_in_the_middle_of_an_epoch(self):
        # Leave order.set_epoch out of each_process.py, and several processes go on with the rows of the first epoch; save the optimizer's state by numbers in place of names, and three do not find it.
        for sharding in ("none", "full"):
            with self.subTest(sharding):
                options = {"training_type": "standard", "hyperparameters": {**HYPERPARAMETERS, "sharding": sharding}}
                whole, work = self.fresh(f"whole {sharding}"), self.fresh(f"work {sharding}")
                self.assertEqual(self.train(whole, **options), DONE)
                shutil.copytree(whole, work, dirs_exist_ok=True)
                shutil.rmtree(work / "checkpoints" / "e1" / "checkpoint-12")
                self.assertEqual(self.train(work, processes=3, lease_epoch=2, known_checkpoint_step=9, **options), DONE)
                self.assertIn("had 2 processes until step 9, and goes on with 3 processes", events_of(work, "log")[-1]["message"])
                for told, expected in zip(events_of(work, "step")[-3:], events_of(whole, "step")[-3:], strict=True):
                    self.assertAlmostEqual(told["loss"], expected["loss"], places=4)
        self.assertEqual(self.train(work, processes=1, lease_epoch=3, known_checkpoint_step=12, **options), BAD_INPUT)

    def test_the_best_is_exported(self):
        # Export the model of the last step (training.py), or leave the evaluation to rank 0, which waits for the others then.
        from safetensors.torch import load_file

        patient = ending_early(self.work / "held_out.jsonl", sharding="full")
        work = self.fresh("patient")
        self.assertEqual(self.train(work, training_type="standard", **patient), DONE)
        [done] = events_of(work, "done")
        self.assertTrue(done["result"]["stopped_early"])
        best = next((work / "checkpoints").glob(f"e*/checkpoint-{done['result']['exported_step']}"))
        saved, exported = load_file(best / "model.safetensors"), load_file(work / "output" / "model.safetensors")
        name = "model.layers.0.mlp.up_proj.weight"
        # An export is rounded to the base's type.
        self.assertLess((saved[name] - exported[name].float()).abs().max(), 0.01)

    def test_an_evaluation_without_room_for_it_ends_the_training(self):
        # Let it try again with fewer rows: the others wait for what it does not compute.
        from unittest import mock

        from ..evaluation.answer_loss import AnswerLoss
        from ..base_models.models import load_model
        from ..evaluation.held_out import HeldOutRow, losses_of
        from ..tokens.encoding import Example

        model, rows = load_model(model_path()), 2 * [HeldOutRow([Example([3, 4, 5], [3, 4, 5])], None)]
        with mock.patch.object(AnswerLoss, "of_rows", side_effect=RuntimeError("DefaultCPUAllocator: can't allocate memory")), self.assertRaisesRegex(OutOfMemory, "did not fit into memory"):
            losses_of(model, 0, rows, 2, is_alone=False)
