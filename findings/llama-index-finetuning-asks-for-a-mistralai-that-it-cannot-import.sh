#!/usr/bin/env bash
# llama-index-finetuning 0.4.2 with mistralai 3.7.0, which is what pip takes for it.
#
# Guess: OpenAIFinetuneEngine, which is for OpenAI's clients, needs OpenAI's client, and works after pip install llama-index-finetuning.
# Behaviour: the package imports its engine for Mistral whatever is asked for, asks for mistralai>=1.7.0, and takes the name Mistral from its top level, which
# versions 2 and 3 have no more (mistralai is a namespace there): no engine can be imported at all. With mistralai 1.12.4 beside it, it works.
#
# Output seen:
#   llama-index-finetuning 0.4.2 asks for: mistralai>=1.7.0
#   and imports: from mistralai import Mistral
#   mistralai 3.7.0: ImportError
#   mistralai 1.12.4: Mistral
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
# Its file alone: of what else it asks for, torch is the smallest part that this needs nothing of.
python/bin/pip install --quiet --no-deps --target package llama-index-finetuning==0.4.2
asked=$(grep -oh '^Requires-Dist: mistralai.*' package/*.dist-info/METADATA | cut -d' ' -f2-)
imported=$(grep -h '^from mistralai import' package/llama_index/finetuning/mistralai/base.py)
grep -q 'finetuning.mistralai' package/llama_index/finetuning/__init__.py
echo "llama-index-finetuning 0.4.2 asks for: $asked"
echo "and imports: $imported"
for version in 3.7.0 1.12.4; do
  python/bin/pip install --quiet "mistralai==$version"
  seen[${version%%.*}]=$(python/bin/python -c "
try:
    $imported
    print(Mistral.__name__)
except ImportError as error:
    print(type(error).__name__)
" 2>/dev/null)
  echo "mistralai $version: ${seen[${version%%.*}]}"
done
[ "$asked" = "mistralai>=1.7.0" ] && [ "${seen[3]}" = ImportError ] && [ "${seen[1]}" = Mistral ]
