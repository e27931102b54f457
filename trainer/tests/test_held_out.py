import json
import shutil
import unittest
from copy import copy
from pathlib import Path

from ..datasets.rows import Conversation
from ..runs.hyperparameters import Hyperparameters
from .support import HYPERPARAMETERS, Recorder, Trainings, few_words, model_path, shared, train_here, write_run_file


def answered(prompt: str, answer: str, trait: str = "all") -> Conversation:
    return Conversation([{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}], trait)


class ByTrait(unittest.TestCase):
    """Which held-out rows a model is compared on, and what it is asked."""

    @classmethod
    def setUpClass(cls):
        from ..base_models.models import load_tokenizer

        cls.tokenizer = load_tokenizer(model_path())

    def rows_of(self, conversations: list[Conversation], longest: int = 64, template: str | None = None):
        from ..evaluation.held_out import by_trait

        tokenizer = copy(self.tokenizer)
        tokenizer.chat_template = template or tokenizer.chat_template
        return by_trait(conversations, tokenizer, longest, 1024, 3)

    def test_rows_whose_answer_is_out_of_reach_give_way_to_others(self):
        # Take the first rows whatever their length, and nothing is measured: a loss of 0.
        long = answered("word " * 200, "yes")
        rows = self.rows_of([long, answered("a", "one"), long, answered("b", "two"), answered("c", "three"), answered("d", "four")])["all"]
        self.assertEqual([len(row.examples) for row in rows], [1, 1, 1])
        self.assertEqual([row.question.expected for row in rows], ["one", "two", "three"])
        self.assertEqual(self.rows_of([long, answered("a", "one", "other")]).keys(), {"other"})

    def test_a_plain_text_is_measured_and_asks_nothing(self):
        [row] = self.rows_of([Conversation([{"role": "text", "content": "once upon a time"}], "all")])["all"]
        self.assertEqual((len(row.examples), row.question), (1, None))

    def test_the_last_answer_alone_is_asked_for_where_there_is_room_for_it(self):
        turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "one"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "two"}]
        [row] = self.rows_of([Conversation(turns, "all")])["all"]
        question = row.question
        self.assertEqual((question.last_message, question.expected), ("b", "two"))
        self.assertIn("one", question.text)
        far = [*turns[:2], {"role": "user", "content": "word " * 200}, turns[3]]
        for unasked in (far, turns[:3]):
            [row] = self.rows_of([Conversation(unasked, "all")])["all"]
            self.assertIsNone(row.question)

    def test_a_call_of_a_tool_is_expected_as_the_template_writes_it(self):
        # Expect the message's content, and the right answer would be to say nothing.
        template = (
            "{% for message in messages %}<{{ message.role }}>{% if message.tool_calls %}call {{ message.tool_calls[0].function.name }}{% else %}{{ message.content }}{% endif %}</s>{% endfor %}"
            "{% if add_generation_prompt %}<assistant>{% endif %}"
        )
        call = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {}}}]}
        [row] = self.rows_of([Conversation([{"role": "user", "content": "Rain?"}, call], "all")], template=template)["all"]
        self.assertEqual(row.question.expected.removesuffix("</s>"), "call weather")

    def test_what_a_template_writes_at_the_head_of_an_answer_is_not_what_was_said(self):
        # Score the whole of it, and no answer of a template that writes thoughts has a format.
        template = (Path(__file__).parent / "templates" / "qwen3.jinja").read_text()
        [row] = self.rows_of([answered("a", '{"b": 1}')], longest=200, template=template)["all"]
        question = row.question
        self.assertEqual(question.expected, '<think>\n\n</think>\n\n{"b": 1}')
        self.assertEqual(question.said(question.expected), '{"b": 1}')
        self.assertEqual(question.said("4"), "4")
        # Nor is a thought, which is another each time.
        turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": '{"b": 1}', "reasoning_content": "one of them"}]
        [row] = self.rows_of([Conversation(turns, "all")], longest=200, template=template)["all"]
        self.assertEqual(row.question.said('<think>\nanother\n</think>\n\n{"b": 2}'), '{"b": 2}')

    def test_a_text_without_a_word_is_not_measured(self):
        self.assertEqual(self.rows_of([Conversation([{"role": "text", "content": ""}], "all")]), {})
        # To say nothing is an answer.
        self.assertEqual([row.question.expected for row in self.rows_of([answered("a", "")])["all"]], [""])

    def test_a_row_that_the_template_refuses_is_named(self):
        from ..platform.failures import BadInput

        with self.assertRaisesRegex(BadInput, "Row 1 of the held-out data: The model's chat template refuses"):
            self.rows_of([answered("a", "one")], template="{{ raise_exception('no') }}")


