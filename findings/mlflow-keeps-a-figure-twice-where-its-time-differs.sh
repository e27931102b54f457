#!/usr/bin/env bash
# MLflow 3.17.2, its server with SQLite: MlflowClient.log_batch of figures that are there already.
#
# Guess: a figure is what it is called and its step, so that sending a step again changes nothing, as with a client that resumes.
# Behaviour: one that is equal in name, step, value and time is kept once. One whose time differs is kept twice, in silence, and the curve
# has the step twice. Whoever sends again what was computed again must look first which step the server has.
#
# Output seen:
#   the same again: 5 figures of 5 steps
#   at another time: 10 figures of 5 steps
set -euo pipefail
work=$(mktemp -d)
trap 'kill -- -"$server" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet mlflow==3.17.2
port=$(python/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
setsid python/bin/mlflow server --backend-store-uri "sqlite:///$work/mlflow.db" --host 127.0.0.1 --port "$port" --workers 1 >server.log 2>&1 &
server=$!
until curl -sf "http://127.0.0.1:$port/health" >/dev/null; do sleep 0.5; done
cat > look.py <<'PY'
import sys

from mlflow import MlflowClient
from mlflow.entities import Metric

client = MlflowClient(sys.argv[1])
run = client.create_run(client.create_experiment("look")).info.run_id


def kept(shift: int) -> int:
    client.log_batch(run, [Metric("loss", 1 / step, 1_700_000_000_000 + step + shift, step) for step in range(1, 6)])
    return len(client.get_metric_history(run, "loss"))


kept(0)
again, later = kept(0), kept(1000)
print(f"the same again: {again} figures of 5 steps\nat another time: {later} figures of 5 steps")
assert (again, later) == (5, 10)
PY
python/bin/python look.py "http://127.0.0.1:$port"
