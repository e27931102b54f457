import json
import unittest
from copy import copy
from pathlib import Path
from tempfile import TemporaryDirectory

from ..models import load_tokenizer
from ..rows import IGNORED, Conversation, encode, encode_all, read_conversations, render
from .support import model_path


class Mask(unittest.TestCase):
    """The loss is on the answers, and on all of them."""

    @classmethod
    def setUpClass(cls):
        cls.tokenizer = load_tokenizer(model_path())

    def learned(self, messages, max_length=256):
        ids, labels, _ = encode(self.tokenizer, messages, max_length)
        self.assertTrue(all(label in (token, IGNORED) for token, label in zip(ids, labels)))
        return self.tokenizer.decode([label for label in labels if label != IGNORED])

    def test_one_turn(self):
        messages = [{"role": "user", "content": "what is 1"}, {"role": "assistant", "content": "yes 2"}]
        self.assertEqual(self.learned(messages), "yes 2<|im_end|>\n")

    def test_every_answer_of_several_turns(self):
        turns = [("system", "be"), ("user", "a"), ("assistant", "one"), ("user", "b"), ("assistant", "two")]
        messages = [{"role": role, "content": content} for role, content in turns]
        self.assertEqual(self.learned(messages), "one<|im_end|>\ntwo<|im_end|>\n")

    def test_all_of_a_plain_text_and_its_end(self):
        self.assertEqual(self.learned([{"role": "text", "content": "once upon"}]), "once upon" + self.tokenizer.eos_token)

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
        tokenizer = copy(self.tokenizer)
        tokenizer.chat_template = (
            "{% for tool in tools %}{{ tool.name }} {% endfor %}{% for m in messages %}[{{ m.role }} {{ m.reasoning_content }}"
            " {% for c in m.tool_calls %}{{ c.function.arguments.city }}{% endfor %} {{ m.content }}]{% endfor %}"
        )
        text = render(tokenizer, conversation.messages, tools=conversation.tools)
        self.assertEqual(text, "weather [user   hot?][assistant ask Rome ][tool   yes]")

    def test_rows_that_are_too_long_are_cut_and_counted(self):
        rows = [
            Conversation([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y" * 200}], "all"),
            Conversation([{"role": "user", "content": "x" * 200}, {"role": "assistant", "content": "y"}], "all"),
        ]
        encoded = encode_all(self.tokenizer, rows, 64)
        self.assertEqual((len(encoded.rows), encoded.truncated, encoded.skipped), (1, 2, 1))
        self.assertEqual(len(encoded.rows[0]["input_ids"]), 64)


class Gradients(unittest.TestCase):
    def test_an_evaluation_does_not_change_them(self):
        """Take out models.keep_gradients_right and this fails on a CPU with AVX512-BF16."""
        import torch

        from ..models import load_model

        model = load_model(model_path(), quantize=True)
        embeddings = model.get_input_embeddings()
        embeddings.weight.requires_grad_(True)
        ids = torch.arange(32).reshape(2, 16)

        def gradient():
            model.zero_grad()
            model.train()
            model(input_ids=ids, labels=ids).loss.backward()
            return embeddings.weight.grad.float().flatten().clone()

        before = gradient()
        model.eval()
        with torch.no_grad():
            model(input_ids=ids)
        after = gradient()
        self.assertGreater(torch.nn.functional.cosine_similarity(before, after, dim=0).item(), 0.999)
