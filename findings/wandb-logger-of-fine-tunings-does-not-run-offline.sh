#!/usr/bin/env bash
# wandb 0.31.0, its logger for OpenAI's fine-tuning jobs (wandb.integration.openai.fine_tuning.WandbLogger), with WANDB_MODE=offline and a key in WANDB_API_KEY.
#
# Guess: it logs into a folder, as every other use of wandb does offline.
# Behaviour: wandb.init works, but wandb.login answers False offline, whatever key there is, and the logger takes that for "not logged in": it raises before it asks for
# the job's results. It runs once WandbLogger._logged_in is set by hand, with log_datasets=False (use_artifact raises
# TypeError offline).
#
# Output seen:
#   wandb.init offline: True
#   wandb.login offline: False
#   the logger: It appears you are not currently logged in to Weights & Biases.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet wandb==0.31.0 openai==3.57.0 pandas==2.3.3
export WANDB_MODE=offline WANDB_API_KEY=0000000000000000000000000000000000000000 WANDB_SILENT=true
python/bin/python - <<'EOF' | tee seen
from types import SimpleNamespace

import wandb
from wandb.integration.openai.fine_tuning import WandbLogger

run = wandb.init(project="tunings")
print("wandb.init offline:", run is not None)
run.finish()
print("wandb.login offline:", wandb.login())
job = SimpleNamespace(id="ftjob-1", status="succeeded")
client = SimpleNamespace(fine_tuning=SimpleNamespace(jobs=SimpleNamespace(retrieve=lambda fine_tuning_job_id: job)))
try:
    WandbLogger.sync(fine_tune_job_id="ftjob-1", openai_client=client)
except Exception as error:
    print("the logger:", str(error).split(".")[0] + ".")
EOF
diff seen - <<'EOF'
wandb.init offline: True
wandb.login offline: False
the logger: It appears you are not currently logged in to Weights & Biases.
EOF
