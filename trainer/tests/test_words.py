import random
import unittest
from copy import deepcopy
from unittest import mock

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers

from ..tokens import words
from ..tokens.words import Encoder, whole, words_of
from . import packages

SAID = [
    "the", "sea", "Bob", "He's", "'tis", "I'll", "JSON_data", "x2", "1,234.56", "<<48/2=24>>24", "(a)[b]{c}", "http://x.y/z?q=1&r=2", "...", "—", "«да»", "Это", "日本語", "हिन्दी", "nai\u0308ve",
    "e\u0301.", "👍🏽", "\u200b", "ﬁ", "²", "<think>", "</think>", "<|im_start|>", "<|im_end|>", "<|im", "<s>", "</s>", "",
]  # fmt: skip
BETWEEN = [" ", " ", " ", " ", "", "  ", "\n", "\n\n", " \n", "\t", "\u00a0", "\u2028", "\x1c", "\r\n"]


def texts(count: int) -> list[str]:
    rng = random.Random(7)
    return ["".join(part for _ in range(rng.randrange(120)) for part in (rng.choice(SAID), rng.choice(BETWEEN))) for _ in range(count)]


class WordByWord(unittest.TestCase):
    """Tokens, and where they stand, are what the tokenizer gives for the whole text."""

    def assert_same(self, backend, texts: list[str]) -> None:
        found = words_of(backend)
        for text in texts:
            tokens, expected = found.tokens_of(text), whole(backend, text)
            self.assertEqual((tokens.ids, tokens.offsets, tokens.length), (expected.ids, expected.offsets, len(text)))
            places = range(len(text) + 2)
            self.assertEqual([tokens.first_from(place) for place in places], [expected.first_from(place) for place in places])
            self.assertEqual([tokens.span(token) for token in range(len(tokens.ids))], expected.offsets)

    def test_of_a_tokenizer_that_divides_texts_into_words(self):
        backend = packages.smollm2().backend_tokenizer
        self.assert_same(backend, texts(200))
        self.assertIn(" Bob", words_of(backend)._known)

    def test_of_one_that_does_not_and_begins_each_part_with_a_blank(self):
        backend = packages.llama2().backend_tokenizer
        self.assert_same(backend, texts(200))
        self.assertNotIn(" Bob", words_of(backend)._known)

    def test_where_one_begins_as_the_one_before(self):
        turns = [f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n{text[::-1]}<|im_end|>\n" for text in texts(20)]
        grown = ["".join(turns[:number]) + asked for number in range(20) for asked in ("", "<|im_start|>assistant\n<think>\n", "<|im_start|>user\nHm?")]
        for tokenizer in (packages.smollm2(), packages.llama2()):
            self.assert_same(tokenizer.backend_tokenizer, [*grown, *grown[::-1]])

    def test_when_the_words_that_are_kept_become_too_many(self):
        with mock.patch.object(words, "_MOST_CHARACTERS", 300):
            self.assert_same(packages.smollm2().backend_tokenizer, texts(50))
        self.assertLess(sum(map(len, words_of(packages.smollm2().backend_tokenizer)._known)), 300 + 2 * max(map(len, texts(50))))

    def test_it_is_not_tried_for_few_texts(self):
        # Trying takes a tenth of a second, in each training and each validation.
        backend = deepcopy(packages.smollm2().backend_tokenizer)
        encoder, few = Encoder(backend), "Is it far?"
        with mock.patch.object(words, "_WORTH_TRYING", 3 * len(few)), mock.patch.object(words, "words_of", wraps=words_of) as tried:
            for is_tried in (False, False, False, True):
                self.assertEqual(encoder.tokens_of(few).ids, whole(backend, few).ids)
                self.assertEqual(tried.called, is_tried)

    def test_no_word_is_made_tokens_of_twice(self):
        found = words_of(deepcopy(packages.smollm2().backend_tokenizer))
        text = "<|im_start|>user\nIs it far?<|im_end|>\n"
        found.tokens_of(text)
        with mock.patch.object(words, "whole", side_effect=AssertionError):
            self.assertEqual(len(found.tokens_of(text + text).ids), 2 * len(found.tokens_of(text).ids))


class Tried(unittest.TestCase):
    """What a tokenizer does elsewhere than at words shows when it is tried."""

    def trained(self, pre_tokenizer, *added: AddedToken) -> Tokenizer:
        tokenizer = Tokenizer(models.BPE(byte_fallback=True))
        tokenizer.pre_tokenizer = pre_tokenizer
        tokenizer.train_from_iterator(["the sea is far, the sea is deep"] * 9, trainers.BpeTrainer(special_tokens=["<s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
        tokenizer.add_tokens(list(added))
        return tokenizer

    def test_one_with_tokens_of_several_words_is_given_the_whole(self):
        by_lines = pre_tokenizers.Sequence([pre_tokenizers.Split("\n", "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        tokenizer = self.trained(by_lines)
        self.assertLess(len(tokenizer.encode("the sea is far").ids), 4)
        found = words_of(tokenizer)
        self.assertEqual(found.tokens_of("<s>the sea is far").ids, tokenizer.encode("<s>the sea is far").ids)
        self.assertNotIn(" sea", found._known)

    def test_one_that_begins_a_text_otherwise_than_what_stands_behind_an_added_token(self):
        tokenizer = self.trained(pre_tokenizers.Metaspace(prepend_scheme="first"))
        for text in ("the sea<s>the sea", "<s>the sea", " the sea", "\n"):
            self.assertEqual(words_of(tokenizer).tokens_of(text).ids, tokenizer.encode(text).ids)

    def test_one_whose_tokens_take_white_space_with_them_is_left_alone(self):
        self.assertIsNone(words_of(self.trained(pre_tokenizers.ByteLevel(add_prefix_space=False), AddedToken("<mask>", lstrip=True))))

    def test_one_that_finds_no_added_tokens_in_texts_is_left_alone(self):
        tokenizer = self.trained(pre_tokenizers.ByteLevel(add_prefix_space=False))
        tokenizer.encode_special_tokens = True
        self.assertIsNone(words_of(tokenizer))


if __name__ == "__main__":
    unittest.main()
