import json
import unittest
from functools import cache

from ..chats.templates import ChatTemplate
from ..platform.failures import BadInput
from ..serving.answer import Answer, Request
from ..serving.asked import Asked, asked_by_chat
from ..serving.calls import marks_of
from ..serving.form import Forms, closed
from ..serving.held_calls import held_calls
from ..serving.sampling import Sampling
from .packages import chat_template, smollm2, templates

TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
        "unit": {"type": "string", "enum": ["C", "F"]},
        "at": {"$ref": "#/$defs/At"},
    },
    "required": ["city", "days", "at"],
    "$defs": {"At": {"type": "object", "properties": {"hour": {"type": "integer"}}, "required": ["hour"], "additionalProperties": False}},
}


@cache
def _forms() -> Forms:
    """Of the tokenizer that all these templates have here."""
    tokenizer = smollm2()
    return Forms(tokenizer, len(tokenizer), {tokenizer.eos_token_id})


class Calls(unittest.TestCase):
    def test_what_a_template_writes_is_read_back(self):
        # As many as are read today: a form that is not read any more shows here.
        read, unread = [], []
        for name, text in templates().items():
            template = chat_template(text)
            if template.problem or not template.shows_tools:
                continue
            marks = marks_of(template)
            written = template.written_call
            if marks is None or written is None:
                unread.append(name)
                continue
            said, wanted, arguments = written
            before, calls = marks.read(f"I look it up.\n{said}" if marks.opening else said, TOOLS)
            self.assertEqual([(call["name"], json.loads(call["arguments"])) for call in calls], [(wanted, arguments)], name)
            self.assertTrue(before.startswith("I look it up.") if marks.opening else not before, name)
            read.append(name)
        self.assertGreaterEqual(len(read), 35, unread)

    def test_values_between_tags_have_the_types_that_the_tool_wants(self):
        marks = marks_of(chat_template(templates()["qwen3-coder:30b"]))
        parameters = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
        tools = [{"type": "function", "function": {"name": "weather", "parameters": parameters}}]
        said = "<tool_call>\n<function=weather>\n<parameter=city>\n4711\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>"
        self.assertEqual(marks.read(f"So: {said}{said}", tools), ("So: ", [{"name": "weather", "arguments": '{"city": "4711", "days": 3}'}] * 2))

    def test_an_answer_is_held_to_a_call_as_the_template_writes_it(self):
        # One of each form: as a list, without a mark, behind an empty thought, in a header, and as pairs.
        for name in ("cogito:3b", "llama3.1:8b", "qwen3:0.6b", "trl/gptoss", "qwen3-coder:30b", "trl/glm4moe", "as text"):
            with self.subTest(name):
                template = ChatTemplate(smollm2()) if name == "as text" else chat_template(templates()[name])
                marks = marks_of(template)
                said = self.held(template, marks, must=True, seed=1)
                self.assertTrue(said.startswith(marks.written.head + marks.opening), said)
                _, calls = marks.read(said, [{"function": {"name": "weather", "parameters": WEATHER}}])
                self.assertEqual(["weather"], [call["name"] for call in calls], said)
                told = json.loads(calls[0]["arguments"])
                self.assertEqual(({"city", "days", "at"}, str, {"hour"}), (set(told) - {"unit"}, type(told["city"]), set(told["at"])), said)
                self.assertIn(told.get("unit", "C"), ("C", "F"))
                self.assertTrue(1 <= told["days"] <= 9)

    def test_a_call_in_an_answer_is_held_from_its_mark_on_until_it_ends(self):
        # Let go of too late, and no text could follow; not held, and its arguments would be noise.
        for name in ("qwen2.5:0.5b", "qwen3-coder:30b"):
            with self.subTest(name):
                template = chat_template(templates()[name])
                marks = marks_of(template)
                said = self.held(template, marks, must=False, seed=2, begins=f"Let me see. {marks.opening}", ends=f" And: {marks.opening}")
                before, calls = marks.read(said, [{"function": {"name": "weather", "parameters": WEATHER}}])
                self.assertEqual(("Let me see. ", ["weather", "weather"]), (before, [call["name"] for call in calls]), said)
                self.assertIn(" And: ", said)
                for call in calls:
                    self.assertTrue(1 <= json.loads(call["arguments"])["days"] <= 9)

    def test_an_answer_has_no_properties_that_its_schema_does_not_name(self):
        inner = {"type": "object", "properties": {"hour": {"type": "integer"}}}
        schema = {"type": "object", "properties": {"properties": inner, "at": {"type": "array", "items": inner}}, "$defs": {"A": inner}}
        shut = closed(schema)
        self.assertEqual([False] * 4, [each["additionalProperties"] for each in (shut, shut["properties"]["properties"], shut["properties"]["at"]["items"], shut["$defs"]["A"])])
        for said in ({"additionalProperties": {"type": "string"}}, {"allOf": [inner]}, {"anyOf": [inner]}, {"minProperties": 2}):
            self.assertEqual(said.get("additionalProperties"), closed({**schema, **said}).get("additionalProperties"))

    def held(self, template, marks, must: bool, seed: int, begins: str = "", ends: str = "") -> str:
        """What is said where the model says `begins`, noise, `ends` behind the first call, and noise again."""
        import torch

        tokenizer = template.tokenizer
        held = held_calls(_forms(), marks, [{"name": "weather", "schema": WEATHER}], must)
        request = Request(
            id="a", adapter=None, asked=Asked("", []), copies=1, most_tokens=400, sampling=Sampling(seed=seed), stops=[], is_continued=False, marks=marks, tools=TOOLS, held=held
        )
        answer, noise = Answer(request, 0, tokenizer), torch.Generator().manual_seed(seed)
        # What brings texts and numbers to an end is likelier than noise, and said now and then where values end by a tag.
        enders = [token for token in map(tokenizer.convert_tokens_to_ids, ('"', "}", "1")) if token]
        tag = tokenizer(marks.written.value_ends)["input_ids"] if marks.written.value_ends else []
        wanted, said, was_held = tokenizer(begins)["input_ids"], [], 0
        while not answer.is_stopped and was_held < 2 and len(said) < 400:
            logits = torch.randn(len(tokenizer), generator=noise)
            logits[enders] += 9
            if wanted and not answer.sampler.form:
                logits[wanted.pop(0)] += 100
            elif tag and answer.sampler.form:
                logits[tag[len(said) % 12 % len(tag)]] += 100 if len(said) % 12 < len(tag) else 0
            before = answer.sampler.form
            said.append(answer.sampler.choose(logits).token)
            answer.add(said[-1])
            if before and not answer.sampler.form:
                was_held, wanted = was_held + 1, tokenizer(ends)["input_ids"] if not was_held else []
        return tokenizer.decode(said)

    def test_a_template_without_tools_gets_them_as_text(self):
        template = ChatTemplate(smollm2())
        self.assertFalse(template.shows_tools)
        text = asked_by_chat(template, [{"role": "user", "content": "Rain?"}], TOOLS).text
        self.assertIn('"weather"', text)
        marks = marks_of(template)
        said = 'Let me see. <tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call><tool_call>{"name": "weather", "arguments": {}}</tool_call>'
        self.assertEqual(marks.read(said, TOOLS), ("Let me see. ", [{"name": "weather", "arguments": '{"city": "Oslo"}'}, {"name": "weather", "arguments": "{}"}]))
        broken = "I write <tool_call> and no call"
        self.assertEqual(marks.read(broken, TOOLS), (broken, []))

    def test_a_conversation_with_calls_is_asked_as_it_was_trained(self):
        template = chat_template(next(text for name, text in templates().items() if name.startswith("qwen3:")))
        call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
        messages = [{"role": "user", "content": "Rain?"}, {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "content": "Heavy", "tool_call_id": "call_1"}]
        text = asked_by_chat(template, messages, TOOLS).text
        self.assertIn('"arguments": {"city": "Oslo"}', text)
        self.assertIn("Heavy", text)

    def test_what_a_template_cannot_show_is_refused(self):
        template = chat_template("{% for message in messages %}{% if message.role == 'user' %}{{ message.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}>{% endif %}")
        with self.assertRaises(BadInput):
            asked_by_chat(template, [{"role": "user", "content": "one"}, {"role": "system", "content": "lost"}, {"role": "user", "content": "two"}], None)


