import os
import signal
import sys
import unittest
from unittest import mock

from ..base_models.models import load_tokenizer
from ..chats.forms import Choices
from ..datasets.rows import Conversation
from ..platform.failures import BadInput
from ..tokens import all_rows
from ..tokens.all_rows import encode_all
from .support import model_path


def conversation(number: int) -> Conversation:
    turns = [{"role": role, "content": f"{role} {number} of {turn}"} for turn in range(1 + number % 9) for role in ("user", "assistant")]
    return Conversation(turns, "all", dataset_id=number % 3, row_number=number)


@unittest.skipUnless(sys.platform == "linux", "copies of a process are made on Linux alone")
class BySeveralProcesses(unittest.TestCase):
    """The rows are the same, in the same order, by however many."""

    @classmethod
    def setUpClass(cls):
        cls.tokenizer = load_tokenizer(model_path())
        cls.tokenizer.chat_template = cls.tokenizer.chat_template.replace("{% for", "{% if messages[0].content in ('bad one', 'bad two') %}{{ raise_exception(messages[0].content) }}{% endif %}{% for", 1)
        cls.rows = [conversation(number) for number in range(400)]

    def setUp(self):
        for name, value in (("WORTH_SHARING_S", 0), ("_BLOCK_MESSAGES", 64)):
            patch = mock.patch.object(all_rows, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def encode(self, processes: int, rows=None, **options):
        return encode_all(self.tokenizer, rows or self.rows, 60, "split", Choices(), processes=processes, **options)

    def assert_alike(self, one, other):
        self.assertEqual([{name: list(tokens) for name, tokens in row.items()} for row in one.rows], [{name: list(tokens) for name, tokens in row.items()} for row in other.rows])
        self.assertEqual({**vars(one), "rows": None}, {**vars(other), "rows": None})

    def with_bad(self) -> list[Conversation]:
        rows = list(self.rows)
        for place, text in ((200, "bad one"), (390, "bad two")):
            rows[place] = Conversation([{"role": "user", "content": text}, {"role": "assistant", "content": "no"}], "all")
        return rows

    def test_as_by_one(self):
        with mock.patch.object(all_rows, "_by_copies", wraps=all_rows._by_copies) as shared:
            several = self.encode(3)
        self.assertEqual(shared.call_count, 1)
        self.assert_alike(several, self.encode(1))
        self.assertGreater(several.tokens[1], 0)
        skipped = self.encode(3, self.with_bad(), on_bad_rows="skip")
        self.assertEqual((skipped.refused, [reason.partition(":")[0] for reason in skipped.reasons]), (2, ["Row 201 of the training data", "Row 391 of the training data"]))

    def test_the_first_row_that_cannot_be_learnt_is_named(self):
        with self.assertRaisesRegex(BadInput, "Row 201 of the training data: .*bad one"):
            self.encode(3, self.with_bad())

    def test_one_that_is_killed_is_made_up_for(self):
        # As where memory is short. Give up, or leave out what it had, and rows are missing.
        parent, encode = os.getpid(), all_rows.Work.encode

        def dying(work, block):
            if block.start > 200 and os.getpid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)
            return encode(work, block)

        with mock.patch.object(all_rows.Work, "encode", dying):
            several = self.encode(2)
        self.assert_alike(several, self.encode(1))

    def test_little_work_is_done_at_once(self):
        with mock.patch.object(all_rows, "WORTH_SHARING_S", 60), mock.patch.object(all_rows, "_by_copies") as shared:
            self.encode(3)
        shared.assert_not_called()
