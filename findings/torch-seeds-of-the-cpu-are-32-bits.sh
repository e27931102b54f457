#!/usr/bin/env bash
# torch 2.13.0: torch.Generator().manual_seed(seed) on the CPU, with seeds of more than 32 bits, as hashes of a run and a step give them.
#
# Guess: the seed is a number of 64 bits, as the documentation says and initial_seed() tells: seeds that differ draw other numbers.
# Behaviour: numbers of the CPU follow from the lower 32 bits alone. Seeds that were put together by shifting (run << 32 | step) draw
# the same for every run.
#
# Output seen:
#   initial_seed: 5 30064771077
#   the same numbers: True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet torch==2.13.0
cat > look.py <<'PY'
import torch

first, second = torch.Generator().manual_seed(5), torch.Generator().manual_seed(7 << 32 | 5)
print("initial_seed:", first.initial_seed(), second.initial_seed())
same = torch.equal(torch.rand(4, generator=first), torch.rand(4, generator=second))
print("the same numbers:", same)
assert first.initial_seed() != second.initial_seed() and same
PY
python/bin/python look.py 2>/dev/null
