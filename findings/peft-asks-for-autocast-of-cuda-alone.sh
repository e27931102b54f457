#!/usr/bin/env bash
# peft 0.21.2, torch 2.13.0, bitsandbytes 0.50.2: a LoRA adapter upon a layer in 4 bits, within torch.autocast("cpu", torch.bfloat16).
#
# Guess: within autocast an adapter reads what the layer reads, as peft's own condition says (it makes a copy in the adapter's type where
# torch.is_autocast_enabled() is false).
# Behaviour: without an argument torch answers for CUDA. On a CPU the input is copied to float32 for each layer, dropout is computed in float32,
# and autocast makes bf16 of it again for the product. The numbers are the same; the time and the memory of the copies are not.
#
# Output seen:
#   asked without a device: False, asked for the CPU: True
#   the layer reads torch.bfloat16, its adapter torch.float32
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet torch==2.13.0
python/bin/pip install --quiet peft==0.21.2 bitsandbytes==0.50.2
cat > look.py <<'PY'
import bitsandbytes
import torch
from peft import LoraConfig, get_peft_model


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = bitsandbytes.nn.Linear4bit(64, 64, bias=False, compute_dtype=torch.bfloat16, quant_type="nf4")

    def forward(self, inputs):
        return self.layer(inputs)


model = Model().to("cpu")
model.is_loaded_in_4bit = True
model = get_peft_model(model, LoraConfig(r=8, target_modules=["layer"], lora_dropout=0.1)).train()
read = {}
layer = model.base_model.model.layer
layer.base_layer.register_forward_pre_hook(lambda _, given: read.update(layer=given[0].dtype))
layer.lora_A["default"].register_forward_pre_hook(lambda _, given: read.update(adapter=given[0].dtype))
with torch.autocast("cpu", torch.bfloat16):
    answers = torch.is_autocast_enabled(), torch.is_autocast_enabled("cpu")
    model(torch.randn(4, 64, dtype=torch.bfloat16))
print("asked without a device: %s, asked for the CPU: %s" % answers)
print(f"the layer reads {read['layer']}, its adapter {read['adapter']}")
assert answers == (False, True) and read == {"layer": torch.bfloat16, "adapter": torch.float32}
PY
python/bin/python look.py
