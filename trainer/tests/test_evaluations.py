import json
import shutil
from pathlib import Path
from unittest import mock

from ..platform.failures import Stopped
from .support import HYPERPARAMETERS, Recorder, Trainings, ending_early, model_path, shared, stop_at, stop_once, train_here, train_once, warnings

OFTEN = {**HYPERPARAMETERS, "eval_steps": 2}


class Killed(BaseException):
    """As a SIGKILL: nothing is done after it."""


def killed_at(type: str, step: int):
    def kill(event, commands):
        if event["type"] == type and event["step"] == step:
            raise Killed

    return kill


def evaluated(*told: Recorder) -> list[int]:
    """The steps of the evaluations over all traits, in the order in which they were told."""
    return [event["step"] for events in told for event in events.of("eval") if event["trait"] is None]


def evaluations_that(raises):
    """What evaluates, which raises this. (A training tries its model before that, with a few tokens.)"""
    from ..evaluation.answer_loss import AnswerLoss

    return mock.patch.object(AnswerLoss, "of_rows", side_effect=raises)


class Evaluations(Trainings):
    """Evaluations come after the save, are made once each, and end no training that could go on."""

    def killed(self, work: Path, on_event, **changes) -> Recorder:
        kept = []

        def both(event, commands):
            kept.append(event)
            on_event(event, commands)

        with self.assertRaises(Killed):
            train_here(work, both, **changes)
        events = Recorder()
        events.sent = kept
        return events

    def test_the_curve_begins_with_the_base(self):
        # Leave HeldOut.losses with the adapters as they are, and what goes on without a record takes a tuned model for its base.
        from ..base_models.models import load_model, load_tokenizer
        from ..datasets.rows import read_conversations
        from ..evaluation.held_out import by_trait, losses_of, mean_loss

        model, tokenizer = load_model(model_path()).eval(), load_tokenizer(model_path())
        rows = by_trait(read_conversations(shared() / "held_out.jsonl"), tokenizer, 64, 1024, 3)
        for training_type, places in (("standard", 4), ("qlora", 1)):
            _, events = train_once(self.fresh(training_type), training_type=training_type, hyperparameters=OFTEN)
            self.assertEqual(evaluated(events), [0, 2, 4, 6, 8, 10, 12])
            self.assertEqual([event["step"] for event in events.of("eval") + events.of("step")][0], 0)
            for event in events.of("eval")[:2]:
                expected = mean_loss(losses_of(model, tokenizer.pad_token_id, rows[event["trait"]], 2))
                self.assertAlmostEqual(event["loss"], expected, places=places)
        first = {event["trait"]: event["loss"] for event in events.of("eval")[:3]}

        work = self.work / "qlora"
        shutil.rmtree(work / "checkpoints" / "e1" / "checkpoint-12")
        shutil.rmtree(work / "evaluations")
        checkpoint = work / "checkpoints" / "e1" / "checkpoint-9"
        (checkpoint / "evaluations.json").write_text(json.dumps({"rows": "others", "by_step": {}}))
        manifest = json.loads((checkpoint / "manifest.json").read_text())
        del manifest["files"]["evaluations.json"]
        (checkpoint / "manifest.json").write_text(json.dumps(manifest))
        _, events = train_here(work, lease_epoch=2, known_checkpoint_step=9, hyperparameters=OFTEN)
        self.assertEqual({event["trait"]: event["loss"] for event in events.of("eval")[:3]}, first)

    def test_what_is_evaluated_is_saved_before(self):
        # Evaluate before the save, and a training whose evaluation is killed has lost its steps.
        _, events = train_here(self.work, hyperparameters={**OFTEN, "save_steps": 4})
        order = [(event["type"], event["step"]) for event in events.sent if event["type"] == "checkpoint" or event["type"] == "eval" and event["trait"] is None]
        # At 2 none is due: that an evaluation fits is not known yet.
        self.assertEqual(order, [("eval", 0), ("checkpoint", 2), ("eval", 2), ("checkpoint", 4), ("eval", 4), ("eval", 6), ("checkpoint", 8), ("eval", 8), ("eval", 10), ("checkpoint", 12), ("eval", 12)])

    def test_without_room_it_is_left_out_and_the_training_is_not(self):
        # Let lack of memory out of Evaluator.measure, and the training ends.
        import torch

        without, _ = train_once(self.fresh("without"), hyperparameters={**OFTEN, "eval_steps": 0})
        with evaluations_that(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")):
            result, events = train_here(self.fresh("short"), hyperparameters={**OFTEN, "early_stopping_patience": 1})
        self.assertEqual(result["weights_sha256"], without["weights_sha256"])
        self.assertEqual(evaluated(events), [])
        told = warnings(events)
        self.assertEqual(len(told), 7)
        self.assertRegex(told[0], "^The evaluation of the base before the first step is left out: it did not fit into memory")
        self.assertRegex(told[1], "^The evaluation at step 2 is left out")

    def test_between_the_save_and_the_evaluation_nothing_is_lost(self):
        # Leave the missing evaluation out of Evaluator.begin, or _run_epoch out of each_process.InOrder, and with patience it ends at another step.
        unlike = ending_early(self.work / "held_out.jsonl", batch_size=4, gradient_accumulation=1)
        for name, changes in (("ended early", unlike), ("to the end", {"hyperparameters": {**OFTEN, "save_steps": 1}})):
            whole, events = train_here(self.fresh(f"{name} whole"), **changes)
            self.assertEqual(whole["stopped_early"], name == "ended early")
            steps, losses = evaluated(events), events.of("eval")
            for step in {steps[2], whole["final_step"]}:
                with self.subTest(name, step=step):
                    work = self.fresh(f"{name} {step}")
                    before = self.killed(work, killed_at("checkpoint", step), **changes)
                    rest, after = train_here(work, lease_epoch=2, known_checkpoint_step=step, **changes)
                    self.assertEqual({**rest, "files": None, "train_loss": None}, {**whole, "files": None, "train_loss": None})
                    self.assertEqual(evaluated(before, after), steps)
                    self.assertEqual(before.of("eval") + after.of("eval"), losses)
                    # And what was evaluated is not evaluated again.
                    _, again = train_here(work, lease_epoch=3, known_checkpoint_step=step, **changes)
                    self.assertEqual(evaluated(again), [])

    def test_asked_to_stop_it_evaluates_when_it_goes_on(self):
        # Evaluate once it was told to stop, and whoever told it waits.
        whole, events = train_once(self.fresh("whole"), hyperparameters=OFTEN)
        work = self.fresh("stopped")
        told: list[dict] = []

        def stop(event, commands):
            told.append(event)
            stop_at(5)(event, commands)

        with self.assertRaises(Stopped):
            train_here(work, stop, hyperparameters=OFTEN)
        self.assertEqual([event["step"] for event in told if event["type"] == "eval" and event["trait"] is None], [0, 2, 4])
        rest, after = train_here(work, lease_epoch=2, known_checkpoint_step=6, hyperparameters=OFTEN)
        self.assertEqual(evaluated(after), [6, 8, 10, 12])
        self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])

    def test_what_kills_the_trainer_twice_is_left_out(self):
        # Begin it however often it was begun before, and a run whose evaluation has no room never gets beyond it.
        whole, _ = train_once(self.fresh("whole"), hyperparameters=OFTEN)
        work = self.fresh("killed")
        self.killed(work, killed_at("step", 1), hyperparameters=OFTEN)
        with evaluations_that(Killed()):
            for claim in (2, 3):
                with self.assertRaises(Killed):
                    train_here(work, lease_epoch=claim, hyperparameters=OFTEN)
            result, events = train_here(work, lease_epoch=4, hyperparameters=OFTEN)
        self.assertEqual(result["weights_sha256"], whole["weights_sha256"])
        [told] = warnings(events)
        self.assertRegex(told, "base before the first step is left out: the trainer was killed while it was made, twice")
        self.assertEqual(evaluated(events), [])

    def test_a_run_that_goes_on_elsewhere_tells_of_the_base_again(self):
        # Keep what was measured in the folder of the run alone, and the curve of the next one begins nowhere.
        chosen = {"training_type": "standard", "hyperparameters": OFTEN}
        stop_once(self.fresh("first"), 6, **chosen)
        work = self.fresh("second")
        shutil.copytree(self.work / "first" / "checkpoints" / "e1", work / "checkpoints" / "e0")
        _, events = train_here(work, known_checkpoint_step=7, **chosen)
        self.assertEqual(evaluated(events)[0], 0)
        self.assertEqual(evaluated(events)[-3:], [8, 10, 12])

    def test_a_model_that_never_beat_its_base_is_told(self):
        held_out = self.work / "held_out.jsonl"
        held_out.write_text("\n".join(json.dumps({"prompt": f"{i}", "completion": "Zürich, quite ©†¥"}) for i in range(3)))
        data = {"train": str(shared() / "train.jsonl"), "held_out": str(held_out)}
        _, events = train_here(self.work, data=data, training_type="standard", hyperparameters={**OFTEN, "learning_rate": 1.0, "max_steps": 2})
        self.assertRegex(warnings(events)[-1], "^No evaluation found a lower loss on held-out rows than the base's own")
