#!/usr/bin/env bash
# transformers 5.23.0 with peft 0.21.2 (torch 2.13.0, accelerate 1.15.0): AutoModelForCausalLM.from_pretrained of a folder that holds a
# model with its adapter merged into it, and that adapter beside it.
#
# Guess: a folder with config.json and model.safetensors is a whole model, and these are what is loaded. adapter_config.json names
# another folder as its base, so its adapter belongs upon that one.
# Behaviour: it takes the adapter for a part of the model in the folder, whatever base it names, and puts it upon the merged weights
# without a word: what was learnt is there twice. It is so with LlamaForCausalLM too. Where peft is not installed, it is there once.
#
# Output seen (how often the change of the adapted layer is in the model):
#   AutoModelForCausalLM, merged alone: 1.000
#   AutoModelForCausalLM, merged beside its adapter: 2.000
#   LlamaForCausalLM, merged beside its adapter: 2.000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet torch==2.13.0
python/bin/pip install --quiet transformers==5.23.0 peft==0.21.2 accelerate==1.15.0
cat > look.py <<'PY'
import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=128, num_hidden_layers=1, num_attention_heads=4)).save_pretrained("base")


def weight_of(model):
    """What the adapted layer multiplies by."""
    return model.model.layers[0].self_attn.q_proj(torch.eye(64)).T.detach()


before = weight_of(AutoModelForCausalLM.from_pretrained("base"))
adapted = get_peft_model(AutoModelForCausalLM.from_pretrained("base"), LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM"))
for name, each in adapted.named_parameters():
    if ".lora_B" in name:
        torch.nn.init.normal_(each, std=0.1)
adapted.save_pretrained("beside")
merged = adapted.merge_and_unload()
merged.save_pretrained("beside")
merged.save_pretrained("alone")
learnt = weight_of(merged) - before

times = {}
for kind, folder, told in (
    (AutoModelForCausalLM, "alone", "merged alone"),
    (AutoModelForCausalLM, "beside", "merged beside its adapter"),
    (LlamaForCausalLM, "beside", "merged beside its adapter"),
):
    change = weight_of(kind.from_pretrained(folder)) - before
    times[kind, folder] = ((change * learnt).sum() / learnt.square().sum()).item()
    print(f"{kind.__name__}, {told}: {times[kind, folder]:.3f}")
assert json.loads(Path("beside/adapter_config.json").read_text())["base_model_name_or_path"] == "base"
assert abs(times[AutoModelForCausalLM, "alone"] - 1) < 1e-3
assert all(abs(times[kind, "beside"] - 2) < 1e-3 for kind in (AutoModelForCausalLM, LlamaForCausalLM))
PY
python/bin/python look.py 2>/dev/null
