#!/usr/bin/env bash
# transformers 5.23.0 (torch 2.13.0, accelerate 1.15.0): FineGrainedFP8Config(dequantize=True) of a model in fine-grained FP8, whose
# matrices have a side that is no multiple of the block size. Without a GPU this is what every such model is loaded by.
#
# Guess: a block is of the size that config.json says (weight_block_size, 128 x 128), and the last of a row or column is what remains:
# 192 rows are 128 and 64. So the layer in 8 bits of the same version (FP8Linear) makes room for its scales, by rounding up.
# Behaviour: the size is taken from how many scales there are. 192 rows with two scales become two blocks of 96, in silence: a sixth of
# the matrix is scaled by another block's number. Where the scales do not divide the rows (320 rows, three scales), it is refused.
#
# Output seen (a llama; how far its MLP is from what the format says, in parts of the norm):
#   intermediate_size 128: scales 1 x 1, 0.000 away
#   intermediate_size 192: scales 2 x 1, 0.471 away
#   intermediate_size 256: scales 2 x 1, 0.000 away
#   intermediate_size 320: scales 3 x 1, RuntimeError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet torch==2.13.0
python/bin/pip install --quiet transformers==5.23.0 accelerate==1.15.0
cat > look.py <<'PY'
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, FineGrainedFP8Config, LlamaConfig, LlamaForCausalLM
from transformers.integrations.finegrained_fp8 import FP8Linear

BLOCK = 128
QUANTIZED = dict(quant_method="fp8", fmt="e4m3", activation_scheme="dynamic", weight_block_size=[BLOCK, BLOCK])
torch.manual_seed(0)


def in_fp8(weight):
    """The numbers, their scales, and what both are together."""
    numbers, whole = torch.empty_like(weight, dtype=torch.float8_e4m3fn), torch.empty_like(weight)
    scales = torch.empty([-(-side // BLOCK) for side in weight.shape])
    for row in range(scales.shape[0]):
        for column in range(scales.shape[1]):
            where = slice(row * BLOCK, (row + 1) * BLOCK), slice(column * BLOCK, (column + 1) * BLOCK)
            block = weight[where] * 4 ** (row + column)  # So that the blocks differ.
            scales[row, column] = block.abs().max() / 448
            numbers[where] = (block / scales[row, column]).to(numbers.dtype)
            whole[where] = numbers[where].float() * scales[row, column]
    return numbers, scales, whole


seen = {}
for size in (128, 192, 256, 320):
    folder = Path(f"of-{size}")
    LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=128, intermediate_size=size, num_hidden_layers=1, num_attention_heads=4)).save_pretrained(folder)
    stored, expected = {}, {}
    for name, weight in load_file(folder / "model.safetensors").items():
        stored[name] = weight
        if "_proj" in name:
            stored[name], stored[f"{name}_scale_inv"], expected[name] = in_fp8(weight)
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": QUANTIZED}))

    scales = list(stored["model.layers.0.mlp.up_proj.weight_scale_inv"].shape)
    assert scales == list(FP8Linear(128, size, block_size=(BLOCK, BLOCK)).weight_scale_inv.shape)
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, quantization_config=FineGrainedFP8Config(dequantize=True))
    except RuntimeError as error:
        seen[size] = type(error).__name__
    else:
        found = dict(model.named_parameters())
        mlp = [name for name in expected if ".mlp." in name]
        away = sum((found[name] - expected[name]).square().sum() for name in mlp) / sum(expected[name].square().sum() for name in mlp)
        seen[size] = away.sqrt().item()
    print(f"intermediate_size {size}: scales {scales[0]} x {scales[1]},", seen[size] if isinstance(seen[size], str) else f"{seen[size]:.3f} away")
assert seen[128] < 1e-6 and seen[256] < 1e-6
assert seen[192] > 0.1
assert seen[320] == "RuntimeError"
PY
python/bin/python look.py 2>/dev/null
