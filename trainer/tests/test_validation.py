import json
import shutil
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

from ..evaluation.held_out import Question
from ..platform.supervision import Commands
from ..runs.checkpoints import write_manifest
from ..runs.hyperparameters import Hyperparameters
from ..tasks import run
from .support import HYPERPARAMETERS, Recorder, Trainings, few_words, model_path, train_here, train_once, write_run_file


@few_words
def validate(work: Path, **changes) -> dict:
    return run(write_run_file(work, task="validate", **changes), Recorder(), Commands())


class Fair(Trainings):
    """Base and tuned are asked in the same way, whatever their files say, and what they had no time for is told."""

    def test_greedy_is_the_likeliest_token_whatever_the_model_s_own_settings(self):
        # Hand generate a config and leave the model its own, and transformers takes from that what is open.
        from peft import LoraConfig, get_peft_model

        from ..base_models.models import load_model, load_tokenizer
        from ..evaluation.generation import generate

        own = self.work / "model"
        shutil.copytree(model_path(), own)
        settings = {"repetition_penalty": 5.0, "no_repeat_ngram_size": 1, "min_new_tokens": 3, "suppress_tokens": list(range(5, 300)), "num_beams": 3}
        file = own / "generation_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **settings, "max_length": 3, "do_sample": True, "temperature": 9.0}))
        tokenizer, hyper = load_tokenizer(model_path()), Hyperparameters(**HYPERPARAMETERS)
        prompts = ["question 1", "answer"]
        expected = generate(load_model(model_path()).eval(), tokenizer, prompts, 12, hyper)
        model = load_model(own).eval()
        self.assertEqual(model.generation_config.repetition_penalty, 5.0)
        self.assertEqual(generate(model, tokenizer, prompts, 12, hyper), expected)
        self.assertEqual(model.generation_config.repetition_penalty, 5.0)
        adapted = get_peft_model(model, LoraConfig(target_modules=["q_proj"], task_type="CAUSAL_LM")).eval()
        self.assertEqual(generate(adapted, tokenizer, prompts, 12, hyper), expected)

    def test_both_have_the_same_room_and_what_was_cut_off_is_counted(self):
        # Cut at the longest expected answer and a little, and a base that explains itself never comes to its answer.
        hyperparameters = {**HYPERPARAMETERS, "learning_rate": 0.02, "epochs": 10}
        changes = {"hyperparameters": hyperparameters, "training_type": "standard", "validation": {"max_rows_per_trait": 3, "max_new_tokens": 60}}
        train_here(self.work, **changes)
        told = validate(self.work, **changes)
        self.assertEqual(told["max_new_tokens"], 60)
        for trait in told["traits"]:
            self.assertEqual((trait["base"]["cut_off"], trait["tuned"]["cut_off"]), (3, 0), told["samples"])
        from ..base_models.models import load_tokenizer

        tokenizer = load_tokenizer(model_path())
        for sample in told["samples"]:
            self.assertGreater(len(tokenizer(sample["base"])["input_ids"]), len(tokenizer(sample["expected"])["input_ids"]) + 20)
        self.assertIn("| 3 → 0 of 3 |", (self.work / "report" / "report.md").read_text())

    def test_of_a_small_model_many_are_asked_at_once_however_short_the_rows_were(self):
        # Go by the rows of the training alone, and each token of each answer costs all weights.
        from ..base_models.models import load_model, load_tokenizer
        from ..evaluation import generation

        model, tokenizer = load_model(model_path()).eval(), load_tokenizer(model_path())
        hyper = Hyperparameters(**{**HYPERPARAMETERS, "batch_size": 1, "max_length": 4})
        own = model.generate
        for little, expected in ((generation.LITTLE_BYTES, [3]), (0, [1, 1, 1])):
            asked = []
            with patch.object(generation, "LITTLE_BYTES", little), patch.object(model, "generate", lambda **batch: asked.append(len(batch["input_ids"])) or own(**batch)):
                generation.generate(model, tokenizer, ["question 1", "question 2", "question 3"], 4, hyper)
            self.assertEqual(asked, expected)

    def test_it_tells_how_far_it_is_and_how_long_the_rest_takes(self):
        # Count what is read while base and tuned are asked alone, and it tells nothing between two answers.
        changes = {"validation": {"max_rows_per_trait": 3, "max_new_tokens": 12}}
        train_here(self.work, **changes)
        recorder = Recorder()
        with patch("trainer.validation.progress._TELL_EVERY_S", 0), few_words:
            run(write_run_file(self.work, task="validate", **changes), recorder, Commands())
        told = recorder.of("compared")
        shares = [event["percent"] for event in told]
        self.assertEqual(shares, sorted(shares))
        self.assertGreater(len({round(share) for share in shares}), 30)
        self.assertLess(shares[0], 5)
        self.assertAlmostEqual(shares[-1], 100)
        self.assertTrue(any(45 < share < 55 for share in shares))
        self.assertEqual((told[-1]["seconds_left"], min(event["seconds_left"] for event in told)), (0, 0))

    def test_answers_have_twice_the_room_of_the_longest_that_is_expected(self):
        # Take MOST_NEW_TOKENS for all, and a base that rambles costs a CPU minutes for answers of one word.
        from ..base_models.models import load_tokenizer
        from ..evaluation.generation import LEAST_NEW_TOKENS, MOST_NEW_TOKENS, enough_tokens

        tokenizer = load_tokenizer(model_path())
        of = lambda tokens: tokenizer.decode([5] * tokens)
        self.assertEqual([enough_tokens(tokenizer, texts) for texts in ([], [of(2), of(1)], [of(3), of(50)], [of(200)])], [LEAST_NEW_TOKENS, LEAST_NEW_TOKENS, 100, MOST_NEW_TOKENS])

    def test_who_thinks_has_room_to_come_to_an_end(self):
        from ..base_models.models import load_tokenizer
        from ..chats.templates import ChatTemplate
        from ..evaluation.generation import MOST_NEW_TOKENS, MOST_NEW_TOKENS_OF_THOUGHTS, most_new_tokens

        tokenizer = load_tokenizer(model_path())
        long = [tokenizer.decode([5] * MOST_NEW_TOKENS)]
        self.assertEqual(most_new_tokens(None, ChatTemplate(tokenizer), tokenizer, long), MOST_NEW_TOKENS)
        tokenizer.chat_template = (Path(__file__).parent / "templates" / "qwen3.jinja").read_text()
        self.assertEqual(most_new_tokens(None, ChatTemplate(tokenizer), tokenizer, ["4"]), MOST_NEW_TOKENS_OF_THOUGHTS)
        self.assertEqual(most_new_tokens(7, ChatTemplate(tokenizer), tokenizer, long), 7)

    def test_a_thought_is_not_what_was_said_and_one_without_an_end_says_nothing(self):
        # Score the whole of it, and the last number of a thought that was cut off is an answer.
        plain, opened = Question([], "<user>4?<assistant>", "4", ""), Question([], "<user>4?<assistant><think>\n", "4", "")
        self.assertEqual(plain.said("<think>2 + 2, or 5</think>\n\n4"), "4")
        self.assertEqual(plain.said("<think>2 + 2, or 5"), "")
        self.assertEqual(opened.said("2 + 2, or 5"), "")
        self.assertEqual(opened.said("2 + 2</think>4"), "4")
        self.assertEqual(plain.said("4, I think"), "4, I think")


