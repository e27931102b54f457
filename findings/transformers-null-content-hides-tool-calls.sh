#!/usr/bin/env bash
# transformers 5.23.0 (tokenizers 0.23.3, Jinja2 3.1.6), tokenizer.apply_chat_template.
#
# Guess: a message with "content": None reaches the chat template as it is, so a template that shows a call of a tool where
# content is none (those of DeepSeek V2.5, V3 and the distills of R1 do) shows it.
# Behaviour: keys whose value is None are dropped first. The template then sees a message without content, its test
# `message['content'] is none` is false for what is undefined, and the call is left out of the text without an error: the
# model reads a result of a tool that nobody called. render_jinja_template, which it calls, keeps None.
#
# Output seen:
#   apply_chat_template:   <user>Hot?<tool>30
#   render_jinja_template: <user>Hot?<call>weather<tool>30
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet transformers==5.23.0 tokenizers==0.23.3 jinja2==3.1.6
"$work/python/bin/python" - <<'PY'
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import render_jinja_template

TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' and message['content'] is none %}<call>{{ message['tool_calls'][0]['function']['name'] }}"
    "{% elif message['role'] != 'assistant' %}<{{ message['role'] }}>{{ message['content'] }}{% endif %}"
    "{% endfor %}"
)
MESSAGES = [
    {"role": "user", "content": "Hot?"},
    {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": "{}"}}]},
    {"role": "tool", "content": "30"},
]

tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), chat_template=TEMPLATE)
applied = tokenizer.apply_chat_template(MESSAGES, tokenize=False)
[rendered], _ = render_jinja_template(conversations=[MESSAGES], chat_template=TEMPLATE)
print("apply_chat_template:  ", applied)
print("render_jinja_template:", rendered)
assert applied == "<user>Hot?<tool>30" and rendered == "<user>Hot?<call>weather<tool>30"
PY
