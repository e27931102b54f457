#!/usr/bin/env bash
# transformers 5.23.0 (torch 2.13.0, accelerate 1.15.0): Trainer.train(resume_from_checkpoint=...) of a mixture of experts (Qwen3-MoE).
#
# Guess: a checkpoint that Trainer saved gives back all weights when it goes on from it: the same training, interrupted in the middle,
# ends with the same weights (CPU, one thread, no dropout).
# Behaviour: it saves the model in the layout of published files, with the matrices of each expert as tensors of their own, and reads
# that file with load_state_dict(strict=False) by the names in memory, where a layer's experts are one tensor. These names are not in the
# file: the experts stay as the model was before, and a warning of missing keys is all that is said. A dense model is restored.
#
# Output seen (largest difference of a weight between the interrupted and the uninterrupted training):
#   llama      0
#   qwen3_moe  0.0192 in model.layers.0.mlp.experts.gate_up_proj
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet torch==2.13.0
python/bin/pip install --quiet transformers==5.23.0 accelerate==1.15.0
cat > look.py <<'PY'
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen3MoeConfig, Qwen3MoeForCausalLM, Trainer, TrainingArguments, set_seed

torch.set_num_threads(1)
SIZES = dict(vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2)
EXPERTS = dict(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16, head_dim=16)
ROWS = [{"input_ids": torch.arange(row, row + 8), "labels": torch.arange(row, row + 8)} for row in range(16)]


def trained(make, folder, steps, resume=None):
    set_seed(1)
    arguments = TrainingArguments(
        folder, per_device_train_batch_size=2, max_steps=4, learning_rate=4e-3, lr_scheduler_type="constant", save_steps=2, seed=1, use_cpu=True, report_to=[], disable_tqdm=True,
        logging_strategy="no",
    )
    trainer = Trainer(model=make(), args=arguments, train_dataset=ROWS)
    trainer.train(resume_from_checkpoint=resume)
    return {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}


found = {}
for name, make in (
    ("llama", lambda: LlamaForCausalLM(LlamaConfig(**SIZES))),
    ("qwen3_moe", lambda: Qwen3MoeForCausalLM(Qwen3MoeConfig(**SIZES, **EXPERTS))),
):
    whole = trained(make, name, 4)
    resumed = trained(make, name, 4, resume=f"{name}/checkpoint-2")
    apart = {each: (whole[each] - resumed[each]).abs().max().item() for each in whole}
    worst = max(apart, key=apart.get)
    found[name] = apart
    print(f"{name:10} {apart[worst]:.4f} in {worst}" if apart[worst] else f"{name:10} 0")
assert max(found["llama"].values()) == 0
assert any(value > 0 for each, value in found["qwen3_moe"].items() if ".experts." in each)
PY
python/bin/python look.py 2>/dev/null
