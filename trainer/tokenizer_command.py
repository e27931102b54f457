"""What the commands have in common that look at a model's tokenizer and chat template. They need no weights."""

import argparse
import sys
from pathlib import Path

from .chats.forms import REASONING, TOOL_CALLS, TRAIN_ON, Choices
from .chats.templates import ChatTemplate
from .platform import libraries
from .platform.failures import BadInput
from .tokens.encoding import TOO_LONG


def parser_of(module: str, description: str | None, encodes: bool = True) -> argparse.ArgumentParser:
    """The arguments of `python -m trainer.<module>`; `encodes`: with how rows are encoded."""
    parser = argparse.ArgumentParser(prog=f"python -m trainer.{module}", description=description)
    parser.add_argument("model", type=Path)
    if encodes:
        parser.add_argument("--new-token", action="append", default=[], metavar="TEXT", dest="new_tokens", help="that the tokenizer has beyond its own; may be given several times")
        parser.add_argument("--max-length", type=int, default=1024, help="of an example, in tokens")
        parser.add_argument("--too-long", choices=TOO_LONG, default="truncate", help="what is done with a longer row")
        parser.add_argument("--reasoning", choices=REASONING, default="inline", help="what is done with thoughts that the chat template cannot show")
        parser.add_argument("--tool-calls", choices=TOOL_CALLS, default="refuse", help="what is done with calls of tools that it cannot show")
        parser.add_argument("--train-on", choices=TRAIN_ON, default="answers", help="what is learnt of it")
    parser.add_argument("--today", help="the day that it takes for today, as 2026-11-28")
    return parser


def template_of(arguments: argparse.Namespace) -> ChatTemplate:
    """Ends the process, with the reason on standard error, where the model's tokenizer cannot be loaded. Exit codes: failures.py."""
    libraries.prepare_for_tokenizers()
    from .base_models.models import load_tokenizer
    from .base_models.new_tokens import add_to

    try:
        tokenizer = load_tokenizer(arguments.model)
        if new := getattr(arguments, "new_tokens", None):
            add_to(tokenizer, new)
        return ChatTemplate(tokenizer, arguments.today)
    except BadInput as failure:
        print(failure, file=sys.stderr)
        sys.exit(failure.code)


def choices_of(arguments: argparse.Namespace) -> Choices:
    return Choices(arguments.reasoning, arguments.tool_calls, arguments.today, arguments.train_on)
