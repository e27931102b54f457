"""The chunks of a bundle and their embeddings, and which of them are closest to a question. Needs numpy, and for words bm25s; a copy of this
file lies in each bundle."""

import json
from pathlib import Path

import numpy as np

if __package__:
    from .contents import content_of
    from .lexical import Lexical, fused
else:  # In a bundle.
    from contents import content_of
    from lexical import Lexical, fused


class Bundle:
    """What a rag run made: chunks of text, and an embedding of each."""

    def __init__(self, directory: Path):
        self.config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        self.embeddings = np.load(directory / "embeddings.npy", mmap_mode="r", allow_pickle=False)
        self._lexical: Lexical | None = None
        self._chunks = (directory / "chunks.jsonl").open("rb")
        lengths = [len(line) for line in self._chunks]
        if len(lengths) != len(self.embeddings):
            raise ValueError(f"chunks.jsonl has {len(lengths)} lines and embeddings.npy {len(self.embeddings)} rows.")
        self._starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])

    def chunk(self, number: int) -> dict:
        self._chunks.seek(self._starts[number])
        return json.loads(self._chunks.readline())

    def scores(self, questions: np.ndarray) -> np.ndarray:
        """Cosine of each question (rows) with each chunk (columns)."""
        return questions @ self.embeddings.T

    def lexical(self, question: str) -> np.ndarray:
        """BM25 of the question with each chunk. Raises ValueError (NoLibrary) where bm25s is not installed."""
        if self._lexical is None:
            self._lexical = Lexical([content_of(self.chunk(number)) for number in range(len(self.embeddings))])
        return self._lexical.scores(question)

    def search(self, question: np.ndarray, top_k: int, words: str | None = None) -> list[dict]:
        """The best chunks, best first; equal ones in their order. By their cosine with the embedding of the question, or, where
        its words are given, by that and BM25 together."""
        [cosines] = self.scores(question[None, :])
        lexical = None if words is None else self.lexical(words)
        scores = cosines if lexical is None else fused(cosines, lexical)
        best = np.argsort(-scores, kind="stable")[:top_k]
        return [
            {
                "score": round(float(scores[number]), 6),
                "cosine": round(float(cosines[number]), 6),
                "bm25": None if lexical is None else round(float(lexical[number]), 6),
                **self.chunk(int(number)),
            }
            for number in best
        ]

    def least_cosine(self, search: str) -> float | None:
        """How close a chunk has to be to a question to hold its answer. What is found by its words need not be."""
        return (self.config.get("answering") or {}).get("least_cosine") if search == "vector" else None
