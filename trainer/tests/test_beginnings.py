import json
import shutil
import tempfile
import unittest
from pathlib import Path

from ..base_models.models import load_tokenizer
from ..chats.forms import Choices
from ..chats.rendering import DEFAULT_TEMPLATE
from ..chats.templates import ChatTemplate
from ..datasets.rows import Conversation
from ..evaluation.held_out import by_trait
from ..platform.failures import CheckpointLost, Stopped
from ..row_tokens import tokens_of
from ..runs.checkpoints import MANIFEST, all_checkpoints
from ..tokens.all_rows import encode_all
from ..tokens.encoding import IGNORED, encode
from . import packages
from .support import HYPERPARAMETERS, model_path, stop_at, train_here

CHAT = [{"role": "user", "content": "Far?"}, {"role": "assistant", "content": "Nine miles."}]
TEXT = [{"role": "text", "content": "Once upon a time there was a road."}]
MISTRAL = "{{ bos_token }}{% for m in messages %}{{ '[INST] ' + m.content + '[/INST]' if m.role == 'user' else m.content + eos_token }}{% endfor %}"


class Beginnings(unittest.TestCase):
    """Texts begin as the model was pre-trained on them: with the token that its tokenizer puts before each."""

    @classmethod
    def setUpClass(cls):
        packages.llama2()  # Says what is missing, where that is.
        cls.llama2 = load_tokenizer(packages.LLAMA2)

    def ids(self, messages: list[dict], tokenizer=None, max_length: int = 512, too_long: str = "truncate") -> list[list[int]]:
        return [example.ids for example in encode(tokenizer or self.llama2, Conversation(messages, "all"), max_length, too_long).examples]

    def test_a_plain_text_begins_as_the_tokenizer_has_it(self):
        # Without the BOS, the base model's loss on a text is measured, and lowered, on what it was never made for.
        [example] = encode(self.llama2, Conversation(TEXT, "all"), 512).examples
        self.assertEqual(example.ids, [*self.llama2(TEXT[0]["content"])["input_ids"], self.llama2.eos_token_id])
        self.assertEqual((example.labels[0], example.labels[1:]), (IGNORED, example.ids[1:]))

    def test_each_part_of_a_long_text_does(self):
        bos = self.llama2.bos_token_id
        [whole] = self.ids(TEXT)
        parts = self.ids(TEXT, max_length=4, too_long="split")
        self.assertEqual([part[0] for part in parts], [bos] * len(parts))
        self.assertEqual([token for part in parts for token in part[1:]], whole[1:])
        self.assertLessEqual(max(map(len, parts)), 4)

    def test_a_chat_with_a_model_without_a_template_does(self):
        [ids] = self.ids(CHAT)
        self.assertEqual(ids[0], self.llama2.bos_token_id)
        self.assertEqual(ids[1:], self.ids(CHAT, packages.with_template(DEFAULT_TEMPLATE, self.llama2))[0])
        self.assertEqual(self.llama2.chat_template, "<s>" + DEFAULT_TEMPLATE)

    def test_nothing_begins_so_twice(self):
        bos = self.llama2.bos_token_id
        for messages, tokenizer in ((CHAT, packages.with_template(MISTRAL, self.llama2)), ([{"role": "text", "content": "<s>Once."}], self.llama2)):
            [ids] = self.ids(messages, tokenizer)
            self.assertEqual((ids[0], ids.count(bos)), (bos, 1))

    def test_nor_where_the_tokenizer_puts_nothing_there(self):
        for tokenizer in (load_tokenizer(model_path()), packages.smollm2()):
            [ids] = self.ids(TEXT, tokenizer)
            self.assertEqual(ids, [*tokenizer(TEXT[0]["content"])["input_ids"], tokenizer.eos_token_id])

    def test_an_empty_text_teaches_nothing(self):
        self.assertEqual(self.ids([{"role": "text", "content": ""}]), [])

    def test_what_is_compared_and_shown_does_as_well(self):
        bos = self.llama2.bos_token_id
        rows = by_trait([Conversation(CHAT, "chat"), Conversation(TEXT, "text")], self.llama2, 512, 512, 8)
        self.assertEqual([row.examples[0].ids[0] for [row] in rows.values()], [bos, bos])
        question = rows["chat"][0].question
        self.assertEqual(self.llama2(question.text, add_special_tokens=False)["input_ids"][0], bos)
        shown = tokens_of(ChatTemplate(self.llama2), {"messages": TEXT}, 8, "split", Choices())["tokens"]
        texts = [token["text"] for token in shown]
        self.assertEqual("".join(texts).replace("<s>", "").removesuffix("</s>"), TEXT[0]["content"])
        self.assertEqual([place for place, text in enumerate(texts) if text == "<s>"], [0, 8])
        self.assertTrue(shown[1]["learnt"] and shown[0]["special"] and not shown[0]["learnt"])

    def test_that_rows_do_which_did_not_is_known(self):
        for messages, tokenizer, is_begun in (
            (TEXT, self.llama2, True), (CHAT, self.llama2, True), (CHAT, packages.with_template(MISTRAL, self.llama2), False), (TEXT, packages.smollm2(), False),
        ):  # fmt: skip
            self.assertEqual(encode_all(tokenizer, [Conversation(messages, "all")], 512, "truncate").is_begun, is_begun)


