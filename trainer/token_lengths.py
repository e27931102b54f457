"""python -m trainer.token_lengths MODEL_DIRECTORY: for each conversation on standard input, as a JSON line with messages and
tools, a JSON line with its tokens as training on that model sees them. Needs no weights. Exit codes: failures.py."""

import json
import sys

from .encoding import encode_row
from .failures import DONE
from .forms import NOTES, Choices
from .rows import conversation_of
from .templates import ChatTemplate
from .tokenizer_command import choices_of, parser_of, template_of


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
        "truncated": encoded.truncated,
        "dropped": encoded.dropped,
        "notes": [NOTES[note] for note in sorted(encoded.notes)],
    }


if __name__ == "__main__":
    sys.exit(main())
