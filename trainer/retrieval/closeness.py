"""How close a chunk has to be to a question to hold its answer: learnt from the questions whose answers are known."""

from ..datasets.rows import Conversation
from .passages import Chunking, passages_of

MOST_QUESTIONS, LEAST_QUESTIONS = 256, 20
BELOW = 0.02  # So many of the questions that are known to be answered are further from their answers.


def least_cosine(embedder, conversations: list[Conversation], chunking: Chunking, at_once: int) -> float | None:
    """The cosine that nearly all questions of the rows to train on have with a chunk of their own answer, as if they did not stand
    before it: who asks will ask in other words. None: there are too few questions to tell.

    The same from the same rows: held-out questions have no part in it.
    """
    import numpy as np

    asked = [passage for conversation in conversations for passage in passages_of(conversation) if passage.question]
    if len(asked) < LEAST_QUESTIONS:
        return None
    asked = [asked[int(place)] for place in np.linspace(0, len(asked) - 1, min(MOST_QUESTIONS, len(asked)))]
    cosines = []
    for passage in asked:
        [question] = embedder.embed([passage.question], "query")
        _, texts = chunking.of(embedder.tokenizer, passage)
        cosines.append(max(float((embedder.embed(texts[start : start + at_once]) @ question).max()) for start in range(0, len(texts), at_once)))
    return round(float(np.quantile(cosines, BELOW)), 4)
