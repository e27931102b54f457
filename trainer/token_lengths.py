"""python -m trainer.token_lengths MODEL_DIRECTORY: for each conversation on standard input, as a JSON line with messages, tools and,
of a pair of answers, rejected, a JSON line with its tokens as training on that model sees them. Needs no weights. Exit codes: failures.py."""

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
    """tokens: of the whole row, of a pair of answers with the longer one, which is what `max_length` bounds; total: with both; trained: of its examples, of which there
    may be none, and of a pair both or none; examples: of a pair one, as steps count them; or the problem that training would have."""
    try:
        sides = [encode_row(template, side, max_length, too_long, choices) for side in conversation_of(row, 1).sides]
    except Exception as error:  # noqa: BLE001: templates raise what they like.
        return {"problem": str(error)}
    whole = all(side.examples for side in sides)
    trained = [len(example.ids) for side in sides for example in side.examples] if whole else []
    return {
        "tokens": max(side.tokens for side in sides),
        "total": sum(side.tokens for side in sides),
        "trained": sum(trained),
        "examples": len(trained) // len(sides),
        "longest": max(trained, default=0),
        "truncated": any(side.truncated for side in sides),
        "dropped": any(side.dropped for side in sides),
        "notes": [NOTES[note] for note in sorted(set().union(*(side.notes for side in sides)))],
    }


if __name__ == "__main__":
    sys.exit(main())
