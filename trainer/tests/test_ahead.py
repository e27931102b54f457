import json
import shutil
import threading
from unittest import mock

from ..base_models import models
from ..platform.beside import beside
from ..platform.failures import BadInput, CheckpointLost
from ..runs.checkpoints import MANIFEST
from ..training import training
from .support import Trainings, stop_once, train_here, train_once

WITHIN_S = 120


class Beside(Trainings):
    def test_of_two_things_that_are_wrong_the_first_is_told(self):
        def lost():
            raise CheckpointLost("first")

        with self.assertRaisesRegex(CheckpointLost, "first"), beside(lost):
            raise BadInput("second")
        with self.assertRaisesRegex(BadInput, "second"), beside(lambda: 1) as done:
            self.assertEqual(done(), 1)
            raise BadInput("second")


class LoadedAhead(Trainings):
    """The base model is loaded while the checkpoint is looked at that it is trained on from."""

    def setUp(self):
        super().setUp()
        self.saved = self.fresh("saved")
        self.whole, _ = train_once(self.fresh("whole"))
        stop_once(self.saved, 6)

    def go_on(self, name: str, change=lambda newest: None):
        """From what was saved, once `change` was done to the newest checkpoint. Nobody looks at that before the base model is being loaded.
        The events, and how often that was loaded."""
        work = self.work / name
        shutil.copytree(self.saved, work)
        change(work / "checkpoints" / "e1" / "checkpoint-7")
        is_loading = threading.Event()
        find, load, loads = training.newest_complete, models.load_model, []

        def find_late(*arguments):
            self.assertTrue(is_loading.wait(WITHIN_S))
            return find(*arguments)

        def load_and_tell(*arguments, **options):
            loads.append(options)
            is_loading.set()
            return load(*arguments, **options)

        with mock.patch.object(training, "newest_complete", find_late), mock.patch.object(models, "load_model", load_and_tell):
            result, events = train_here(work, lease_epoch=2, known_checkpoint_step=7)
        self.assertEqual(result["weights_sha256"], self.whole["weights_sha256"])
        return events, len(loads)

    def test_while_it_is_verified(self):
        # Wait for the checkpoint before the base model is loaded, and it waits for the model, which comes never.
        events, loads = self.go_on("late")
        self.assertEqual(([event["step"] for event in events.of("resumed")], loads), ([7], 1))

    def test_what_was_loaded_for_one_that_does_not_count_is_used_where_it_fits(self):
        def flip(newest):
            file = newest / "optimizer.pt"
            data = bytearray(file.read_bytes())
            data[len(data) // 2] ^= 1
            file.write_bytes(data)

        events, loads = self.go_on("flipped", flip)
        self.assertEqual(([event["step"] for event in events.of("resumed")], len(events.of("quarantined")), loads), ([6], 1, 1))

    def test_what_was_loaded_for_another_number_of_threads_is_not_used(self):
        # Take the threads out of BaseAhead.is_for: sums are rounded as nobody asked for.
        import torch

        def of_other_threads(newest):
            manifest = json.loads((newest / MANIFEST).read_text())
            (newest / MANIFEST).write_text(json.dumps({**manifest, "threads": 2}))
            (newest / "rng_state.pth").unlink()

        self.addCleanup(torch.set_num_threads, torch.get_num_threads())
        events, loads = self.go_on("threads", of_other_threads)
        self.assertEqual(([event["step"] for event in events.of("resumed")], loads, torch.get_num_threads()), ([6], 2, 1))

    def test_a_manifest_that_is_none_is_told_as_ever(self):
        events, loads = self.go_on("torn", lambda newest: (newest / MANIFEST).write_text("{"))
        self.assertEqual([event["reason"] for event in events.of("quarantined")], ["its manifest is no JSON"])
