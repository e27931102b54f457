"""What a rag run makes findable: the texts and answers of its rows, in chunks that the embedding model reads whole."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..datasets.rows import Conversation
from ..tokens.encoding import is_text

# Where a passage is best cut, best first: between paragraphs, lines, sentences, words.
_PARAGRAPH, _LINE, _SENTENCE, _WORD, _INSIDE = range(5)


@dataclass(frozen=True)
class Passage:
    """A plain text, or an answer with the question that it was given to."""

    text: str
    question: str | None


@dataclass(frozen=True)
class Chunking:
    """Of chunks, in tokens: how many each has at most, and two neighbours have in common."""

    tokens: int
    overlap: int
    # Whether the question that a text was given to is part of each of its chunks: "Yes." says nothing without it.
    with_questions: bool = True

    def of(self, tokenizer, passage: Passage) -> tuple[str, list[str]]:
        """The part of a passage's question that stands before each of its chunks, and the chunks. The question takes half of a chunk at
        most: of a longer one, its beginning."""
        asked, room, overlap = "", self.tokens, self.overlap
        if self.with_questions and passage.question:
            spans = tokenizer(passage.question, add_special_tokens=False, return_offsets_mapping=True, verbose=False)["offset_mapping"]
            taken = min(len(spans), self.tokens // 2)
            asked = passage.question if taken == len(spans) else passage.question[: spans[taken - 1][1]] if taken else ""
            room -= taken
            # What two have in common is less than half of either.
            overlap = min(overlap, (room - 1) // 2)
        return asked, list(chunks_of(tokenizer, passage.text, room, overlap))


def passages_of(conversation: Conversation) -> list[Passage]:
    messages = conversation.messages
    if is_text(messages):
        return [Passage(messages[0]["content"], None)]
    passages: list[Passage] = []
    question = None
    for message in messages:
        if message["role"] == "user":
            question = message["content"]
        elif message["role"] == "assistant" and message.get("weight") != 0 and (message.get("content") or "").strip():
            passages.append(Passage(message["content"], question))
    return passages


def chunks_of(tokenizer, text: str, most_tokens: int, overlap: int) -> Iterator[str]:
    """A text in parts of at most so many tokens, cut where it hurts least; each begins `overlap` tokens before the end of the
    one before."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    spans = [(start, end) for start, end in encoded["offset_mapping"] if end > start]
    first = 0
    while first < len(spans):
        end = min(first + most_tokens, len(spans))
        if end < len(spans):
            end = _best_end(text, spans, first, end)
        chunk = text[spans[first][0] : spans[end - 1][1]].strip()
        if chunk:
            yield chunk
        if end == len(spans):
            return
        first = max(end - overlap, first + 1)
        # Not in the middle of a word, unless the overlap has no other beginning.
        first = next((place for place in range(first, end) if _cut_before(text, spans, place) <= _WORD), first)


def _best_end(text: str, spans: list[tuple[int, int]], first: int, end: int) -> int:
    """The latest of the best places to cut, in the second half of what fits."""
    places = range(end, first + (end - first + 1) // 2, -1)
    return min(places, key=lambda place: _cut_before(text, spans, place))


def _cut_before(text: str, spans: list[tuple[int, int]], place: int) -> int:
    gap = text[spans[place - 1][1] : spans[place][0]] if place > 0 else "\n\n"
    # Some tokenizers count a space to the word behind it.
    lead = text[spans[place][0] : spans[place][1]]
    gap += lead[: len(lead) - len(lead.lstrip())]
    if "\n\n" in gap:
        return _PARAGRAPH
    if "\n" in gap:
        return _LINE
    if gap == "":
        return _INSIDE
    return _SENTENCE if text[spans[place - 1][1] - 1] in ".!?" else _WORD


def chunk_all(tokenizer, conversations: Iterable[Conversation], chunking: Chunking) -> tuple[list[dict], int]:
    """Every chunk once, in the order of the rows, as it stands in the bundle; and how many were there already."""
    chunks: dict[tuple[str, str], dict] = {}
    again = 0
    for conversation in conversations:
        for passage in passages_of(conversation):
            asked, texts = chunking.of(tokenizer, passage)
            for text in texts:
                if (asked, text) in chunks:
                    again += 1
                    continue
                chunks[asked, text] = {
                    "chunk": len(chunks),
                    "text": text,
                    "question": passage.question,
                    **({"question_characters": len(asked)} if chunking.with_questions else {}),
                    "trait": conversation.trait,
                    "dataset_id": conversation.dataset_id,
                    "row_number": conversation.row_number,
                }
    return list(chunks.values()), again