class TheTrainedOne(Trainings):
    """What is validated is the model that was trained: not its base, and not another."""

    def trained(self, name: str, **changes) -> Path:
        train_once(self.fresh(name), **changes)
        return self.work / name

    def test_a_model_that_is_its_base_is_no_result(self):
        # Take unchanged out of validation.examine, and who trained nothing has a model all the same.
        for name, changes in {
            "qlora": {},
            "adapter alone": {"hyperparameters": {"merge": False}},
            "standard": {"training_type": "standard"},
        }.items():
            with self.subTest(name):
                changes = {**changes, "hyperparameters": {**HYPERPARAMETERS, "learning_rate": 1e-60, **changes.get("hyperparameters", {})}}
                told = validate(self.trained(name, **changes), **changes)
                self.assertEqual((told["valid"], told["weights_changed"], told["verdict"]), (False, False, None))
                self.assertRegex(told["errors"][0], "^The training changed no weight: .*learning_rate 1e-60 .*Start a new run with a higher learning_rate, or with more steps")
                self.assertIn("NOT USABLE", (self.work / name / "report" / "report.md").read_text())

    def test_an_export_is_held_against_the_last_evaluation(self):
        # Take beyond_margin out of validation.examine, and whatever was exported counts as what was trained.
        changes = {"hyperparameters": {**HYPERPARAMETERS, "learning_rate": 0.01, "eval_steps": 6}}
        for training_type in ("qlora", "standard"):
            with self.subTest(training_type):
                chosen = {**changes, "training_type": training_type}
                work = self.trained(training_type, **chosen)
                told = validate(work, **chosen)
                found = told["against_training"]
                self.assertEqual((told["valid"], told["weights_changed"], found["step"], found["note"]), (True, True, 12, None), told["errors"])
                self.assertEqual([(trait["trait"], trait["rows"]) for trait in found["traits"]], [("a", 3), ("b", 3)])
                for trait in found["traits"]:
                    learnt = trait["in_training"]["base"] - trait["in_training"]["tuned"]
                    self.assertGreater(learnt, 2 * trait["margin"])
                    self.assertLess(abs(trait["difference"]), trait["margin"] / 3)
                self.assertIn("| loss in training, up to step 12 |", (work / "report" / "report.md").read_text())

                little = {**chosen, "hyperparameters": {**chosen["hyperparameters"], "learning_rate": 1e-4}}
                other = self.trained(f"{training_type} other", **little)
                shutil.copy(other / "output" / "model.safetensors", work / "output" / "model.safetensors")
                (work / "output" / "manifest.json").unlink()
                write_manifest(work / "output", {})
                told = validate(work, **chosen)
                self.assertEqual((told["valid"], told["loading"]["valid"], told["verdict"]), (False, True, None))
                self.assertRegex(told["errors"][0], r"^The exported model is not the one that was trained: on 3 rows of a its loss is \d\.\d{3} .*Start the run again")

    def test_of_an_early_end_the_best_is_compared(self):
        changes = {"hyperparameters": {**HYPERPARAMETERS, "learning_rate": 0.05, "epochs": 5, "eval_steps": 2, "early_stopping_patience": 1, "save_steps": 1}}
        work = self.fresh("early")
        result, _ = train_here(work, **changes)
        told = validate(work, **changes)
        self.assertTrue(result["stopped_early"])
        self.assertEqual((told["against_training"]["step"], told["against_training"]["note"]), (result["exported_step"], None))
        self.assertTrue(told["valid"], told["errors"])

    def test_what_cannot_be_compared_says_why(self):
        never = {"hyperparameters": {**HYPERPARAMETERS, "eval_steps": 0}}
        self.assertIn("eval_steps: 0", validate(self.trained("never", **never), **never)["against_training"]["note"])
        work = self.trained("others")
        shutil.rmtree(work / "evaluations")
        told = validate(work)
        self.assertIn("did not measure the step that was exported", told["against_training"]["note"])
        self.assertIn("They were not compared.", (work / "report" / "report.md").read_text())
        work = self.trained("odd")
        notes = work / "evaluations" / "e1.jsonl"
        notes.write_text("".join(f"{json.dumps(no_number(json.loads(line)))}\n" for line in notes.read_text().splitlines()))
        self.assertIn("was no number", validate(work)["against_training"]["note"])
        other = work / "held_out.jsonl"
        other.write_text(json.dumps({"prompt": "something else", "completion": "yes", "trait": "a"}))
        work = self.trained("elsewhere")
        told = validate(work, data={"train": str(other), "held_out": str(other)})
        self.assertEqual((told["valid"], told["against_training"]["note"]), (True, "The training measured other rows, or wrote them as other tokens."))


