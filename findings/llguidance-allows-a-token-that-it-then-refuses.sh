#!/usr/bin/env bash
# llguidance 1.9.1 with a tokenizer of tokenizers 0.23.3 that has <tool_call> as an added token which is not special, as Qwen 2.5's and later ones have.
#
# Guess: a rule with the text "<tool_call>" is satisfied by that token, since the tokenizer writes it as that text and does not call it special; at least, a token that the
# mask allows can be taken.
# Behaviour: whatever stands between < and > is no text for llguidance (is_special_token). Where the grammar wants it as a text and nothing else can follow, the mask
# allows the token alone, and compute_ff_tokens proposes it, but consume_token refuses it, and the matcher is in error from then on. A rule has to name the token by
# its number, <[2]>.
#
# Output seen:
#   special for tokenizers: False, for llguidance: True
#   as a text: allowed [2], proposed [2], taken: False
#   by its number: allowed [2], taken: True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet llguidance==1.9.1 tokenizers==0.23.3
python/bin/python - <<'EOF' | tee seen
from llguidance import LLMatcher, LLTokenizer
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

letters = {letter: place for place, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
tokenizer = Tokenizer(models.BPE(vocab={"<|end|>": 0, "ab": 1, **{letter: place + 3 for letter, place in letters.items()}, "<tool_call>": 2}, merges=[("a", "b")]))
tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
tokenizer.add_special_tokens(["<|end|>"])
tokenizer.add_tokens([AddedToken("<tool_call>", special=False)])
words = LLTokenizer(tokenizer.to_str(), n_vocab=tokenizer.get_vocab_size(), eos_token=0)


def matcher(rule):
    return LLMatcher(words, LLMatcher.grammar_from_lark(f'start: {rule} "ab"'), log_level=0)


def allowed(rule):
    return [token for token, value in enumerate(matcher(rule).compute_logit_bias()) if value]


special = tokenizer.get_added_tokens_decoder()[2].special
print(f"special for tokenizers: {special}, for llguidance: {words.is_special_token(2)}")
text = '"<tool_call>"'
print(f"as a text: allowed {allowed(text)}, proposed {matcher(text).compute_ff_tokens()[:1]}, taken: {matcher(text).consume_token(2)}")
print(f"by its number: allowed {allowed('<[2]>')}, taken: {matcher('<[2]>').consume_token(2)}")
EOF
diff seen - <<'EOF'
special for tokenizers: False, for llguidance: True
as a text: allowed [2], proposed [2], taken: False
by its number: allowed [2], taken: True
EOF
