#!/usr/bin/env bash
# transformers 5.23.0 (torch 2.13.0, accelerate 1.15.0, huggingface-hub 2.4.0): a model in several safetensors files, whose index has no
# "metadata".
#
# Guess: weight_map is all that is needed to read the model. "metadata" tells totals alone (total_size, total_parameters), which nobody
# has to know, and may be empty. accelerate and huggingface-hub read the model by the same index.
# Behaviour: from_pretrained ends in a bare KeyError, which says neither the file nor what is wrong with it. An empty "metadata" is enough.
#
# Output seen:
#   accelerate, without metadata: the same weights
#   huggingface_hub, without metadata: the same weights
#   transformers, without metadata: KeyError 'metadata'
#   transformers, metadata empty: the same weights
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet torch==2.13.0
python/bin/pip install --quiet transformers==5.23.0 accelerate==1.15.0 huggingface-hub==2.4.0
cat > look.py <<'PY'
import json
from pathlib import Path

import torch
from accelerate import load_checkpoint_in_model
from huggingface_hub import load_torch_model
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
CONFIG = LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=128, num_hidden_layers=1, num_attention_heads=4)
made = LlamaForCausalLM(CONFIG)
made.save_pretrained("model", max_shard_size="50KB")
index = Path("model/model.safetensors.index.json")
content = json.loads(index.read_text())
assert content.keys() == {"metadata", "weight_map"} and len({*content["weight_map"].values()}) > 1


def by(read):
    model = LlamaForCausalLM(CONFIG)
    read(model, "model")
    return model


seen = {}
for what, metadata, load in (
    ("accelerate, without metadata", {}, lambda: by(load_checkpoint_in_model)),
    ("huggingface_hub, without metadata", {}, lambda: by(load_torch_model)),
    ("transformers, without metadata", {}, lambda: LlamaForCausalLM.from_pretrained("model")),
    ("transformers, metadata empty", {"metadata": {}}, lambda: LlamaForCausalLM.from_pretrained("model")),
):
    index.write_text(json.dumps({"weight_map": content["weight_map"]} | metadata))
    try:
        same = all(torch.equal(one, other) for one, other in zip(made.parameters(), load().parameters(), strict=True))
        seen[what] = "the same weights" if same else "other weights"
    except KeyError as error:
        seen[what] = f"KeyError {error}"
    print(f"{what}: {seen[what]}")
assert seen.pop("transformers, without metadata") == "KeyError 'metadata'"
assert {*seen.values()} == {"the same weights"}
PY
python/bin/python look.py 2>/dev/null
