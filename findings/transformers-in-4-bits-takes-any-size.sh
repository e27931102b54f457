#!/usr/bin/env bash
# transformers 5.23.0 with bitsandbytes 0.50.2 (torch 2.13.0, accelerate 1.15.0): from_pretrained with another intermediate_size than the
# files of the model have (as an argument here; in config.json it is the same).
#
# Guess: in 4 or 8 bits it is as in 16: with ignore_mismatched_sizes=False the model is refused, and with True the layers are made anew in
# the size that was asked for, which the report of loading says.
# Behaviour: in fewer bits sizes are not compared. Neither is anything refused nor made anew, and the report is empty. The layers keep the
# matrices of the files, while out_features and the configuration say the size that was asked for. The model computes as if nothing
# had been asked for, and a copy of it that is saved says the wrong size too.
#
# Output seen (the files have 128, and 256 is asked for):
#   16 bits, False: RuntimeError
#   16 bits, True: 3 sizes reported, up_proj 256 x 64 (out_features 256)
#   8 bits, False: 0 sizes reported, up_proj 128 x 64 (out_features 256)
#   8 bits, True: 0 sizes reported, up_proj 128 x 64 (out_features 256)
#   4 bits, False: 0 sizes reported, up_proj 128 x 64 (out_features 256)
#   4 bits, True: 0 sizes reported, up_proj 128 x 64 (out_features 256)
#   4 bits, asked for or not: the same answers True, intermediate_size saved 256
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet torch==2.13.0
python/bin/pip install --quiet transformers==5.23.0 accelerate==1.15.0 bitsandbytes==0.50.2
cat > look.py <<'PY'
import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

WAYS = {"16 bits": None, "8 bits": BitsAndBytesConfig(load_in_8bit=True), "4 bits": BitsAndBytesConfig(load_in_4bit=True)}
torch.manual_seed(0)
LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=128, num_hidden_layers=1, num_attention_heads=4)).save_pretrained("model")


def load(way, **named):
    how = {"quantization_config": WAYS[way]} if WAYS[way] else {}
    return AutoModelForCausalLM.from_pretrained("model", dtype=torch.bfloat16, **how, **named)


seen = {}
for way in WAYS:
    for ignored in (False, True):
        try:
            model, report = load(way, intermediate_size=256, ignore_mismatched_sizes=ignored, output_loading_info=True)
        except RuntimeError as error:
            seen[way, ignored] = None
            print(f"{way}, {ignored}: {type(error).__name__}")
            continue
        layer = model.model.layers[0].mlp.up_proj
        shape = tuple(layer.weight.quant_state.shape if way == "4 bits" else layer.weight.shape)
        seen[way, ignored] = len(report["mismatched_keys"]), shape, layer.out_features
        print(f"{way}, {ignored}: {seen[way, ignored][0]} sizes reported, up_proj {shape[0]} x {shape[1]} (out_features {layer.out_features})")
ids = torch.arange(16, device=model.device)[None]
with torch.no_grad():
    same = torch.equal(model(ids).logits, load("4 bits")(ids).logits)
model.save_pretrained("copy")
saved = json.loads(Path("copy/config.json").read_text())["intermediate_size"]
print(f"4 bits, asked for or not: the same answers {same}, intermediate_size saved {saved}")
assert seen["16 bits", False] is None and seen["16 bits", True] == (3, (256, 64), 256)
assert all(seen[way, ignored] == (0, (128, 64), 256) for way in ("8 bits", "4 bits") for ignored in (False, True))
assert same and saved == 256
PY
python/bin/python look.py 2>/dev/null
