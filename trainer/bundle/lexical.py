"""Which chunks share words with a question: BM25. Hybrid search needs it, and it needs bm25s; a copy lies in each bundle."""

import re

import numpy as np

REQUIREMENT = "bm25s==0.3.16"  # As in requirements.txt.
# Where words are written without spaces, each character is one.
_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_RANKS_COUNT_FROM = 60  # As in the paper on reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009).


class NoLibrary(ValueError):
    """bm25s is not installed."""


def words_of(text: str) -> list[str]:
    return _WORD.findall(text.lower())


class Lexical:
    """The words of all chunks."""

    def __init__(self, texts: list[str]):
        try:
            import bm25s
        except ImportError:
            raise NoLibrary(f"Hybrid search needs a package that is not installed: `pip install {REQUIREMENT}`. Search by vectors does without it.") from None
        words = [words_of(text) for text in texts]
        self._count = len(words)
        self._index = None
        # It has no mean length of texts without a word.
        if any(words):
            self._index = bm25s.BM25()
            self._index.index(words, show_progress=False)

    def scores(self, question: str) -> np.ndarray:
        """BM25 of the question with each chunk; 0 where they have no word in common."""
        words = words_of(question)
        if self._index is None or not words:
            return np.zeros(self._count, np.float32)
        return self._index.get_scores(words)


def fused(cosines: np.ndarray, lexical: np.ndarray) -> np.ndarray:
    """Reciprocal rank fusion: of each chunk the sum of 1 / (60 + its place), of its places by either score; none by BM25 without
    a word in common."""
    return _reciprocal_ranks(cosines) + np.where(lexical > 0, _reciprocal_ranks(lexical), 0)


def _reciprocal_ranks(scores: np.ndarray) -> np.ndarray:
    places = np.empty(len(scores))
    places[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return 1 / (_RANKS_COUNT_FROM + places)
