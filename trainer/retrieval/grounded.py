"""Whether a rag run's model answers held-out questions better with the index than without it."""

from collections import Counter
from itertools import compress
from pathlib import Path

from ..bundle.answering import Answerer
from ..bundle.lexical import words_of
from ..bundle.query import TOP_K
from ..evaluation.generation import enough_tokens
from ..platform.failures import lacks_memory
from ..platform.memory import as_many_as_fit, free

SAMPLES_PER_TRAIT = 2
MOST_ASKED_AT_ONCE = 32
# Of all traits together, each with and without what it found: more would show little more, and take minutes on a CPU.
MOST_ASKED = 64


def most_asked_of_each(traits: int) -> int:
    return max(1, MOST_ASKED // traits)


def compare(bundle, embedder, answerer: Answerer, asked: list[tuple[str, str, list[int]]], chosen: int | None) -> tuple[dict, list[dict]]:
    """Figures over questions, each with its expected answer and the numbers of that answer's chunks, and some samples.

    exact_match: the share that is answered to the letter, white space at the ends aside; f1: of the words of answer and expected
    answer, the mean. not_in_documents: the share of which that is said, as the index is; with_answer_removed: the same where the chunks of
    the expected answer are not found, and all should be. too_long: further questions, for which the model has no room. All have the same
    room for an answer: `chosen` tokens, or twice as many as the longest expected one.
    """
    max_new_tokens = chosen or enough_tokens(answerer.tokenizer, [expected for _, expected, _ in asked])

    least = bundle.least_cosine("vector")
    found = [bundle.search(embedder.embed([question], "query")[0], TOP_K + len(own)) for question, _, own in asked]
    others = [[chunk for chunk in chunks if chunk["chunk"] not in own] for chunks, (_, _, own) in zip(found, asked)]
    # What the model has no room for, with the first chunk of either, says nothing of the index.
    fits = [all(answerer.has_room(question, chunks[:1], max_new_tokens) for chunks in both) for (question, _, _), *both in zip(asked, found, others)]
    too_long = fits.count(False)
    asked, found, others = (list(compress(each, fits)) for each in (asked, found, others))

    # A question whose own chunks were not found is the same without them, and is asked once.
    keys = [(question, tuple(chunk["chunk"] for chunk in chunks[:TOP_K])) for every in (found, others) for (question, _, _), chunks in zip(asked, every)]
    shown = dict(zip(keys, [chunks[:TOP_K] for chunks in (*found, *others)]))
    asked_once = [(question, chunks) for (question, _), chunks in shown.items()]
    answers = dict(zip(shown, as_many_as_fit(asked_once, MOST_ASKED_AT_ONCE, lambda part: answerer.ask_all(part, least, max_new_tokens))))
    with_index, with_others = [answers[key] for key in keys[: len(asked)]], [answers[key] for key in keys[len(asked) :]]
    without = as_many_as_fit([question for question, _, _ in asked], MOST_ASKED_AT_ONCE, lambda part: answerer.ask_alone(part, max_new_tokens))
    samples = [
        {"question": question, "expected": expected, "with_retrieval": answer.text, "without_retrieval": text}
        for (question, expected, _), answer, text in list(zip(asked, with_index, without))[:SAMPLES_PER_TRAIT]
    ]
    texts = [expected for _, expected, _ in asked]
    figures = {
        "questions": len(asked),
        "too_long": too_long,
        "max_new_tokens": max_new_tokens,
        "with_retrieval": _figures([answer.text or "" for answer in with_index], texts),
        "without_retrieval": _figures(without, texts),
        "not_in_documents": _mean(not answer.in_documents for answer in with_index),
        "not_in_documents_with_answer_removed": _mean(not answer.in_documents for answer in with_others),
        "cut_off": sum(answer.is_cut_off for answer in with_index),
    }
    return figures, samples


def load_answerer(path: Path, on_too_large) -> Answerer:
    """The model that answers; on the CPU where it does not fit beside the others, once `on_too_large` was called."""
    try:
        return Answerer(path)
    except RuntimeError as error:
        if not lacks_memory(error):
            raise
    # Not above: the error holds what did not fit.
    free()
    on_too_large()
    return Answerer(path, device="cpu")


def _figures(texts: list[str], expected: list[str]) -> dict:
    pairs = list(zip(texts, expected))
    return {"exact_match": _mean(text.strip() == right.strip() for text, right in pairs), "f1": _mean(f1(text, right) for text, right in pairs)}


def f1(text: str, expected: str) -> float:
    """The harmonic mean of two shares: of the words of the text that are expected, and of the expected ones that are in it."""
    said, right = Counter(words_of(text)), Counter(words_of(expected))
    common = (said & right).total()
    return 2 * common / (said.total() + right.total()) if common else float(text.strip() == expected.strip())


def _mean(values) -> float:
    values = list(values)
    return sum(values) / max(len(values), 1)
