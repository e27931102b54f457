import unittest
from copy import copy
from itertools import groupby

from ..base_models.models import load_tokenizer
from ..chats.answers import seen
from ..chats.forms import Choices
from ..chats.rendering import DEFAULT_TEMPLATE
from ..chats.templates import ChatTemplate
from ..datasets.rows import conversation_of
from ..row_tokens import tokens_of
from ..template_facts import facts_of
from ..tokens import tokens
from ..tokens.encoding import IGNORED, encode
from . import packages
from .support import model_path

CHAT = [
    {"role": "user", "content": "Où est 日本? 😀"},
    {"role": "assistant", "content": "Here.", "weight": 0},
    {"role": "user", "content": "Sure?"},
    {"role": "assistant", "content": "Tout à fait 😀."},
]


class RowTokens(unittest.TestCase):
    """A row's tokens as people look at them."""

    @classmethod
    def setUpClass(cls):
        cls.template = ChatTemplate(load_tokenizer(model_path()))

    def tokens(self, messages: list[dict], max_length: int = 4096, too_long: str = "truncate", **kwargs) -> dict:
        return tokens_of(self.template, {"messages": messages}, max_length, too_long, Choices(), **kwargs)

    def parts(self, tokens: list[dict]) -> list[tuple[bool, str]]:
        return [(learnt, "".join(token["text"] for token in group)) for learnt, group in groupby(tokens, lambda token: token["learnt"])]

    def test_their_texts_are_the_text_that_is_learnt_from_and_what_is_learnt_of_it_is_seen(self):
        found = self.tokens(CHAT)
        [text], _ = seen(self.template, conversation_of({"messages": CHAT}, 1).messages, None, Choices())
        self.assertEqual("".join(token["text"] for token in found["tokens"]), text.text)
        learnt = [part for is_learnt, part in self.parts(found["tokens"]) if is_learnt]
        self.assertEqual(learnt, ["Tout à fait 😀.<|im_end|>\n"])
        self.assertEqual({(token["learnt"], token["weight"]) for token in found["tokens"]}, {(True, 1), (False, 0)})
        special = [token["text"] for token in found["tokens"] if token["special"]]
        self.assertEqual(special, ["<|im_start|>", "<|im_end|>"] * 4)

    def test_they_are_those_that_training_sees(self):
        for max_length in (4096, 60):
            [example] = encode(self.template.tokenizer, conversation_of({"messages": CHAT}, 1), max_length).examples or [None]
            found = [token for token in self.tokens(CHAT, max_length)["tokens"] if not token["cut_off"]]
            if example is None:
                self.assertFalse(any(token["learnt"] for token in found))
                continue
            self.assertEqual([token["id"] for token in found], example.ids)
            self.assertEqual([token["learnt"] for token in found], [label != IGNORED for label in example.labels])

    def test_what_is_beyond_max_length_is_shown_as_cut_off_and_is_not_learnt(self):
        whole = len(self.tokens(CHAT)["tokens"])
        found = self.tokens(CHAT, whole - 10)
        self.assertEqual([token["cut_off"] for token in found["tokens"]], [False] * (whole - 10) + [True] * 10)
        self.assertFalse(any(token["learnt"] and token["cut_off"] for token in found["tokens"]))
        learnt = sum(token["learnt"] for token in found["tokens"])
        self.assertEqual(found["examples"], [{"tokens": whole, "cut_off": 10, "learnt": learnt}])
        dropped = self.tokens(CHAT, whole - 10, "drop")
        self.assertEqual((dropped["dropped"], dropped["examples"]), (True, [{"tokens": whole, "cut_off": whole, "learnt": 0}]))

    def test_a_row_that_is_split_is_shown_in_its_parts(self):
        text = [{"role": "text", "content": "Ein Satz, der lang genug ist, um in Teile zu zerfallen: 😀 und noch mehr."}]
        found = self.tokens(text, 16, "split")
        self.assertGreater(len(found["examples"]), 2)
        self.assertEqual([token["example"] for token in found["tokens"]], sorted(token["example"] for token in found["tokens"]))
        self.assertEqual("".join(token["text"] for token in found["tokens"]), text[0]["content"] + "<|im_end|>")
        firsts = [example != before for before, example in zip([None, *(token["example"] for token in found["tokens"])], (token["example"] for token in found["tokens"]))]
        self.assertEqual([token["learnt"] for token in found["tokens"]], [not first for first in firsts])
        turns = [{key: message[key] for key in ("role", "content")} for message in CHAT]
        self.assertEqual([part for learnt, part in self.parts(self.tokens(turns, 50, "split")["tokens"]) if learnt], ["Here.<|im_end|>\n", "Tout à fait 😀.<|im_end|>\n"])

    def test_a_part_of_them_can_be_asked_for(self):
        tokens = self.tokens(CHAT)["tokens"]
        self.assertEqual(self.tokens(CHAT, shown=slice(5, 9))["tokens"], tokens[5:9])

    def test_a_row_that_the_template_refuses_says_why(self):
        called = {"function": {"name": "weather", "arguments": "{}"}}
        found = self.tokens([CHAT[0], {"role": "assistant", "content": "", "tool_calls": [called]}])
        self.assertRegex(found["problem"], "cannot show calls of tools: that of weather")


