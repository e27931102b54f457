"""python read_tracker.py TRACKER PLACE PROJECT ID: what a tracker has of a run, by its own client, as JSON."""

import json
import struct
import sys
from pathlib import Path


def of_mlflow(place: str, _: str, run_id: str) -> dict:
    from mlflow import MlflowClient

    client = MlflowClient(place)
    run = client.get_run(run_id)
    found = client.search_runs([run.info.experiment_id], f"tags.`mtm.token` = '{run.data.tags['mtm.token']}'")
    assert len(found) == 1, f"There are {len(found)} runs."
    assert run.info.status == "FINISHED", run.info.status

    def history(key: str) -> list:
        return [(metric.step, metric.value) for metric in client.get_metric_history(run_id, key)]

    tags = run.data.tags
    return {
        "steps": history("loss"),
        "evals": [step for step, _ in history("eval/loss")],
        "params": {**run.data.params, "mtm.address": tags["mtm.address"]},
        "end": {**tags, "artifact": tags["mtm.artifact.model"]},
    }


def of_wandb(place: str, _: str, run_id: str) -> dict:
    rows, end, params, named = [], {}, {}, {}
    (path,) = Path(place).glob(f"**/run-{run_id}.wandb")
    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "history":
            rows.append({item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item})
        elif kind == "run":
            params = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.run.config.update}
            named = {"project": record.run.project, "name": record.run.display_name, "entity": record.run.entity, "tags": list(record.run.tags)}
        elif kind == "summary":
            end.update({item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.summary.update})
    return {
        "steps": [(row["_step"], row["loss"]) for row in rows if "loss" in row],
        "evals": [row["_step"] for row in rows if "eval/loss" in row],
        "params": params,
        "end": {**end, "artifact": end["artifact/model"]},
        "named": named,
    }


def records(path: Path):
    """Of W&B's file: a log in LevelDB's form, whose records are messages of W&B's own schema. (wandb 0.31 has no reader for Python any more.)"""
    from wandb.proto import wandb_internal_pb2

    data, at, parts = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        rest = 32768 - at % 32768
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        if rest < 7 or kind == 0:
            at += rest
            continue
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # The whole of a record, or its last part.
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def of_trackio(_: str, project: str, run_id: str) -> dict:
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    (run,) = [run for run in trackio.Api().runs(project) if run.id == run_id]
    rows = SQLiteStorage.get_logs(project, run.name, run_id=run_id)
    end = next(row for row in rows if "mtm.status" in row)
    return {
        "steps": [(row["step"], row["loss"]) for row in rows if "loss" in row],
        "evals": [row["step"] for row in rows if "eval/loss" in row],
        "params": run.config,
        "end": {**end, "artifact": end["artifact/model"]},
    }


tracker, place, project, external_id = sys.argv[1:]
print(json.dumps({"mlflow": of_mlflow, "wandb": of_wandb, "trackio": of_trackio}[tracker](place, project, external_id)))
