import unittest
from copy import copy
from unittest import mock

from ..base_models.models import load_tokenizer
from ..chats import answers, rendering
from ..chats.forms import AS_JSON, DROPPED, EMPTY_THOUGHT, INLINE, TOOLS_LEFT_OUT, UNANSWERED, Choices
from ..chats.templates import ChatTemplate
from ..datasets.rows import Conversation
from ..platform.failures import BadInput
from ..tokens.all_rows import encode_all
from ..tokens.encoding import IGNORED, encode
from .support import model_path

CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
# Opens a thought where it asks, and cuts off what was thought where it shows an answer, also the last one.
THINKING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content.split('</think>')[-1].lstrip('\\n') }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
# Writes nothing behind an answer.
MARKED_BY_THE_NEXT = "{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant {% endif %}"
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {}}}


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def assistant(text: str, **more) -> dict:
    return {"role": "assistant", "content": text, **more}


def call(text: str = "") -> dict:
    return assistant(text, tool_calls=[{"type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}])


class Shown(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tokenizer = load_tokenizer(model_path())

    def with_template(self, template: str):
        tokenizer = copy(self.tokenizer)
        tokenizer.chat_template = template
        return tokenizer

    def encoded(self, template: str, messages: list[dict], tools: list[dict] | None = None, **choices):
        return encode(self.with_template(template), Conversation(messages, "all", tools), 4096, choices=Choices(**choices))

    def seen(self, template: str, messages: list[dict], tools: list[dict] | None = None, **choices) -> list[str]:
        """The text of each example, with what is learnt in angle quotes."""
        texts = []
        for example in self.encoded(template, messages, tools, **choices).examples:
            text, was_learnt = "", False
            for token, label in zip(example.ids, example.labels):
                if (label != IGNORED) != was_learnt:
                    text += "»" if was_learnt else "«"
                    was_learnt = not was_learnt
                text += self.tokenizer.decode([token])
            texts.append(text + ("»" if was_learnt else ""))
        return texts


class Answers(Shown):
    """Where answers begin and end."""

    def test_a_prompt_that_opens_a_thought_is_gone_on_from(self):
        thought = assistant("one", reasoning_content="hm")
        self.assertEqual(self.seen(THINKING, [user("a"), thought]), ["<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<think>\n«hm\n</think>\n\none<|im_end|>\n»"])
        inline = assistant("<think>\nhm\n</think>\n\none")
        self.assertEqual(self.seen(THINKING, [user("a"), inline]), self.seen(THINKING, [user("a"), thought]))

    def test_where_nothing_was_thought_an_empty_thought_is_learnt_and_told(self):
        encoded = self.encoded(THINKING, [user("a"), assistant("one")])
        self.assertEqual(encoded.notes, {EMPTY_THOUGHT})
        self.assertEqual(self.seen(THINKING, [user("a"), assistant("one")]), ["<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<think>\n«\n</think>\n\none<|im_end|>\n»"])

    def test_an_answer_that_ends_by_the_next_turn_s_marker_learns_it_and_stops_there(self):
        self.assertEqual(
            self.seen(MARKED_BY_THE_NEXT, [user("a"), assistant("one"), user("b"), assistant("two")]),
            ["<|im_start|>user a<|im_start|>assistant «one<|im_start|>»user b<|im_start|>assistant «two<|im_start|>»"],
        )
        ends = ChatTemplate(self.with_template(MARKED_BY_THE_NEXT)).ends()
        self.assertEqual(self.tokenizer.convert_ids_to_tokens(ends), ["<|im_start|>"])

    def test_where_no_token_ends_an_answer_each_ends_by_that_of_a_text(self):
        template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
        self.assertEqual(
            self.seen(template, [user("a"), assistant("one"), user("b"), assistant("two")]),
            ["user: a\nassistant: «one<|im_end|>»", "user: a\nassistant: one\nuser: b\nassistant: «two<|im_end|>»"],
        )

    def test_where_a_text_ends_it_that_is_no_token_the_last_ends_by_that_of_a_text_as_well(self):
        template = "{% for m in messages %}{{ m.role }}: {{ m.content }} END\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
        self.assertEqual(
            self.seen(template, [user("a"), assistant("one"), user("b"), assistant("two")]),
            ["user: a END\nassistant:« one END»\nuser: b END\nassistant:« two END<|im_end|>»"],
        )

    def test_where_the_end_of_a_text_alone_ends_the_last_answer_each_has_an_example(self):
        # Leave the end out where it does not stand in the whole, and earlier answers never end.
        template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% else %}{{ eos_token }}{% endif %}"
        self.assertEqual(
            self.seen(template, [user("a"), assistant("one"), user("b"), assistant("two")]),
            ["user: a\nassistant:« one\n<|im_end|>»", "user: a\nassistant: one\nuser: b\nassistant:« two\n<|im_end|>»"],
        )

    def test_what_a_template_asks_with_and_does_not_show_is_gone_on_from(self):
        # Gemma 4 asks by saying that nothing was thought, and DeepSeek V3.2 shows the half of that before an answer.
        for closed, shown in (("<|channel>thought\n<channel|>", ""), ("<think></think>", "</think>")):
            template = "{% for m in messages %}<|im_start|>{{ m.role }}\n" + f"{{% if m.role == 'assistant' %}}{shown}{{% endif %}}" + "{{ m.content }}<|im_end|>\n{% endfor %}"
            template += "{% if add_generation_prompt %}<|im_start|>assistant\n" + closed + "{% endif %}"
            [text] = self.seen(template, [user("a"), assistant("one")])
            self.assertEqual(text, f"<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n{closed}«one<|im_end|>\n»")
            # What is there of a thought has no place behind that.
            self.assertEqual(self.encoded(template, [user("a"), assistant("one", reasoning_content="hm")], reasoning="drop").notes, {DROPPED})

    def test_an_answer_behind_a_result_may_have_no_head(self):
        # Apertus asks for it with one.
        template = (
            "{% for m in messages %}{% if m.role == 'user' %}<|im_start|>user\n{{ m.content }}<|im_end|>\n<|im_start|>{% elif m.role == 'tool' %}[{{ m.content }}]"
            "{% else %}{{ m.content }}{% for c in m.tool_calls %}{{ c.function | tojson }}{% endfor %}{% if not m.tool_calls %}<|im_end|>\n{% endif %}{% endif %}{% endfor %}"
            "{% if add_generation_prompt and messages[-1].role == 'tool' %}<|im_start|>{% endif %}"
        )
        texts = self.seen(template, [user("hot?"), call(), {"role": "tool", "content": "thirty"}, assistant("yes, quite")])
        self.assertTrue(texts[-1].endswith("[thirty]<|im_start|>«yes, quite<|im_end|>\n»"), texts)

    def test_a_head_that_is_always_appended_is_not_learnt(self):
        template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant{{ '\n' }}"
        self.assertEqual(
            self.seen(template, [user("a"), assistant("one")]), ["<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n«one<|im_end|>»"]
        )

    def test_what_a_template_marks_is_learnt_and_its_end(self):
        template = (
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}(model) {% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}"
            "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
        )
        self.assertEqual(
            self.seen(template, [user("a"), assistant("one")]), ["<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n(model)« one<|im_end|>\n»"]
        )

    def test_answers_of_weight_0_are_shown_and_not_learnt(self):
        messages = [user("a"), assistant("wrong", weight=0), user("b"), assistant("right", weight=1)]
        self.assertEqual(
            self.seen(CHATML, messages),
            ["<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nwrong<|im_end|>\n<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n«right<|im_end|>\n»"],
        )
        # Where each answer has an example of its own, this one has none.
        self.assertEqual(len(self.seen(THINKING, messages)), 1)
        data = encode_all(self.with_template(CHATML), [Conversation([user("a"), assistant("wrong", weight=0)], "all")], 64, "truncate")
        self.assertEqual((len(data.rows), data.skipped), (0, 1))
        with self.assertRaisesRegex(BadInput, "Message 2 has the weight 0.5; it must be 1"):
            self.seen(CHATML, [user("a"), assistant("one", weight=0.5)])

    def test_a_conversation_may_begin_with_the_assistant(self):
        self.assertEqual(
            self.seen(CHATML, [assistant("hi"), user("a"), assistant("one")]),
            ["<|im_start|>assistant\n«hi<|im_end|>\n»<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n«one<|im_end|>\n»"],
        )

    def test_what_follows_the_last_answer_is_told(self):
        self.assertEqual(self.encoded(CHATML, [user("a"), assistant("one"), user("b")]).notes, {UNANSWERED})

    def test_many_turns_are_rendered_a_few_times(self):
        # Render twice for each answer, and a conversation of 64 turns takes a quarter of a second.
        messages = [message for turn in range(64) for message in (user(f"question {turn}"), assistant(f"answer {turn}"))]
        template = ChatTemplate(self.with_template(CHATML))
        answers.seen(template, messages[:8], None, Choices())
        with mock.patch.object(rendering.Renderer, "_render", autospec=True, side_effect=rendering.Renderer._render) as render:
            [one], _ = answers.seen(template, messages, None, Choices())
        self.assertLessEqual(render.call_count, 4)
        self.assertEqual([one.text[start:end] for start, end in one.learnt], [f"answer {turn}<|im_end|>\n" for turn in range(64)])


class NotShown(Shown):
    """What a template leaves out is told, or refused, and never lost."""

    def test_thoughts_that_a_template_has_no_place_for_are_learnt_in_the_text_or_left_out(self):
        messages = [user("a"), assistant("one", reasoning_content="hm")]
        self.assertEqual(self.seen(CHATML, messages), ["<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n«<think>\nhm\n</think>\n\none<|im_end|>\n»"])
        self.assertEqual(self.encoded(CHATML, messages).notes, {INLINE})
        self.assertEqual(self.seen(CHATML, messages, reasoning="drop"), ["<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n«one<|im_end|>\n»"])
        self.assertEqual(self.encoded(CHATML, messages, reasoning="drop").notes, {DROPPED})

    def test_calls_that_a_template_does_not_show_are_refused(self):
        messages = [user("hot?"), call(), {"role": "tool", "content": "30"}, assistant("yes")]
        with self.assertRaisesRegex(BadInput, 'cannot show calls of tools: that of weather would be learnt as an answer without it. Set tool_calls to "json"'):
            self.seen(CHATML, messages, [WEATHER])

    def test_or_written_as_json(self):
        messages = [user("hot?"), call("Let me see."), {"role": "tool", "content": "30"}, {"role": "tool", "content": "40"}, assistant("yes")]
        [text] = self.seen(CHATML, messages, [WEATHER], tool_calls="json")
        system, _, rest = text.partition("<|im_end|>\n")
        self.assertIn('<tools>\n{"type": "function", "function": {"name": "weather", "parameters": {}}}\n</tools>', system)
        self.assertEqual(
            rest,
            '<|im_start|>user\nhot?<|im_end|>\n<|im_start|>assistant\n«Let me see.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call><|im_end|>\n»'
            "<|im_start|>user\n<tool_response>\n30\n</tool_response>\n<tool_response>\n40\n</tool_response><|im_end|>\n<|im_start|>assistant\n«yes<|im_end|>\n»",
        )
        self.assertEqual(self.encoded(CHATML, messages, [WEATHER], tool_calls="json").notes, {AS_JSON})

    def test_results_of_tools_that_a_template_leaves_out_are_refused(self):
        template = "{% for m in messages if m.role != 'tool' %}<|im_start|>{{ m.role }}\n{{ m.content }}{{ m.tool_calls or '' }}<|im_end|>\n{% endfor %}"
        template += "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
        with self.assertRaisesRegex(BadInput, "leaves out the result of a tool in message 3, .* Set tool_calls"):
            self.seen(template, [user("hot?"), call(), {"role": "tool", "content": "thirty"}, assistant("yes")])

    def test_arguments_are_given_as_the_template_takes_them(self):
        # DeepSeek's joins them with texts.
        template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls %}{{ c.function.name + c.function.arguments }}{% endfor %}<|im_end|>\n{% endfor %}"
        template += "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
        [text] = self.seen(template, [user("hot?"), call()])
        self.assertTrue(text.endswith('«weather{"city": "Rome"}<|im_end|>\n»'), text)

    def test_tools_that_are_not_listed_are_told(self):
        self.assertEqual(self.encoded(CHATML, [user("a"), assistant("one")], [WEATHER]).notes, {TOOLS_LEFT_OUT})

    def test_a_system_prompt_that_is_left_out_stands_at_the_head_of_the_first_question(self):
        template = CHATML.replace("for m in messages", "for m in messages if m.role != 'system'")
        self.assertEqual(
            self.seen(template, [{"role": "system", "content": "be brief"}, user("a"), assistant("one")]),
            ["<|im_start|>user\nbe brief\n\na<|im_end|>\n<|im_start|>assistant\n«one<|im_end|>\n»"],
        )

    def test_a_message_that_is_left_out_is_refused(self):
        template = "{% for m in messages[-2:] %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
        with self.assertRaisesRegex(BadInput, r"leaves out the text of message 1 \(user\), so that"):
            self.seen(template, [user("first question"), assistant("one answer"), user("then another"), assistant("two answers")])
        # Also where what it says stands somewhere else by chance.
        with self.assertRaisesRegex(BadInput, r"leaves out the text of message 1 \(user\), so that"):
            self.seen(template, [user("a"), assistant("s"), user("i"), assistant("t")])

    def test_a_template_for_another_use_is_named_as_one(self):
        judging = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}Is this safe?{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
        for template, words in (("{{ guideline.strip() }}", "wants a variable 'guideline', which no conversation has: it is no template for chats"), (judging, "it is no template for chats")):
            with self.assertRaisesRegex(BadInput, words):
                self.seen(template, [user("a"), assistant("one")])

    def test_rows_that_cannot_be_learnt_are_named_or_left_out(self):
        strict = "{% if messages[0].role != 'user' %}{{ raise_exception('begin with the user') }}{% endif %}" + CHATML
        rows = [
            Conversation([user("a"), assistant("one")], "all", None, 7, 3),
            Conversation([assistant("hi"), user("a"), assistant("one")], "all", None, 7, 4),
        ]
        tokenizer = self.with_template(strict)
        with self.assertRaisesRegex(BadInput, "^Row 4 of the dataset chats .counted from 0.: The model's chat template refuses the conversation: begin with the user$"):
            encode_all(tokenizer, rows, 64, "truncate", names={7: "chats"})
        data = encode_all(tokenizer, rows, 64, "truncate", on_bad_rows="skip")
        self.assertEqual((len(data.rows), data.refused), (1, 1))
        self.assertRegex(data.reasons[0], "^Row 4 of the dataset 7 .counted from 0.: .*begin with the user$")


class Dates(Shown):
    """A template that writes today's date writes that of the run, on whatever day it is rendered."""

    TEMPLATE = "{{ strftime_now('%d %b %Y') }} " + CHATML

    def test_the_day_is_that_of_the_run(self):
        for day, text in (("2026-11-28", "28 Nov 2026"), ("2027-01-02", "02 Jan 2027")):
            [seen] = self.seen(self.TEMPLATE, [user("a"), assistant("one")], today=day)
            self.assertEqual(seen.partition(" <|im_start|>")[0], text)

    def test_the_clock_and_the_time_zone_do_not_matter(self):
        # Take the clock in place of the day, and the tokens are others after midnight.
        seen = [self.encoded(self.TEMPLATE, [user("a"), assistant("one")], today="2026-11-28").examples for _ in "a"]
        with mock.patch.object(rendering, "datetime", wraps=rendering.datetime) as clock:
            clock.now.return_value = rendering.datetime(2026, 11, 29, 0, 1)
            seen.append(self.encoded(self.TEMPLATE, [user("a"), assistant("one")], today="2026-11-28").examples)
            self.assertIn("29 Nov 2026", self.seen(self.TEMPLATE, [user("a"), assistant("one")])[0])
        self.assertEqual(seen[0], seen[1])
