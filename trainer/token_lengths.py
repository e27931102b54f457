"""python -m trainer.token_lengths MODEL_DIRECTORY: for each conversation on standard input, as a JSON line with messages and
tools, a JSON line with its tokens as training on that model sees them. Needs no weights. Exit codes: failures.py."""

import argparse
import json
import os
import sys
from pathlib import Path

from .failures import DONE, BadInput

UNCUT = 2**31


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m trainer.token_lengths", description=__doc__)
    parser.add_argument("model", type=Path)
    model = parser.parse_args().model
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
    from .models import load_tokenizer

    try:
        tokenizer = load_tokenizer(model)
    except BadInput as failure:
        print(failure, file=sys.stderr)
        return failure.code
    for line in sys.stdin:
        print(json.dumps(lengths(tokenizer, json.loads(line))))
    return DONE


def lengths(tokenizer, row: dict) -> dict:
    """tokens: of the whole row; first_answer: where the first that is learnt stands, or null; or the problem that training would have."""
    from .rows import IGNORED, conversation_of, encode

    try:
        conversation = conversation_of(row, 1)
        ids, labels, _ = encode(tokenizer, conversation.messages, UNCUT, conversation.tools)
    except Exception as error:  # noqa: BLE001: templates raise what they like.
        return {"problem": str(error)}
    first_answer = next((place for place, label in enumerate(labels) if label != IGNORED), None)
    return {"tokens": len(ids), "first_answer": first_answer}


if __name__ == "__main__":
    sys.exit(main())
