"""How close a chunk has to be to a question to hold its answer: learnt from the questions whose answers are known."""

from .passages import chunks_of, passages_of
from .rows import Conversation

MOST_QUESTIONS, LEAST_QUESTIONS = 256, 20
BELOW = 0.02  # So many of the questions that are known to be answered are further from their answers.


def least_cosine(embedder, conversations: list[Conversation], chunks: list[dict], embeddings, chunk_size: tuple[int, int], at_once: int) -> float | None:
    """The cosine that nearly all questions of the rows to train on have with a chunk of their own answer. None: there are too few questions to tell.

    The same from the same rows: held-out questions have no part in it.
    """
    import numpy as np

    asked = [passage for conversation in conversations for passage in passages_of(conversation) if passage.question]
    if len(asked) < LEAST_QUESTIONS:
        return None
    asked = [asked[int(place)] for place in np.linspace(0, len(asked) - 1, min(MOST_QUESTIONS, len(asked)))]
    numbers = {chunk["text"]: number for number, chunk in enumerate(chunks)}
    cosines = []
    for start in range(0, len(asked), at_once):
        part = asked[start : start + at_once]
        for question, passage in zip(embedder.embed([passage.question for passage in part], "query"), part):
            own = [numbers[text] for text in chunks_of(embedder.tokenizer, passage.text, *chunk_size)]
            cosines.append(float((embeddings[own] @ question).max()))
    return round(float(np.quantile(cosines, BELOW)), 4)
