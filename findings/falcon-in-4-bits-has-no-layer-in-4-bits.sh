#!/usr/bin/env bash
# transformers 5.23.0 with bitsandbytes 0.50.2: a Falcon model loaded with load_in_4bit=True.
#
# Guess: the linear layers of its blocks are in 4 bits, as a Llama's are; the model says is_loaded_in_4bit.
# Behaviour: only layers whose class is torch.nn.Linear itself are put into 4 bits, and Falcon's are of a class derived from it
# (FalconLinear). None is; the model says is_loaded_in_4bit nevertheless, and takes four times the memory that was counted on.
#
# Output seen:
#   llama: 7 of 7 linear layers in 4 bits, is_loaded_in_4bit True
#   falcon: 0 of 4 linear layers in 4 bits, is_loaded_in_4bit True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet torch==2.13.0
python/bin/pip install --quiet transformers==5.23.0 accelerate==1.15.0 bitsandbytes==0.50.2
cat > look.py <<'PY'
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, FalconConfig, FalconForCausalLM, LlamaConfig, LlamaForCausalLM

models = {
    "llama": LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=128, num_hidden_layers=1, num_attention_heads=4)),
    "falcon": FalconForCausalLM(FalconConfig(vocab_size=64, hidden_size=64, num_hidden_layers=1, num_attention_heads=4, new_decoder_architecture=True, num_kv_heads=2)),
}
found = {}
for name, model in models.items():
    model.save_pretrained(name)
    loaded = AutoModelForCausalLM.from_pretrained(name, quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4"))
    layers = [layer for layer in loaded.modules() if isinstance(layer, torch.nn.Linear) and layer is not loaded.lm_head]
    found[name] = [type(layer).__name__ == "Linear4bit" for layer in layers]
    print(f"{name}: {sum(found[name])} of {len(layers)} linear layers in 4 bits, is_loaded_in_4bit {loaded.is_loaded_in_4bit}")
    assert loaded.is_loaded_in_4bit
assert all(found["llama"]) and not any(found["falcon"])
PY
python/bin/python look.py 2>/dev/null
