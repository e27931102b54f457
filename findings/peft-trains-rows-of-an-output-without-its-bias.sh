#!/usr/bin/env bash
# peft 0.21.2 on transformers 5.23.0: LoraConfig(trainable_token_indices={"lm_head": …}) for a model whose output's layer adds a bias (Phi).
#
# Guess: an adapter that has learnt nothing changes nothing. Rows that are trained begin as those of the base, so the logits are the base's.
# Behaviour: the layer is computed by its weights alone (TrainableTokensLayer.forward_adapters), and its bias is left out, for all tokens. Nothing is said.
#
# Output seen:
#   logits differ from the base's by the bias: True
#   and from the base's without it by nothing: True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet torch==2.13.0
python/bin/pip install --quiet transformers==5.23.0 peft==0.21.2 accelerate==1.15.0
cat > look.py <<'PY'
import torch
from peft import LoraConfig, get_peft_model
from transformers import PhiConfig, PhiForCausalLM

model = PhiForCausalLM(PhiConfig(vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2)).eval()
bias = torch.nn.init.normal_(model.lm_head.bias).detach().clone()
ids = torch.arange(8).unsqueeze(0)
with torch.no_grad():
    base = model(input_ids=ids).logits
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj"], trainable_token_indices={"lm_head": [5]}, task_type="CAUSAL_LM")).eval()
    logits = adapted(input_ids=ids).logits
print("logits differ from the base's by the bias:", torch.allclose(base - logits, bias.expand_as(base), atol=1e-5))
print("and from the base's without it by nothing:", torch.allclose(logits, base - bias, atol=1e-5))
assert torch.allclose(logits, base - bias, atol=1e-5) and not torch.allclose(logits, base, atol=1e-2)
PY
python/bin/python look.py 2>/dev/null
