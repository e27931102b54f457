import re
import unittest
from copy import copy, deepcopy
from pathlib import Path

from ..base_models.models import load_tokenizer
from ..chats.forms import NOTES, UNANSWERED, Choices
from ..chats.rendering import DEFAULT_TEMPLATE
from ..chats.templates import ChatTemplate
from ..datasets.rows import Conversation
from ..platform.failures import BadInput
from ..tokens.all_rows import encode_all
from ..tokens.encoding import IGNORED, encode
from .support import model_path

TEMPLATES = Path(__file__).parent / "templates"
CHAT = [("system", "be brief"), ("user", "a"), ("assistant", "one"), ("user", "b"), ("assistant", "two")]


def says(*turns: tuple[str, str]) -> list[dict]:
    return [{"role": role, "content": content} for role, content in turns]


class Encoding(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tokenizer = load_tokenizer(model_path())

    def with_template(self, name: str):
        """With the special tokens that the template writes, as the tokenizer of its model has them."""
        template = (TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8").strip()
        tokenizer = deepcopy(self.tokenizer)
        tokenizer.add_special_tokens({"additional_special_tokens": re.findall(r"<\|\w+\|>|</?s>|<\w+_of_turn>|\[/?INST\]", template)})
        tokenizer.chat_template = template
        return tokenizer

    def seen(self, tokenizer, messages: list[dict], tools: list[dict] | None = None, max_length: int = 4096, too_long: str = "truncate") -> list[str]:
        """The text of each example, with what is learnt in angle quotes."""
        encoded = encode(tokenizer, Conversation(messages, "all", tools), max_length, too_long)
        return [self.marked(tokenizer, example) for example in encoded.examples]

    def marked(self, tokenizer, example) -> str:
        parts: list[tuple[bool, list[int]]] = []
        for token, label in zip(example.ids, example.labels, strict=True):
            self.assertIn(label, (token, IGNORED))
            if not parts or parts[-1][0] != (label != IGNORED):
                parts.append((label != IGNORED, []))
            parts[-1][1].append(token)
        return "".join(f"«{tokenizer.decode(ids)}»" if learnt else tokenizer.decode(ids) for learnt, ids in parts)


class Templates(Encoding):
    """The loss is on the answers, and on all of them, whatever the template does with the rest. Written by hand."""

    def test_chatml(self):
        self.assertEqual(
            self.seen(self.with_template("chatml"), says(*CHAT)),
            ["<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n«one<|im_end|>\n»"
             "<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n«two<|im_end|>\n»"],
        )

    def test_none_is_chatml_with_the_end_of_a_text_in_place_of_a_token_that_it_may_not_have(self):
        tokenizer = load_tokenizer(model_path())
        tokenizer.chat_template, tokenizer.eos_token = DEFAULT_TEMPLATE, "<|endoftext|>"
        self.assertEqual(
            self.seen(tokenizer, says(*CHAT[1:3])),
            ["<|im_start|>user\na<|endoftext|>\n<|im_start|>assistant\n«one<|endoftext|>\n»"],
        )
        self.assertEqual(tokenizer.convert_ids_to_tokens(ChatTemplate(tokenizer).ends()), ["<|endoftext|>"])

    def test_llama_3(self):
        self.assertEqual(
            self.seen(self.with_template("llama3"), says(*CHAT[:4], ("assistant", " two "))),
            ["<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nbe brief<|eot_id|>"
             "<|start_header_id|>user<|end_header_id|>\n\na<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n«one<|eot_id|>»"
             "<|start_header_id|>user<|end_header_id|>\n\nb<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n«two<|eot_id|>»"],
        )

    def test_mistral_moves_the_system_prompt_so_each_answer_is_shown_as_it_is_asked_for(self):
        mistral = self.with_template("mistral")
        self.assertEqual(self.seen(mistral, says(*CHAT[1:])), ["<s>[INST] a[/INST]« one</s>»[INST] b[/INST]« two</s>»"])
        self.assertEqual(
            self.seen(mistral, says(*CHAT)),
            ["<s>[INST] be brief\n\na[/INST]« one</s>»", "<s>[INST] a[/INST] one</s>[INST] be brief\n\nb[/INST]« two</s>»"],
        )

    def test_gemma_knows_no_system_prompt_so_the_first_question_has_it(self):
        self.assertEqual(
            self.seen(self.with_template("gemma"), says(*CHAT)),
            ["<bos><start_of_turn>user\nbe brief\n\na<end_of_turn>\n<start_of_turn>model\n«one<end_of_turn>\n»"
             "<start_of_turn>user\nb<end_of_turn>\n<start_of_turn>model\n«two<end_of_turn>\n»"],
        )

    def test_phi_3_ends_the_text_behind_the_last_turn_alone(self):
        self.assertEqual(
            self.seen(self.with_template("phi3"), says(*CHAT)),
            ["<|system|>\nbe brief<|end|>\n<|user|>\na<|end|>\n<|assistant|>\n«one<|end|>»\n"
             "<|user|>\nb<|end|>\n<|assistant|>\n«two<|end|>\n<|im_end|>»"],
        )

    def test_qwen_2_5_has_a_system_prompt_of_its_own(self):
        self.assertEqual(
            self.seen(self.with_template("qwen2.5"), says(*CHAT[1:3])),
            ["<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n«one<|im_end|>\n»"],
        )

    def test_qwen_2_5_calls_tools(self):
        call = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
        messages = [
            *says(("system", "s"), ("user", "hot?")),
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "30"},
            {"role": "assistant", "content": "yes"},
        ]
        self.assertEqual(
            self.seen(self.with_template("qwen2.5"), messages, tools=[{"name": "weather"}]),
            ['<|im_start|>system\ns\n\n# Tools\n<tools>\n{"name": "weather"}\n</tools><|im_end|>\n<|im_start|>user\nhot?<|im_end|>\n<|im_start|>assistant\n'
             '«<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call><|im_end|>\n»'
             "<|im_start|>user\n<tool_response>\n30\n</tool_response><|im_end|>\n<|im_start|>assistant\n«yes<|im_end|>\n»"],
        )

    def test_qwen_3_forgets_what_it_thought_so_each_answer_is_shown_with_its_own(self):
        messages = says(*CHAT[1:])
        messages[1]["reasoning_content"], messages[3]["reasoning_content"] = "first", "then"
        self.assertEqual(
            self.seen(self.with_template("qwen3"), messages),
            ["<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n«<think>\nfirst\n</think>\n\none<|im_end|>\n»",
             "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\none<|im_end|>\n<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n"
             "«<think>\nthen\n</think>\n\ntwo<|im_end|>\n»"],
        )

    def test_a_plain_text_is_learnt_as_a_whole_with_its_end(self):
        self.assertEqual(self.seen(self.tokenizer, says(("text", "once upon"))), [f"«once upon{self.tokenizer.eos_token}»"])

    def test_a_conversation_that_a_template_refuses_is_named_with_its_row(self):
        good, bad = says(("user", "a"), ("assistant", "b")), says(("user", "a"), ("user", "b"), ("assistant", "c"))
        with self.assertRaisesRegex(BadInput, "Row 2 of the training data: The model's chat template refuses the conversation: .*alternate"):
            encode_all(self.with_template("gemma"), [Conversation(good, "all"), Conversation(bad, "all")], 64, "truncate")
        tokenizer = copy(self.tokenizer)
        tokenizer.chat_template = "{% for m in messages %}{{ m.role + 1 }}{% endfor %}"
        with self.assertRaisesRegex(BadInput, "Row 1 .*refuses"):
            encode_all(tokenizer, [Conversation(good, "all")], 64, "truncate")


class TrainOn(Encoding):
    """What is learnt of a conversation where that is not its answers."""

    def learnt(self, tokenizer, messages: list[dict], train_on: str, max_length: int = 4096, too_long: str = "truncate") -> list[str]:
        encoded = encode(tokenizer, Conversation(messages, "all"), max_length, too_long, Choices(train_on=train_on))
        self.notes = encoded.notes
        return [self.marked(tokenizer, example) for example in encoded.examples]

    def test_the_last_answer(self):
        # Let with_last_alone of messages.py give the messages as they are.
        text = "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\none<|im_end|>\n<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n«two<|im_end|>\n»"
        chatml = self.with_template("chatml")
        self.assertEqual(self.learnt(chatml, says(*CHAT[1:]), "last_answer"), [text])
        unlearnt = says(*CHAT[1:])
        unlearnt[-1]["weight"] = 0
        self.assertEqual(self.learnt(chatml, unlearnt, "last_answer"), [text.replace("«two<|im_end|>\n»", "two<|im_end|>\n").replace("one<|im_end|>\n", "«one<|im_end|>\n»")])

    def test_the_last_answer_of_a_row_that_becomes_several(self):
        # Weigh the parts instead of the whole in encode_uncut, and the last answer of each is learnt.
        messages = says(*CHAT[1:])
        length = len(encode(self.tokenizer, Conversation(messages[2:], "all"), 4096).examples[0].ids)
        [last] = self.learnt(self.tokenizer, messages, "last_answer", length, "split")
        self.assertEqual(last, "<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n«two<|im_end|>\n»")

    def test_everything_whatever_the_weights_say(self):
        messages = says(*CHAT, ("user", "c"))
        messages[2]["weight"] = 0
        [text] = self.learnt(self.with_template("chatml"), messages, "everything")
        self.assertRegex(text, r"^«<\|im_start\|>system\nbe brief[^«»]*one[^«»]*two[^«»]*user\nc<\|im_end\|>\n»$")
        self.assertEqual(self.notes, set())
        self.learnt(self.with_template("chatml"), messages, "answers")
        self.assertEqual(self.notes, {UNANSWERED})
        self.assertIn("nothing is learnt from what stands there", NOTES[UNANSWERED])

    def test_everything_once_where_each_answer_has_a_text_of_its_own(self):
        # Learn all of each text in _with_all_learnt, and the first question is learnt twice, and the first answer without its thought.
        messages = says(*CHAT[1:])
        messages[1]["reasoning_content"], messages[3]["reasoning_content"] = "first", "then"
        self.assertEqual(
            self.learnt(self.with_template("qwen3"), messages, "everything"),
            ["«<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<think>\nfirst\n</think>\n\none<|im_end|>\n»",
             "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\none<|im_end|>\n«<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n"
             "<think>\nthen\n</think>\n\ntwo<|im_end|>\n»"],
        )

    def test_of_a_plain_text_always_all(self):
        for train_on in ("answers", "everything", "last_answer"):
            self.assertEqual(self.learnt(self.tokenizer, says(("text", "once upon")), train_on), [f"«once upon{self.tokenizer.eos_token}»"])


class TooLong(Encoding):
    """Turns of 16 tokens and more; what is shown is what the tiny tokenizer makes of it."""

    def encoded(self, messages: list[dict], max_length: int, too_long: str):
        return encode(self.tokenizer, Conversation(messages, "all"), max_length, too_long)

    def test_truncate_cuts_the_end_and_skips_what_has_no_answer_left(self):
        answer = self.encoded(says(("user", "x"), ("assistant", "y" * 200)), 64, "truncate")
        question = self.encoded(says(("user", "x" * 200), ("assistant", "y")), 64, "truncate")
        self.assertEqual([len(example.ids) for example in answer.examples], [64])
        self.assertEqual((answer.truncated, question.truncated, question.examples), (True, True, []))

    def test_drop_leaves_the_whole_row_out(self):
        encoded = self.encoded(says(("user", "x"), ("assistant", "y" * 200)), 64, "drop")
        self.assertEqual((encoded.examples, encoded.dropped, encoded.truncated), ([], True, False))
        self.assertGreater(encoded.tokens, 200)

    def test_split_keeps_turns_whole_and_the_system_prompt_before_each_part(self):
        def turn(n: int) -> str:
            return f"<|im_start|>user\nq{n}<|im_end|>\n<|im_start|>assistant\n«a{n}<|im_end|>\n»"

        messages = says(("system", "s"), *((role, f"{role[0].replace('u', 'q')}{n}") for n in range(1, 6) for role in ("user", "assistant")))
        whole = self.encoded(messages, 4096, "split")
        two_turns = len(self.encoded(messages[:5], 4096, "split").examples[0].ids)
        self.assertEqual(len(whole.examples), 1)
        head = "<|im_start|>system\ns<|im_end|>\n"
        self.assertEqual(
            self.seen(self.tokenizer, messages, max_length=two_turns, too_long="split"),
            [head + turn(1) + turn(2), head + turn(3) + turn(4), head + turn(5)],
        )
        self.assertFalse(self.encoded(messages, two_turns, "split").truncated)

    def test_split_takes_a_plain_text_in_parts_and_loses_nothing(self):
        [whole] = self.encoded(says(("text", "once upon a time")), 4096, "split").examples
        parts = self.encoded(says(("text", "once upon a time")), 5, "split").examples
        self.assertEqual([token for part in parts for token in part.ids], whole.ids)
        self.assertTrue(all(len(part.ids) <= 5 and part.labels == part.ids for part in parts))

    def test_no_token_stands_alone(self):
        # Divide at every 4th token alone, and the last part is one token, of which nothing is learnt: a step of such parts had NaN as its loss.
        [whole] = self.encoded(says(("text", "once upon a time")), 4096, "split").examples
        length = len(whole.ids) - 1
        parts = self.encoded(says(("text", "once upon a time")), length, "split").examples
        self.assertEqual([len(part.ids) for part in parts], [length - 1, 2])
        self.assertEqual([token for part in parts for token in part.ids], whole.ids)

    def test_no_row_is_trained_on_that_teaches_nothing(self):
        # Count one as an example, and a step of such rows has NaN as its loss. (Whatever processes and batches there are: each example that is left has a token that is learnt.)
        nothing = [says(("text", "")), [*says(("user", "a")), {"role": "assistant", "content": "b", "weight": 0}], says(("user", "x" * 200), ("assistant", "y"))]
        for too_long, skipped, dropped in (("truncate", 3, 0), ("split", 3, 0), ("drop", 2, 1)):
            data = encode_all(self.tokenizer, [Conversation(row, "all", dataset_id=1) for row in nothing], 64, too_long)
            self.assertEqual((data.rows, data.skipped, data.dropped), ([], skipped, dropped), too_long)
        whole = self.encoded(says(("text", "once upon a time there was a road")), 4096, "split").examples[0]
        for max_length in range(2, len(whole.ids) + 2):
            for row in (says(("text", "once upon a time there was a road")), says(*CHAT), says(*CHAT, ("user", "c"), ("assistant", ""))):
                examples = self.encoded(row, max_length, "split").examples
                self.assertTrue(all(any(label != IGNORED for label in example.labels[1:]) for example in examples), (row, max_length))

    def test_a_single_turn_that_is_too_long_is_cut(self):
        encoded = self.encoded(says(("user", "x"), ("assistant", "y" * 200), ("user", "x"), ("assistant", "z")), 64, "split")
        self.assertEqual((len(encoded.examples), encoded.truncated), (2, True))

    def test_all_is_counted(self):
        rows = [Conversation(says(("user", "x"), ("assistant", "y" * 200)), "all", dataset_id=1), Conversation(says(("user", "x" * 200), ("assistant", "y")), "all", dataset_id=2)]
        data = encode_all(self.tokenizer, rows, 64, "truncate")
        self.assertEqual((len(data.rows), data.truncated, data.skipped, data.dropped), (1, 2, 1, 0))
        self.assertEqual((data.tokens[1], data.tokens[2]), (64, 0))
        data = encode_all(self.tokenizer, rows, 64, "drop")
        self.assertEqual((len(data.rows), data.truncated, data.skipped, data.dropped), (0, 0, 0, 2))
