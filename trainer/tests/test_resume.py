import shutil
import tempfile
import unittest
from pathlib import Path

from ..checkpoints import MANIFEST
from ..failures import BadInput, CheckpointLost, LeaseLost, Stopped
from .support import HYPERPARAMETERS, start, train_here, write_run_file


class Resume(unittest.TestCase):
    """A training that was interrupted ends with the weights of one that was not, to the bit."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.work = Path(self.directory.name)

    def fresh(self, name: str) -> Path:
        path = self.work / name
        path.mkdir()
        return path

    def test_stop_and_go_on_is_exact(self):
        # 12 steps, 6 per epoch: stopped in the middle of the first epoch, with gradients accumulated and dropout.
        for training_type in ("qlora", "standard"):
            with self.subTest(training_type):
                whole, _ = train_here(self.fresh(f"{training_type}-whole"), training_type=training_type)
                work = self.fresh(f"{training_type}-stopped")

                def stop_at_4(event, commands):
                    if event["type"] == "step" and event["step"] == 4:
                        commands.stop.set()

                with self.assertRaises(Stopped):
                    train_here(work, stop_at_4, training_type=training_type)
                rest, events = train_here(work, training_type=training_type, lease_epoch=2, known_checkpoint_step=3)
                self.assertEqual([event["step"] for event in events.of("resumed")], [5])
                self.assertEqual([event["step"] for event in events.of("step")], list(range(6, 13)))
                self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])
                self.assertEqual((rest["final_step"], rest["total_steps"]), (12, 12))

    def test_in_a_later_epoch_and_with_rows_of_like_length_it_is_exact(self):
        # 6 steps an epoch: stopped in the middle of the second, whose rows come in another order.
        for batching in ("like_length", "random"):
            with self.subTest(batching):
                hyperparameters = {**HYPERPARAMETERS, "batching": batching}
                whole, _ = train_here(self.fresh(f"{batching}-whole"), hyperparameters=hyperparameters)
                work = self.fresh(f"{batching}-stopped")

                def stop_at_8(event, commands):
                    if event["type"] == "step" and event["step"] == 8:
                        commands.stop.set()

                with self.assertRaises(Stopped):
                    train_here(work, stop_at_8, hyperparameters=hyperparameters)
                rest, _ = train_here(work, lease_epoch=2, known_checkpoint_step=8, hyperparameters=hyperparameters)
                self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])

    def test_sigkill_and_go_on_is_exact(self):
        whole, _ = train_here(self.fresh("whole"))
        work = self.fresh("killed")
        trainer = start(write_run_file(work))
        for line in trainer.stdout:
            if line.startswith("step  5/"):
                trainer.kill()
                break
        trainer.communicate()
        rest, events = train_here(work, lease_epoch=2, known_checkpoint_step=3)
        self.assertEqual([event["step"] for event in events.of("resumed")], [3])
        self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])

    def test_lost_export_is_made_again_without_training(self):
        work = self.fresh("exported")
        whole, _ = train_here(work)
        shutil.rmtree(work / "output")
        again, events = train_here(work, lease_epoch=2, known_checkpoint_step=12)
        self.assertEqual(events.of("step"), [])
        self.assertEqual(again["weights_sha256"], whole["weights_sha256"])

    def test_only_the_newest_two_are_kept(self):
        work = self.fresh("pruned")
        train_here(work)
        self.assertEqual(sorted(path.name for path in (work / "checkpoints" / "e1").iterdir()), ["checkpoint-12", "checkpoint-9"])

    def test_damage_is_put_aside_and_the_one_before_is_used(self):
        # Take the comparison of hashes out of checkpoints.problem_with and damage is loaded.
        def tear(path):
            file = path / "adapter_model.safetensors"
            file.write_bytes(file.read_bytes()[:-10])

        def flip(path):
            file = path / "optimizer.pt"
            data = bytearray(file.read_bytes())
            data[len(data) // 2] ^= 1
            file.write_bytes(data)

        damages = {
            "no manifest": lambda path: (path / MANIFEST).unlink(),
            "a file is missing": lambda path: (path / "rng_state.pth").unlink(),
            "a file is torn": tear,
            "a bit is flipped": flip,
        }
        whole = self.fresh("damage")
        result, _ = train_here(whole)
        for name, damage in damages.items():
            with self.subTest(name):
                work = self.work / name
                shutil.copytree(whole, work)
                damage(work / "checkpoints" / "e1" / "checkpoint-12")
                again, events = train_here(work, lease_epoch=2, known_checkpoint_step=12)
                self.assertEqual(len(events.of("quarantined")), 1)
                self.assertEqual([event["step"] for event in events.of("resumed")], [9])
                self.assertEqual(again["weights_sha256"], result["weights_sha256"])

    def test_never_silently_from_the_start(self):
        # Take the raise of CheckpointLost out of checkpoints.newest_complete and it starts at 0.
        work = self.fresh("lost")
        with self.assertRaisesRegex(CheckpointLost, "step 7 was saved"):
            train_here(work, known_checkpoint_step=7)

    def test_an_outdated_claim_is_refused(self):
        # Take the raise of BadInput out of checkpoints.newest_complete and it trains.
        work = self.fresh("outdated")
        train_here(work, lease_epoch=5)
        with self.assertRaisesRegex(BadInput, "later claim"):
            train_here(work, lease_epoch=4)

    def test_a_zombie_publishes_nothing(self):
        # Take the raise out of checkpoints.require_latest_claim and it saves on.
        work = self.fresh("zombie")

        def claimed_by_another(event, commands):
            if event["type"] == "step" and event["step"] == 4:
                (work / "checkpoints" / "e2").mkdir()

        with self.assertRaisesRegex(LeaseLost, "lease epoch 2"):
            train_here(work, claimed_by_another)
        self.assertEqual([path.parent.name for path in work.glob("checkpoints/*/*/manifest.json")], ["checkpoint-3"])
