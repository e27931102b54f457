#!/usr/bin/env bash
# transformers 5.23.0 with bitsandbytes 0.50.2 (torch 2.13.0, accelerate 1.15.0): TrainingArguments(optim="lion_32bit"), and nothing said of betas.
#
# Guess: Lion has the betas of its paper, 0.9 and 0.99 (https://arxiv.org/abs/2302.06675, Algorithm 2), which are the defaults of bitsandbytes' Lion too.
# Behaviour: it has 0.9 and 0.999, the defaults of adam_beta1 and adam_beta2: what Lion remembers of gradients lasts ten times as long.
# With adam_beta2=0.99 it is as in the paper.
#
# Output seen:
#   of bitsandbytes: (0.9, 0.99)
#   of transformers: (0.9, 0.999)
#   with adam_beta2=0.99: (0.9, 0.99)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet torch==2.13.0
python/bin/pip install --quiet transformers==5.23.0 accelerate==1.15.0 bitsandbytes==0.50.2
cat > look.py <<'PY'
import inspect

from bitsandbytes.optim import Lion
from transformers import Trainer, TrainingArguments


def betas(**given):
    kind, named = Trainer.get_optimizer_cls_and_kwargs(TrainingArguments("out", optim="lion_32bit", use_cpu=True, **given))
    assert kind is Lion
    return named["betas"]


found = inspect.signature(Lion).parameters["betas"].default, betas(), betas(adam_beta2=0.99)
print("of bitsandbytes:", found[0])
print("of transformers:", found[1])
print("with adam_beta2=0.99:", found[2])
assert found == ((0.9, 0.99), (0.9, 0.999), (0.9, 0.99))
PY
python/bin/python look.py 2>/dev/null
