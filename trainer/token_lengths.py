"""python -m trainer.token_lengths MODEL_DIRECTORY: for each conversation on standard input, as a JSON line with messages and
tools, a JSON line with its tokens as training on that model sees them. Needs no weights. Exit codes: failures.py."""

import argparse
import json
import os
import sys
from pathlib import Path

from .encoding import TOO_LONG, encode_row
from .failures import DONE, BadInput
from .forms import NOTES, REASONING, TOOL_CALLS, Choices
from .rows import conversation_of
from .templates import ChatTemplate


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m trainer.token_lengths", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--max-length", type=int, default=1024, help="of an example, in tokens")
    parser.add_argument("--too-long", choices=TOO_LONG, default="truncate", help="what is done with a longer row")
    parser.add_argument("--reasoning", choices=REASONING, default="inline", help="what is done with thoughts that the chat template cannot show")
    parser.add_argument("--tool-calls", choices=TOOL_CALLS, default="refuse", help="what is done with calls of tools that it cannot show")
    parser.add_argument("--today", help="the day that it takes for today, as 2026-11-28")
    arguments = parser.parse_args()
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
    from .models import load_tokenizer

    try:
        tokenizer = load_tokenizer(arguments.model)
    except BadInput as failure:
        print(failure, file=sys.stderr)
        return failure.code
    template = ChatTemplate(tokenizer, arguments.today)
    choices = Choices(arguments.reasoning, arguments.tool_calls, arguments.today)
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