class GoingOn(unittest.TestCase):
    """A checkpoint is of the tokens that it was trained on."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = Path(directory.name)
        self.model = self.work / "model"
        shutil.copytree(model_path(), self.model)

    def begin_texts(self) -> None:
        """As tokenizers do that put a BOS before each."""
        path = self.model / "tokenizer.json"
        tokenizer = json.loads(path.read_text())
        first = {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}
        text = {"Sequence": {"id": "A", "type_id": 0}}
        special = {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}}
        tokenizer["post_processor"] = {"type": "TemplateProcessing", "single": [first, text], "pair": [first, text], "special_tokens": special}
        path.write_text(json.dumps(tokenizer))

    def train(self, rows: list[dict], epoch: int, on_event=lambda event, commands: None):
        data = self.work / "rows.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        work = self.work / "work"
        work.mkdir(exist_ok=True)
        return train_here(
            work, on_event, lease_epoch=epoch, model={"name": "tiny", "path": str(self.model)}, data={"train": str(data), "held_out": None}, hyperparameters=HYPERPARAMETERS
        )

    def stopped(self, rows: list[dict]) -> None:
        with self.assertRaises(Stopped):
            self.train(rows, 1, stop_at(3))

    def as_of_an_earlier_version(self) -> None:
        [newest, *_] = all_checkpoints(self.work / "work" / "checkpoints")
        path = newest.path / MANIFEST
        path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "tokens_sha256"}))

    TEXTS = [{"text": f"once upon a time there were {i} of them"} for i in range(16)]
    CHATS = [{"prompt": f"question {i}", "completion": f"answer {i % 7}"} for i in range(16)]

    def test_of_an_earlier_version_it_goes_on_where_the_tokens_are_the_same(self):
        self.stopped(self.TEXTS)
        self.as_of_an_earlier_version()
        result, events = self.train(self.TEXTS, 2)
        self.assertEqual([event["step"] for event in events.of("resumed")], [4])
        self.assertEqual(result["final_step"], 8)

    def test_of_an_earlier_version_it_does_not_where_texts_began_otherwise(self):
        # Go on, and half of a training has a BOS that the other half has not.
        self.begin_texts()
        self.stopped(self.TEXTS)
        self.as_of_an_earlier_version()
        with self.assertRaisesRegex(CheckpointLost, "checkpoint of step 4 was trained on: they begin with what the tokenizer puts before every text .* Start the run afresh"):
            self.train(self.TEXTS, 2)

    def test_it_does_not_with_another_tokenizer(self):
        self.stopped(self.TEXTS)
        self.begin_texts()
        with self.assertRaisesRegex(CheckpointLost, "other tokens now than those that the checkpoint of step 4 .* the model's tokenizer was changed"):
            self.train(self.TEXTS, 2)

    def test_a_chat_by_a_template_of_the_model_goes_on_all_the_same(self):
        self.begin_texts()
        self.stopped(self.CHATS)
        self.as_of_an_earlier_version()
        _, events = self.train(self.CHATS, 2)
        self.assertEqual(len(events.of("resumed")), 1)
