#!/usr/bin/env bash
# peft 0.21.2, torch 2.13.0: a LoRA adapter in float32 (autocast_adapter_dtype, the default) upon a layer in bf16.
#
# Guess: the adapter's numbers are kept in float32 so that small ones count; what it adds to the output, it adds.
# Behaviour: the layer's output is in bf16, and the adapter's is rounded to that and added in it. What is less than half a step of bf16 is
# lost: after one step of AdamW at a learning rate of 0.00002 a tenth arrives, after ten 70 %. merge_and_unload in bf16 loses as much of the
# weights. So a loss that is measured so is that of another model than base and adapter are in float32, or merged in it.
#
# Output seen (the part of what the adapter adds that arrives):
#   step 1: 1.00 in float32, 0.09 in bf16, 0.07 merged in bf16
#   step 3: 1.00 in float32, 0.27 in bf16, 0.20 merged in bf16
#   step 10: 1.00 in float32, 0.71 in bf16, 0.64 merged in bf16
#   step 100: 1.00 in float32, 1.00 in bf16, 1.00 merged in bf16
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet torch==2.13.0
python/bin/pip install --quiet peft==0.21.2
cat > look.py <<'PY'
import torch
from peft import LoraConfig, get_peft_model


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(512, 512, bias=False)

    def forward(self, inputs):
        return self.layer(inputs)


def part(added, expected):
    return ((added.double() * expected).sum() / (expected * expected).sum()).item()


inputs = torch.randn(256, 512, generator=torch.Generator().manual_seed(2))
signs = torch.randn(512, 16, generator=torch.Generator().manual_seed(1)).sign()
kept = {}
for step in (1, 3, 10, 100):
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(0)
        base = Model().to(dtype)
        with torch.no_grad():
            weight, before = base.layer.weight.clone(), base(inputs.to(dtype))
            model = get_peft_model(base, LoraConfig(target_modules=["layer"], r=16, lora_alpha=32))
            layer = model.base_model.model.layer
            assert layer.lora_A["default"].weight.dtype == torch.float32
            # B begins at zero, and AdamW moves each number by about the learning rate in a step.
            layer.lora_B["default"].weight.copy_(2e-5 * step * signs)
            delta = layer.get_delta_weight("default").double()
            kept[step, dtype] = part(model(inputs.to(dtype)) - before, inputs.double() @ delta.T)
            kept[step, dtype, "merged"] = part(model.merge_and_unload().layer.weight.double() - weight.double(), delta)
    of = [kept[step, torch.float32], kept[step, torch.bfloat16], kept[step, torch.bfloat16, "merged"]]
    print("step {}: {:.2f} in float32, {:.2f} in bf16, {:.2f} merged in bf16".format(step, *of))
assert kept[1, torch.float32] > 0.99 and kept[1, torch.bfloat16] < 0.3 and kept[100, torch.bfloat16] > 0.9
PY
python/bin/python look.py 2>/dev/null
