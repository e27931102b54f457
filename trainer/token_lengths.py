"""python -m trainer.token_lengths MODEL_DIRECTORY: for each conversation on standard input, as a JSON line with messages and
tools, a JSON line with its tokens as training on that model sees them. Needs no weights. Exit codes: failures.py."""

import json
import sys

from .chats.forms import NOTES, Choices
from .chats.templates import ChatTemplate
from .datasets.rows import conversation_of
from .platform.failures import DONE
from .tokenizer_command import choices_of, parser_of, template_of
from .tokens.encoding import encode_row


def main() -> int:
    arguments = parser_of("token_lengths", __doc__).parse_args()
    template, choices = template_of(arguments), choices_of(arguments)
    for line in sys.stdin:
        print(json.dumps(lengths(template, json.loads(line), arguments.max_length, arguments.too_long, choices)))
    return DONE


def lengths(template: ChatTemplate, row: dict, max_length: int, too_long: str, choices: Choices) -> dict:
    """tokens: of the whole row; trained: of its examples, of which there may be none; or the problem that training would have."""
    try:
        encoded = encode_row(template, conversation_of(row, 1), max_length, too_long, choices)
    except Exception as error:  # noqa: BLE001: templates raise what they like.
        return {"problem": str(error)}
    return {
        "tokens": encoded.tokens,
        "trained": sum(len(example.ids) for example in encoded.examples),
        "examples": len(encoded.examples),
        "longest": max((len(example.ids) for example in encoded.examples), default=0),
        "truncated": encoded.truncated,
        "dropped": encoded.dropped,
        "notes": [NOTES[note] for note in sorted(encoded.notes)],
    }


if __name__ == "__main__":
    sys.exit(main())
