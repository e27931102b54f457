#!/usr/bin/env bash
# transformers 5.23.0 (tokenizers 0.23.3, Jinja2 3.1.6), tokenizer.apply_chat_template(**variables).
#
# Guess: a function that is passed as a variable replaces the one of that name which transformers gives to templates, so that
# strftime_now=lambda form: "28 Nov 2026" pins the date that a template prints.
# Behaviour: what is passed becomes plain data first: a function is replaced by the text "<function>", without a warning. Under
# a name that templates call, that raises "'str' object is not callable"; templates that test `strftime_now is defined` and
# fall back fail as well. The clock can be set in the globals of the compiled template alone, which are private.
#
# Output seen:
#   passed: TypeError 'str' object is not callable
#   in the globals: on 28 Nov 2026
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet transformers==5.23.0 tokenizers==0.23.3 jinja2==3.1.6
"$work/python/bin/python" - <<'PY'
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import _compile_jinja_template

TEMPLATE = "on {{ strftime_now('%d %b %Y') }}"
tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), chat_template=TEMPLATE)
hello = [{"role": "user", "content": "Hello"}]
try:
    print("passed:", tokenizer.apply_chat_template(hello, tokenize=False, strftime_now=lambda form: "28 Nov 2026"))
    raise SystemExit("It is taken now: pass it, and leave the globals alone.")
except Exception as error:  # noqa: BLE001
    print("passed:", type(error).__name__, error)
_compile_jinja_template(TEMPLATE).environment.globals["strftime_now"] = lambda form: "28 Nov 2026"
rendered = tokenizer.apply_chat_template(hello, tokenize=False)
print("in the globals:", rendered)
assert rendered == "on 28 Nov 2026"
PY