def no_number(line: dict) -> dict:
    return {**line, "losses": {trait: [[float("nan"), tokens] for _, tokens in rows] for trait, rows in line["losses"].items()}} if "losses" in line else line


class Rounded(unittest.TestCase):
    def test_what_was_learnt_in_small_steps_is_not_rounded_away(self):
        # Round to the nearest, and every weight that moved by less than half a step of its type is that of the base again.
        import torch

        from ..outputs.rounding import rounded

        for dtype in (torch.bfloat16, torch.float16):
            # The small ones are below 2**-14: there, numbers of float16 are as far apart as at it.
            for size in (1.0, 1e-5):
                with self.subTest(dtype=dtype, size=size):
                    base = (size * torch.randn(512, 512, generator=torch.Generator().manual_seed(1))).to(dtype).float()
                    moved = base * (1 + torch.finfo(dtype).eps / 10)  # A fifth of a step, or less.
                    self.assertTrue(torch.equal(moved.to(dtype).float(), base))
                    kept = rounded(moved, dtype, "a", 1)
                    self.assertEqual(kept.dtype, dtype)
                    change = ((kept.float().abs() - base.abs()).sum() / (moved.abs() - base.abs()).sum()).item()
                    self.assertAlmostEqual(change, 1.0, delta=0.1)
                    step = torch.finfo(dtype).eps * base.abs().clamp(min=torch.finfo(dtype).smallest_normal)
                    self.assertTrue(((kept.float() - moved).abs() <= step).all())
                    self.assertTrue(torch.equal(kept, rounded(moved, dtype, "a", 1)))
                    self.assertFalse(torch.equal(kept, rounded(moved, dtype, "b", 1)))
                    # What did not move stays, and what is no number is none.
                    self.assertTrue(torch.equal(rounded(base, dtype, "a", 1).float(), base))
            odd = torch.tensor([float("inf"), float("-inf"), float("nan"), 0.0, -0.0])
            self.assertEqual(str(rounded(odd, dtype, "a", 1)), str(odd.to(dtype)))
        self.assertEqual(rounded(base, torch.float32, "a", 1).dtype, torch.float32)

    def test_what_an_adapter_adds_and_16_bits_lose_is_no_fault_of_the_export(self):
        # Let lost_in_16_bits give nothing, and a merged model that is better than its training could see is refused.
        from safetensors.torch import load_file, save_file

        from ..base_models.models import computes_in_bf16, load_model

        if not computes_in_bf16():
            self.skipTest("This machine does not compute in bf16, so nothing is lost.")
        with tempfile.TemporaryDirectory() as directory:
            work, base = Path(directory), Path(directory) / "base"
            shutil.copytree(model_path(), base)
            load_model(model_path()).bfloat16().save_pretrained(base)
            steps = {"learning_rate": 5e-4, "epochs": 1, "eval_steps": 6, "max_steps": 6, "lora_dropout": 0.0}
            changes = {"model": {"name": "tiny/bf16", "path": str(base)}, "training_type": "lora", "hyperparameters": {**HYPERPARAMETERS, **steps}}
            train_here(work, **changes)
            # A model of 512 tokens learns less in such steps than the least that is allowed for; SmolLM2 learns ten times as much (docs/validation.md).
            with patch("trainer.validation.exported.LEAST", 1e-5), patch("trainer.validation.exported.PART_OF_LEARNT", 0.0):
                told = validate(work, **changes)
                self.assertTrue(told["valid"], told["errors"])
                self.assertTrue(any(abs(trait["difference"]) > 1e-4 for trait in told["against_training"]["traits"]), told)
                # One that has its adapter twice is better still, after so few steps, and not what was trained.
                file = work / "output" / "model.safetensors"
                before, after = load_file(base / "model.safetensors"), load_file(file)
                save_file({name: 2 * tensor - before[name] for name, tensor in after.items()}, file, {"format": "pt"})
                (work / "output" / "manifest.json").unlink()
                write_manifest(work / "output", {})
                self.assertRegex(str(validate(work, **changes)["errors"]), "The exported model is not the one that was trained")

    def test_an_export_has_what_was_trained(self):
        # Let transformers cast (export._write), and it is to the nearest.
        from ..base_models.models import load_model

        with tempfile.TemporaryDirectory() as directory:
            work, base = Path(directory), Path(directory) / "base"
            shutil.copytree(model_path(), base)
            load_model(model_path()).bfloat16().save_pretrained(base)
            steps = {"learning_rate": 2e-6, "epochs": 4, "eval_steps": 24}
            changes = {"model": {"name": "tiny/bf16", "path": str(base)}, "training_type": "standard", "hyperparameters": {**HYPERPARAMETERS, **steps}}
            train_here(work, **changes)
            found = validate(work, **changes)["against_training"]
            for trait in found["traits"]:
                learnt = trait["in_training"]["base"] - trait["in_training"]["tuned"]
                self.assertLess(abs(trait["difference"]), learnt / 5, trait)
