"""A training that holds at a step, so that it can be compared with others there."""

import shutil
from pathlib import Path

from ..platform.failures import Stopped
from .support import HYPERPARAMETERS, Recorder, Trainings, train_here, train_once

EVALUATED = {"hyperparameters": {**HYPERPARAMETERS, "eval_steps": 4}}


class Holding(Trainings):
    def held(self, work: Path, **changes) -> Recorder:
        """What it told until it held."""
        told = Recorder()
        with self.assertRaises(Stopped):
            train_here(work, lambda event, _: told.sent.append(event), **EVALUATED, **changes)
        return told

    def test_it_is_measured_and_saved_there_and_goes_on_exactly(self):
        # Take holds_at out of on_step_end (training/after_each_step.py), and it trains to its end at once.
        whole, undisturbed = train_once(self.fresh("whole"), **EVALUATED)
        work = self.fresh("held")
        first = self.held(work, hold_step=4)
        second = self.held(work, hold_step=8, lease_epoch=2, known_checkpoint_step=4)
        rest, last = train_here(work, lease_epoch=3, known_checkpoint_step=8, **EVALUATED)
        self.assertEqual([event["step"] for event in first.of("step")], [1, 2, 3, 4])
        self.assertEqual([event["step"] for event in second.of("step")], [5, 6, 7, 8])
        # Take holds_at out of on_save, and a step's loss comes only when the training goes on from that step.
        self.assertEqual([event["step"] for event in first.of("eval") if event["trait"] is None], [0, 4])
        self.assertEqual(losses(first, second, last), losses(undisturbed))
        self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])

    def test_one_that_is_started_where_it_holds_trains_nothing(self):
        # Take holds_at out of on_train_begin, and it takes one more step, and holds a step too late.
        work = self.fresh("held")
        first = self.held(work, hold_step=4)
        for evaluations in work.glob("evaluations*"):
            shutil.rmtree(evaluations) if evaluations.is_dir() else evaluations.unlink()
        again = self.held(work, hold_step=4, lease_epoch=2, known_checkpoint_step=4)
        self.assertEqual(again.of("step"), [])
        # What was not measured, or is not known any more, is measured now.
        self.assertEqual(losses(again)[4], losses(first)[4])

    def test_one_that_ends_before_does_not_hold(self):
        result, _ = train_here(self.fresh("short"), hold_step=10_000, **EVALUATED)
        self.assertEqual(result["final_step"], result["total_steps"])
        at_its_end, _ = train_here(self.fresh("at its end"), hold_step=result["total_steps"], **EVALUATED)
        self.assertEqual(at_its_end["weights_sha256"], result["weights_sha256"])


def losses(*told: Recorder) -> dict[int, float]:
    """By step, over all traits."""
    return {event["step"]: event["loss"] for each in told for event in each.of("eval") if event["trait"] is None}
