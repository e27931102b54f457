import json
import unittest
from copy import copy
from pathlib import Path
from tempfile import TemporaryDirectory

from ..base_models.models import load_tokenizer
from ..chats.templates import ChatTemplate
from ..datasets.rows import read_conversations
from ..platform.failures import BadInput
from .support import model_path


class Rows(unittest.TestCase):
    def test_tools_calls_and_reasoning_reach_the_template(self):
        call = {"function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
        row = {
            "messages": json.dumps(
                [
                    {"role": "user", "content": "hot?"},
                    {"role": "assistant", "reasoning_content": "ask", "content": "", "tool_calls": [call]},
                    {"role": "tool", "tool_call_id": "1", "content": "yes"},
                ]
            ),
            "tools": json.dumps([{"name": "weather"}]),
        }
        with TemporaryDirectory() as folder:
            path = Path(folder) / "rows.jsonl"
            path.write_text(json.dumps(row), encoding="utf-8")
            [conversation] = read_conversations(path)
        tokenizer = copy(load_tokenizer(model_path()))
        tokenizer.chat_template = (
            "{% for tool in tools %}{{ tool.function.name }} {% endfor %}{% for m in messages %}[{{ m.role }} {{ m.reasoning_content }}"
            " {% for c in m.tool_calls %}{{ c.function.arguments.city }}{% endfor %} {{ m.content }}]{% endfor %}"
        )
        text = ChatTemplate(tokenizer).render(conversation.messages, conversation.tools)
        self.assertEqual(text, "weather [user   hot?][assistant ask Rome ][tool   yes]")

    def test_of_two_answers_to_each_question_none_is_guessed(self):
        # Take the first, and what somebody found worse is learnt.
        rows = [{"prompt": "hot?", "response_a": "no", "response_b": "yes", "winner": "b"}]
        with TemporaryDirectory() as folder:
            path = Path(folder) / "rows.jsonl"
            path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
            with self.assertRaisesRegex(BadInput, "two answers to each question .response_a, response_b."):
                read_conversations(path)
