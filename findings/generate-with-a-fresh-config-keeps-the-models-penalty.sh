#!/usr/bin/env bash
# transformers 5.23.0: model.generate(generation_config=GenerationConfig(do_sample=False, ...)) with a model whose own
# generation_config.json has a repetition_penalty, as published models have.
#
# Guess: a configuration that is handed to generate is all that counts, so that a fresh one with do_sample=False takes the likeliest
# token each time.
# Behaviour: what it leaves open is taken from the model's own, the penalty too: other tokens are taken. It takes a fresh configuration
# in the model's place.
#
# Output seen:
#   the model has none:            [15, 0, 5, 15, 0, 5, 15, 0]
#   a penalty of its own:          [15, 0, 5, 10, 0, 5, 7, 13]
#   a fresh one in its own place:  [15, 0, 5, 15, 0, 5, 15, 0]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet torch==2.13.0
python/bin/pip install --quiet transformers==5.23.0
cat > look.py <<'PY'
import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
config = LlamaConfig(vocab_size=16, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, eos_token_id=None, bos_token_id=None)
model = LlamaForCausalLM(config).eval()


def said():
    fresh = GenerationConfig(do_sample=False, max_new_tokens=8)
    return model.generate(torch.tensor([[1, 2, 3]]), generation_config=fresh)[0, 3:].tolist()


without = said()
model.generation_config.repetition_penalty = 5.0
penalised = said()
model.generation_config = GenerationConfig()
again = said()
print("the model has none:           ", without)
print("a penalty of its own:         ", penalised)
print("a fresh one in its own place: ", again)
assert without == again != penalised
PY
python/bin/python look.py 2>/dev/null
