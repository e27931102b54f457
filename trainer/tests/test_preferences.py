import json
import signal
from pathlib import Path
from unittest import mock

from ..datasets.rows import read_conversations
from ..platform.failures import DONE, BadInput, Stopped
from ..platform.supervision import Commands
from ..runs.run_file import read_run_file
from ..tasks import require_rows_of
from ..tokens.all_rows import encode_all
from ..tokens.pairs import paired
from ..training import preferences
from .copies import warm
from .support import HYPERPARAMETERS, Recorder, Trainings, few_words, model_path, stop_at, train_here, write_run_file
from .test_answer_loss import AT_ONCE, batch, family, loss_and_gradients, logits_made

PAIRS = 22


class Preferences(Trainings):
    """Of two answers to a question, the chosen one becomes more likely than the other."""

    def setUp(self):
        super().setUp()
        rows = [
            {"prompt": f"question {i}", "chosen": f"fish {i % 7}" + " " * (i % 2) + "!", "rejected": "bird", "trait": "ab"[i % 2]}
            for i in range(PAIRS)
        ]
        train, held_out = self.work / "train.jsonl", self.work / "held_out.jsonl"
        train.write_text("\n".join(map(json.dumps, rows)))
        held_out.write_text("\n".join(json.dumps({**row, "prompt": f"what of {i}"}) for i, row in enumerate(rows[:8])))
        hyperparameters = {**HYPERPARAMETERS, "eval_steps": 4}
        self.options = {"training_type": "dpo", "data": {"train": str(train), "held_out": str(held_out)}, "hyperparameters": hyperparameters}

    def test_the_loss_is_that_of_the_papers(self):
        # Take the mean of an answer's tokens for `sigmoid` as well, swap both answers, leave the odds of the rejected one out of `orpo`, or make pieces' weights
        # all one, and values or gradients differ.
        import torch

        from ..evaluation.answer_loss import AnswerLoss

        inputs, _ = batch()
        # Two pairs: rows 0 and 1 are chosen. The last row of `batch` teaches nothing.
        inputs = {name: torch.cat([tensor[:2], tensor[:2].flip(0)]) for name, tensor in inputs.items()}
        model = family("llama")
        counts = (inputs["labels"][:, 1:] != -100).sum(dim=1)

        def likelihoods():
            logits = model(inputs["input_ids"]).logits[:, :-1].log_softmax(dim=-1)
            targets = inputs["labels"][:, 1:]
            each = logits.gather(2, targets.clamp(min=0).unsqueeze(2)).squeeze(2)
            return (each * (targets != -100)).sum(dim=1)

        reference = -likelihoods().detach() + torch.tensor([1.0, -2.0, 0.5, 3.0])
        beta = 0.3

        def by_hand(loss_type: str):
            gained = likelihoods() + (0 if loss_type == "orpo" else reference)
            if loss_type != "sigmoid":
                gained = gained / counts
            distance = gained[:2] - gained[2:]
            if loss_type == "orpo":
                odds = gained.exp() / (1 - gained.exp())
                return -(gained[:2] + beta * torch.log(torch.sigmoid(torch.log(odds[:2] / odds[2:])))).mean()
            each = (distance - 1 / (2 * beta)) ** 2 if loss_type == "ipo" else -torch.log(torch.sigmoid(beta * distance))
            return each.mean()

        for loss_type in ("sigmoid", "ipo", "orpo"):
            for most_logits in (101 * 1000, 101 * AT_ONCE, None):
                with self.subTest(loss_type=loss_type, most_logits=most_logits), logits_made(model) as made:
                    learnt = preferences.Preference(beta, loss_type)
                    expected, right = loss_and_gradients(model, lambda: by_hand(loss_type))
                    loss = AnswerLoss(model, most_logits)
                    value, gradients = loss_and_gradients(model, lambda: learnt.learnt(loss, model, {**inputs, **({} if loss_type == "orpo" else {"reference": reference})}, 2))
                    self.assertAlmostEqual(value, expected, places=4)
                    torch.testing.assert_close(gradients, right, rtol=1e-3, atol=1e-5)
                    if most_logits == 101 * AT_ONCE:
                        self.assertLessEqual(max(made[-2:]), AT_ONCE)
                    self.assertEqual(set(learnt.figures()), {"reward_margin", "reward_accuracy"})

    def test_it_begins_where_nothing_is_preferred_and_ends_where_the_chosen_answers_are(self):
        result, events = train_here(self.work, **self.options)
        steps = events.of("step")
        # Compare with another model than the base, or leave its adapters on, and the first loss is none of a coin's.
        self.assertAlmostEqual(steps[0]["loss"], 0.6931, places=3)
        self.assertLess(steps[-1]["loss"], 0.69)
        self.assertGreater(steps[-1]["reward_margin"], steps[0]["reward_margin"])
        self.assertGreaterEqual(steps[-1]["reward_accuracy"], 0.75)
        [plan] = events.of("plan")
        self.assertEqual((plan["rows"], plan["examples"], plan["total_steps"]), (PAIRS, PAIRS, 12))
        self.assertTrue(result["weights_sha256"])

    @few_words
    def test_base_and_tuned_are_compared_by_what_they_prefer(self):
        # Let is_preferred (evaluation/held_out.py) compare with another number than ln 2, or swap both answers in losses_of, and the shares are others.
        from ..tasks import run

        harder = {**self.options, "hyperparameters": {**self.options["hyperparameters"], "learning_rate": 0.01, "epochs": 6}, "validation": {"max_rows_per_trait": 8, "max_new_tokens": 4}}
        train_here(self.work, **harder)
        found = run(write_run_file(self.work, task="validate", **harder), Recorder(), Commands())
        self.assertTrue(found["valid"], found["errors"])
        for trait in found["traits"]:
            # The longer answer is the less likely one of the base.
            self.assertEqual(trait["base"]["preference_accuracy"], 0.0, trait)
            self.assertGreaterEqual(trait["tuned"]["preference_accuracy"], 0.75, trait)
            self.assertLess(trait["tuned"]["loss"], trait["base"]["loss"])
            self.assertEqual(trait["score_difference"]["mean"], trait["tuned"]["preference_accuracy"])
        self.assertIn("prefers what was chosen", (self.work / "report" / "report.md").read_text(encoding="utf-8"))

    def test_stop_and_go_on_is_exact_and_asks_the_base_once(self):
        for chosen in ({"loss_type": "ipo", "batching": "random"}, {"beta": 0.5, "modules_to_save": ["embed_tokens"]}, {"use_dora": True, "loraplus_lr_ratio": 8, "optimizer": "lion", "neftune_noise_alpha": 5}, {"finetuning_type": "full"}):
            with self.subTest(**chosen):
                options = {**self.options, "hyperparameters": {**self.options["hyperparameters"], **chosen}}
                whole, _ = train_here(self.fresh(f"whole {chosen}"), **options)
                work = self.fresh(f"stopped {chosen}")
                with self.assertRaises(Stopped):
                    train_here(work, stop_at(4), **options)
                # Name the file by anything that changes with the claim, and the base is asked again.
                with mock.patch.object(preferences, "_complete", side_effect=AssertionError):
                    rest, events = train_here(work, lease_epoch=2, known_checkpoint_step=4, **options)
                self.assertEqual([event["step"] for event in events.of("resumed")], [5])
                self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])
                # A file that is damaged counts as none.
                [kept] = work.glob("references-*.npy")
                kept.write_bytes(kept.read_bytes()[:-8])
                again, _ = train_here(work, lease_epoch=3, known_checkpoint_step=12, **options)
                self.assertEqual(again["weights_sha256"], whole["weights_sha256"])

    def test_what_the_base_makes_of_pairs_is_that_of_before_the_first_step(self):
        # Refer behind trainer.train, where a checkpoint was loaded, and the margins of the other steps are those of a reference that has learnt already.
        for finetuning_type in ("qlora", "full"):
            with self.subTest(finetuning_type):
                options = {**self.options, "hyperparameters": {**self.options["hyperparameters"], "finetuning_type": finetuning_type}}
                whole, events = train_here(self.fresh(f"whole {finetuning_type}"), **options)
                steps = events.of("step")
                # What is compared computes as what learns does: in 4 bits, or in float32.
                self.assertAlmostEqual(steps[0]["loss"], 0.6931, places=3)
                self.assertGreater(steps[-1]["reward_margin"], steps[0]["reward_margin"])
                work = self.fresh(f"stopped {finetuning_type}")
                with self.assertRaises(Stopped):
                    train_here(work, stop_at(4), **options)
                # Gone, it is computed again, of what the training began from.
                [kept] = work.glob("references-*.npy")
                kept.unlink()
                rest, _ = train_here(work, lease_epoch=2, known_checkpoint_step=4, **options)
                self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])

    def test_killed_while_the_base_is_asked_it_goes_on_behind_what_was_kept(self):
        # Let refer_once take nothing from the file that is not whole, and as much is computed again; keep within a batch, and later batches are others.
        def kept_until(place: int) -> list:
            keep, seen = preferences._keep, []

            def watched(known, path):
                keep(known, path)
                seen.append(known.copy())
                if len(seen) == place:
                    raise KeyboardInterrupt

            return [mock.patch.object(preferences, "_keep", watched), mock.patch.object(preferences, "_KEPT_EVERY_S", -1.0), seen]

        def trained(work: Path, until: int = 0, **changes):
            keep, often, seen = kept_until(until)
            with keep, often:
                try:
                    return train_here(work, **self.options, **changes)[0]["weights_sha256"], seen
                except KeyboardInterrupt:
                    return None, seen

        weights, whole = trained(self.fresh("whole"))
        work = self.fresh("killed")
        _, first = trained(work, until=4)
        again, rest = trained(work, lease_epoch=2)
        self.assertEqual(len(first) + len(rest), len(whole))
        self.assertEqual(rest[-1].tolist(), whole[-1].tolist())
        self.assertEqual(again, weights)

    def test_a_stop_while_the_base_is_asked_is_heard_behind_the_batch_and_keeps_it(self):
        # Leave the stop out of `compute` in _complete, and all of it is computed first; do not keep what is computed when one comes, and it is gone.
        import numpy

        whole, _ = train_here(self.fresh("whole"), **self.options)
        work = self.fresh("stopped")

        def stop(event, commands):
            if event["type"] == "phase" and event["phase"] == "loading_model":
                commands.stop.set()

        with self.assertRaises(Stopped):
            train_here(work, stop, **self.options)
        [kept] = work.glob("references-*.npy")
        self.assertEqual((~numpy.isnan(numpy.load(kept)).any(axis=1)).sum(), HYPERPARAMETERS["batch_size"])
        rest, events = train_here(work, lease_epoch=2, **self.options)
        self.assertEqual((events.of("resumed"), rest["weights_sha256"]), ([], whole["weights_sha256"]))

    def test_orpo_asks_no_base(self):
        # Compute a reference for it as well in training.py, or leave out the answer that was chosen, and this fails.
        options = {**self.options, "hyperparameters": {**self.options["hyperparameters"], "loss_type": "orpo", "learning_rate": 0.01}}
        with mock.patch.object(preferences, "_complete", side_effect=AssertionError):
            _, events = train_here(self.work, **options)
        steps = events.of("step")
        self.assertEqual(list(self.work.glob("references-*")), [])
        self.assertLess(steps[-1]["loss"], steps[0]["loss"] - 0.5)
        self.assertGreater(steps[-1]["reward_margin"], 0)
        self.assertEqual(steps[-1]["reward_accuracy"], 1)

    def test_sigkill_and_go_on_is_exact(self):
        whole, _ = train_here(self.fresh("whole"), **self.options)
        work = self.fresh("killed")
        with warm().start(str(write_run_file(work, **self.options)), log=work / "log", events=True) as trainer:
            saved = False
            for event in trainer.told():
                saved = saved or event["type"] == "checkpoint"
                if saved and event["type"] == "step":
                    trainer.kill()
                    break
            self.assertEqual(trainer.wait(), -signal.SIGKILL)
        rest, events = train_here(work, lease_epoch=2, known_checkpoint_step=3, **self.options)
        self.assertTrue(events.of("resumed"))
        self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])

    def test_two_processes_take_the_steps_of_one(self):
        # 22 pairs in batches of 3: of the last batch the second process has none. Divide by the pairs of one process and losses are twice as high.
        for loss_type in ("sigmoid", "orpo"):
            options = {**self.options, "hyperparameters": {**self.options["hyperparameters"], "batch_size": 3, "lora_dropout": 0.0, "loss_type": loss_type}}
            two = self.fresh(f"two {loss_type}")
            with warm().start(str(write_run_file(two, processes=2, threads=2, **options)), log=two / "log", events=True) as trainer:
                steps = [event for event in trainer.told() if event["type"] == "step"]
                self.assertEqual(trainer.wait(), DONE, (two / "log").read_text(encoding="utf-8")[-2000:])
            _, events = train_here(self.fresh(f"one {loss_type}"), **options)
            for told, expected in zip(steps, events.of("step"), strict=True):
                for figure in ("loss", "grad_norm"):
                    self.assertAlmostEqual(told[figure], expected[figure], delta=0.01 if loss_type == "orpo" else 0.005, msg=f"{figure} of step {told['step']}")

    def test_a_pair_of_which_one_answer_is_too_long_is_left_out_as_a_whole(self):
        # Add the example of the other answer all the same, and each pair behind it has the answers of two.
        from ..base_models.models import load_tokenizer

        path = self.work / "long.jsonl"
        short = {"prompt": "question", "chosen": "yes", "rejected": "no"}
        path.write_text("\n".join(map(json.dumps, [{**short, "rejected": "word " * 100}, short])))
        data = encode_all(load_tokenizer(model_path()), read_conversations(path), 64, "drop")
        self.assertEqual((len(paired(data.rows)), data.dropped, data.skipped), (1, 1, 0))
        [pair] = paired(data.rows)
        self.assertEqual([side["input_ids"][0] for side in (pair, pair["rejected"])], [pair["input_ids"][0]] * 2)

    def test_rows_of_another_kind_are_refused(self):
        one, both = self.work / "one.jsonl", Path(self.options["data"]["train"])
        one.write_text(json.dumps({"prompt": "question", "completion": "answer"}))
        for training_type, path, told in (("dpo", one, "Row 1 of the training data has one answer"), ("lora", both, "Row 1 of the training data is a pair of answers, and lora learns one")):
            run = read_run_file(write_run_file(self.work, **{**self.options, "training_type": training_type}))
            with self.assertRaisesRegex(BadInput, told):
                require_rows_of(run, read_conversations(path), "training")