class Beginnings(unittest.TestCase):
    """An answer begins with a token of its own."""

    def tokens(self, tokenizer, text: str, *answers: str) -> list[str]:
        found = tokens.tokens_of(tokenizer, text, [text.index(answer) for answer in answers])
        self.assertEqual(len(found.ids), len(found.offsets))
        return tokenizer.convert_ids_to_tokens(found.ids)

    def test_where_a_token_would_stand_for_the_end_of_what_asks_and_for_the_answer(self):
        # Make the tokens of the whole, and what the model is to say behind the line end with which it is asked is never learnt.
        text = "<think>\n\n</think>\n\nYes."
        self.assertEqual(self.tokens(packages.smollm2(), text)[:3], ["<think>", "ĊĊ", "</think>"])
        self.assertEqual(self.tokens(packages.smollm2(), text, "\n</think>")[:4], ["<think>", "Ċ", "Ċ", "</think>"])
        self.assertEqual(self.tokens(packages.smollm2(), "Bob: Yes.", "Yes")[-3:], ["Ġ", "Yes", "."])

    def test_where_line_ends_are_divided_by_what_follows(self):
        self.assertEqual(self.tokens(packages.smollm2(), "Bob\n\nYes")[-3:], ["Ċ", "Ċ", "Yes"])
        self.assertEqual(self.tokens(packages.smollm2(), "Bob\n\nYes", "Yes")[-2:], ["ĊĊ", "Yes"])

    def test_without_the_blank_that_a_text_begins_with(self):
        self.assertEqual(self.tokens(packages.llama2(), "Bob: Yes", "Yes")[-3:], [":", "▁", "Yes"])
        self.assertEqual(self.tokens(packages.llama2(), "Bob: Yes, Bob: No", "Yes", "No")[-8:], [":", "▁", "Yes", ",", "▁Bob", ":", "▁", "No"])

    def test_and_nothing_is_changed_where_one_does(self):
        for text, answer in (("<|im_start|>assistant\nYes", "Yes"), ("Bob: Yes", " Yes")):
            self.assertEqual(self.tokens(packages.llama2(), text, answer), self.tokens(packages.llama2(), text))
            self.assertEqual(self.tokens(packages.smollm2(), text, answer), self.tokens(packages.smollm2(), text))


class TemplateFacts(unittest.TestCase):
    """What templates of real models can show."""

    def facts(self, name: str) -> dict:
        return facts_of(ChatTemplate(packages.with_template(packages.templates()[name])))

    def test_say_what_is_shown_and_what_ends_answers(self):
        self.assertEqual(
            self.facts("trl/qwen3"),
            {"problem": None, "system": "shown", "tools": True, "tool_calls": True, "thoughts": "shown", "empty_thought": True,
             "all_answers_at_once": False, "writes_today": False, "ends": ["<|im_end|>"]},
        )
        self.assertEqual(
            self.facts("gemma2:2b"),
            {"problem": None, "system": "in_question", "tools": False, "tool_calls": False, "thoughts": "in_text", "empty_thought": False,
             "all_answers_at_once": True, "writes_today": False, "ends": ["<end_of_turn>"]},
        )
        self.assertEqual(self.facts("trl/glm4moe")["ends"], ["<|user|>", "<|observation|>"])
        self.assertEqual(self.facts("deepseek-v3.1:latest")["thoughts"], "switched")
        self.assertTrue(self.facts("trl/llama3_2")["writes_today"])

    def test_of_one_that_takes_no_chats_say_so(self):
        facts = self.facts("llama-guard3:1b")
        self.assertEqual(list(facts), ["problem"])
        self.assertIn("no template for chats", facts["problem"])

    def test_a_model_without_a_template_ends_by_the_end_of_a_text(self):
        tokenizer = copy(load_tokenizer(model_path()))
        tokenizer.chat_template = DEFAULT_TEMPLATE
        self.assertEqual(facts_of(ChatTemplate(tokenizer))["ends"], [tokenizer.eos_token])


if __name__ == "__main__":
    unittest.main()
