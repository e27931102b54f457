"""A bundle as if nobody had asked the held-out questions before, to ask them."""

from pathlib import Path

from ..bundle.contents import without_question
from ..bundle.chunks import Bundle

AT_ONCE = 32


class Unasked(Bundle):
    """The chunks that were given to these questions stand there by their texts alone: with them, each question would find itself, word
    for word, and nobody asks like that. Other questions stay."""

    def __init__(self, directory: Path, embedder, questions: set[str]):
        super().__init__(directory)
        self._unasked: list[int] = []
        self._is_unasked: set[int] = set()
        for number in range(len(self.embeddings)):
            chunk = super().chunk(number)
            # In bundles from before questions were indexed, none is.
            if chunk.get("question_characters") and chunk["question"] in questions:
                self._unasked.append(number)
        self._is_unasked.update(self._unasked)
        texts = [self.chunk(number)["text"] for number in self._unasked]
        self._texts = [embedder.embed(texts[start : start + AT_ONCE]) for start in range(0, len(texts), AT_ONCE)]

    def chunk(self, number: int) -> dict:
        chunk = super().chunk(number)
        return without_question(chunk) if number in self._is_unasked else chunk

    def scores(self, questions):
        import numpy as np

        scores = super().scores(questions)
        if self._unasked:
            scores[:, self._unasked] = questions @ np.concatenate(self._texts).T
        return scores
