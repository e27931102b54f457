#!/usr/bin/env bash
# peft 0.21.2 on transformers 5.23.0: LoraConfig(target_modules="all-linear") for a mixture of experts (GLM-4.5), whose experts are one
# tensor in this version, beside shared experts of ordinary linear layers.
#
# Guess: every linear layer but the output's gets an adapter, as the documentation says; what chooses the experts is no torch.nn.Linear
# here (Glm4MoeTopkRouter), so it gets none.
# Behaviour: the router gets one, and gate_proj, up_proj and down_proj of the shared experts and of the
# dense layers, which are torch.nn.Linear, get none: their
# names are taken for those of the experts. Nothing is said.
#
# Output seen:
#   linear layers without an adapter: mlp.down_proj mlp.gate_proj mlp.up_proj shared_experts.down_proj shared_experts.gate_proj shared_experts.up_proj
#   adapters on no linear layer: experts.down_proj experts.gate_up_proj gate.weight
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
from peft.tuners.lora.layer import LoraLayer, ParamWrapper
from transformers import Glm4MoeConfig, Glm4MoeForCausalLM

config = Glm4MoeConfig(
    vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, head_dim=16, n_routed_experts=4, num_experts_per_tok=2,
    moe_intermediate_size=16, n_shared_experts=1, first_k_dense_replace=1, n_group=1, topk_group=1,
)
model = Glm4MoeForCausalLM(config)
linear = {name for name, layer in model.named_modules() if isinstance(layer, torch.nn.Linear) and layer is not model.lm_head}
adapted = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")).get_base_model()


def end_of(name):
    return ".".join(name.split(".")[-2:])


layers, others = set(), set()
for name, layer in adapted.named_modules():
    if isinstance(layer, ParamWrapper):
        others.add(end_of(f"{name.replace('.base_layer', '')}.{layer.parameter_name}"))
    elif isinstance(layer, LoraLayer):
        layers.add(name)
without = sorted(end_of(name) for name in linear - layers)
print("linear layers without an adapter:", *without)
print("adapters on no linear layer:", *sorted(others))
assert without == sorted(f"{where}.{layer}" for where in ("mlp", "shared_experts") for layer in ("down_proj", "gate_proj", "up_proj"))
assert "gate.weight" in others
PY
python/bin/python look.py 2>/dev/null
