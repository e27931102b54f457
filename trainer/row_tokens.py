"""python -m trainer.row_tokens MODEL_DIRECTORY: for the conversation on standard input, a JSON object with messages and tools, one with
its tokens as training on that model sees them. Needs no weights. Exit codes: failures.py."""

import json
import sys
from collections.abc import Iterator
from itertools import chain, islice

from .chats.forms import NOTES, Choices
from .chats.templates import ChatTemplate
from .datasets.rows import conversation_of
from .platform.failures import DONE
from .tokenizer_command import choices_of, parser_of, template_of
from .tokens.encoding import IGNORED, Example, encode_uncut


def main() -> int:
    parser = parser_of("row_tokens", __doc__)
    parser.add_argument("--offset", type=int, default=0, help="the first token that is shown, of those of all examples")
    parser.add_argument("--limit", type=int, default=4096, help="how many are shown")
    arguments = parser.parse_args()
    template, choices = template_of(arguments), choices_of(arguments)
    shown = slice(arguments.offset, arguments.offset + arguments.limit)
    print(json.dumps(tokens_of(template, json.load(sys.stdin), arguments.max_length, arguments.too_long, choices, shown)))
    return DONE


def tokens_of(template: ChatTemplate, row: dict, max_length: int, too_long: str, choices: Choices, shown: slice = slice(0, None)) -> dict:
    """The row's examples, and those of their tokens that are to be shown; or the problem that training would have."""
    try:
        encoded = encode_uncut(template, conversation_of(row, 1), max_length, too_long, choices)
    except Exception as error:  # noqa: BLE001: templates raise what they like.
        return {"problem": str(error)}
    fits = 0 if encoded.dropped else max_length
    each = chain.from_iterable(tokens_in(template.tokenizer, number, example, fits) for number, example in enumerate(encoded.examples))
    return {
        "examples": [_example(example, fits) for example in encoded.examples],
        "dropped": encoded.dropped,
        "notes": [NOTES[note] for note in sorted(encoded.notes)],
        "tokens": list(islice(each, shown.start, shown.stop)),
    }


def _example(example: Example, fits: int) -> dict:
    """An example of which nothing is learnt within max_length is not trained on."""
    learnt = sum(label != IGNORED for label in example.labels[1:fits])
    return {"tokens": len(example.ids), "cut_off": max(0, len(example.ids) - fits), "learnt": learnt}


def tokens_in(tokenizer, number: int, example: Example, fits: int) -> Iterator[dict]:
    """Those of the example with this number, of which the first `fits` are trained on. Their texts together are the text that the example
    was made from. A character of several tokens stands with the first of them."""
    special = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    shown = example.offsets[0][0] if example.offsets else 0
    for place, (token, label, (first, last)) in enumerate(zip(example.ids, example.labels, example.offsets)):
        is_unwritten = first == last and (token in special or first == len(example.text))  # The beginning and the end of a plain text, which stand in no text.
        text, shown = example.text[shown:last], max(shown, last)
        is_learnt = label != IGNORED and 0 < place < fits  # The first one is told from nothing.
        yield {
            "example": number,
            "id": token,
            "text": tokenizer.convert_ids_to_tokens(token) if is_unwritten else text,
            "learnt": is_learnt,
            "weight": int(is_learnt),
            "special": token in special,
            "cut_off": place >= fits,
        }


if __name__ == "__main__":
    sys.exit(main())