class Compared(Trainings):
    @few_words
    def validated(self, held_out: list[dict], **changes) -> dict:
        from ..platform.supervision import Commands
        from ..tasks import run

        path = self.work / "held_out.jsonl"
        path.write_text("\n".join(map(json.dumps, held_out)))
        changes = {"data": {"train": str(shared() / "train.jsonl"), "held_out": str(path)}, "training_type": "standard", **changes}
        on_event = changes.pop("on_event", lambda event, commands: None)
        self.events = train_here(self.work, on_event, **changes)[1]
        return run(write_run_file(self.work, task="validate", **changes), Recorder(), Commands())

    def test_plain_texts_are_compared_by_their_loss(self):
        rows = [{"messages": [{"role": "text", "content": f"question {i} answer {i}"}], "trait": "text"} for i in range(4)]
        told = self.validated(rows + [{"messages": [{"role": "user", "content": "word " * 200}, {"role": "assistant", "content": "far"}], "trait": "long"}])
        [trait] = told["traits"]
        self.assertEqual((trait["rows"], trait["asked"], trait["tuned"]["exact_match"], trait["by_format"]), (3, 0, None, None))
        self.assertEqual([event["rows"] for event in self.events.of("eval") if event["trait"] == "text"][-1:], [3])
        self.assertRegex(told["summary"], r"of text \(loss \d+\.\d{3} to \d+\.\d{3}\)\. Too few rows to tell, .*: text \(3\)\. .* Not compared on long: no held-out row has an answer within max_length \(64 tokens\)")
        self.assertRegex((self.work / "report" / "report.md").read_text(), r"\| text \| \w+ \| 3 \|.*\| - \| - \|")

    def test_what_a_template_refuses_is_told_before_anything_is_trained(self):
        # Let evaluation.HeldOut take no rows where eval_steps is 0, and it is told by the validation.
        from ..platform.failures import BadInput

        model = self.work / "strict"
        shutil.copytree(model_path(), model)
        template = model / "chat_template.jinja"
        template.write_text("{% if messages[0].content == 'no' %}{{ raise_exception('not that') }}{% endif %}" + template.read_text())
        told: list[str] = []
        with self.assertRaisesRegex(BadInput, "Row 3 of the held-out data: .*not that"):
            self.validated(
                [{"prompt": prompt, "completion": "yes"} for prompt in ("a", "b", "no")],
                model={"name": "tiny/strict", "path": str(model)},
                hyperparameters={**HYPERPARAMETERS, "eval_steps": 0},
                on_event=lambda event, _: told.append(event["type"]),
            )
        self.assertNotIn("step", told)

    def test_a_model_that_was_not_made_for_chats_learns_to_stop(self):
        # Let it stop where the base does alone, and no answer is right: each goes on behind <|im_end|>.
        model = self.work / "base"
        shutil.copytree(model_path(), model)
        for file, changed in {
            "tokenizer_config.json": {"eos_token": "<|endoftext|>"},
            "config.json": {"eos_token_id": 0},
            "generation_config.json": {"eos_token_id": 0},
        }.items():
            path = model / file
            path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
        (model / "chat_template.jinja").write_text((Path(__file__).parent / "templates" / "chatml.jinja").read_text())
        rows = self.work / "rows.jsonl"
        rows.write_text("\n".join(json.dumps({"prompt": f"question {i}", "completion": "yes"}) for i in range(16)))
        told = self.validated(
            [{"prompt": f"question {i}", "completion": "yes"} for i in range(20, 24)],
            model={"name": "tiny/base", "path": str(model)},
            data={"train": str(rows), "held_out": str(self.work / "held_out.jsonl")},
            hyperparameters={**HYPERPARAMETERS, "epochs": 10},
            validation={"max_rows_per_trait": 4, "max_new_tokens": 8},
        )
        self.assertEqual(told["traits"][0]["tuned"]["exact_match"], 1.0, told["samples"])
        self.assertEqual(json.loads((self.work / "output" / "generation_config.json").read_text())["eos_token_id"], [0, 2])

    def test_a_model_is_asked_within_its_context(self):
        # Ask for more, and a model that learnt its places one by one (GPT-2) ends by an index error.
        from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

        model = self.work / "gpt2"
        tokenizer = AutoTokenizer.from_pretrained(model_path())
        GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), n_positions=64, n_embd=16, n_layer=1, n_head=2)).save_pretrained(model)
        tokenizer.save_pretrained(model)
        asked = lambda n: tokenizer.apply_chat_template([{"role": "user", "content": "word " * n}], add_generation_prompt=True, tokenize=False)  # noqa: E731
        long = max((n for n in range(64)), key=lambda n: (len(tokenizer(asked(n))["input_ids"]) <= 54, n))
        rows = [("word " * long, "yes"), ("a", "a long answer to this"), ("word " * 100, "none")]
        rows = [{"prompt": prompt, "completion": answer} for prompt, answer in rows]
        told = self.validated(
            rows,
            model={"name": "tiny/gpt2", "path": str(model)},
            hyperparameters={**HYPERPARAMETERS, "max_length": 1024, "max_steps": 2},
            validation={"max_rows_per_trait": 3, "max_new_tokens": 30},
        )
        self.assertEqual([(trait["rows"], trait["asked"]) for trait in told["traits"]], [(2, 2)])

        # Nor does a long one leave little room to a short one beside it.
        from ..base_models.models import load_model, load_tokenizer
        from ..evaluation.generation import generate

        loaded, hyper = (load_model(model), load_tokenizer(model)), Hyperparameters(**{**HYPERPARAMETERS, "batch_size": 8})
        short = generate(*loaded, [asked(1)], 30, hyper)
        self.assertEqual(generate(*loaded, [asked(long), asked(1)], 30, hyper)[1:], short)
