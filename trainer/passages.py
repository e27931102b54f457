"""What a rag run makes findable: the texts and answers of its rows, in chunks that the embedding model reads whole."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .encoding import is_text
from .rows import Conversation

# Where a passage is best cut, best first: between paragraphs, lines, sentences, words.
_PARAGRAPH, _LINE, _SENTENCE, _WORD, _INSIDE = range(5)


@dataclass(frozen=True)
class Passage:
    """A plain text, or an answer with the question that it was given to."""

    text: str
    question: str | None


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


def chunk_all(tokenizer, conversations: Iterable[Conversation], most_tokens: int, overlap: int) -> tuple[list[dict], int]:
    """Every chunk once, in the order of the rows, as it stands in the bundle; and how many were there already."""
    chunks: dict[str, dict] = {}
    again = 0
    for conversation in conversations:
        for passage in passages_of(conversation):
            for text in chunks_of(tokenizer, passage.text, most_tokens, overlap):
                if text in chunks:
                    again += 1
                    continue
                chunks[text] = {
                    "chunk": len(chunks),
                    "text": text,
                    "question": passage.question,
                    "trait": conversation.trait,
                    "dataset_id": conversation.dataset_id,
                    "row_number": conversation.row_number,
                }
    return list(chunks.values()), again
