"""What a model was made from: its data by name, hash and count, and its base's licence."""

import json
from pathlib import Path

from ..runs.checkpoints import sha256_of
from ..runs.history import read_history
from ..runs.run_file import RunFile

LEFT_OUT = ("truncated", "dropped", "skipped", "refused")
MIXTURE = "mixture.json"  # Written beside the data by the service (src/datasets/mixture.ts).


def data_of(run: RunFile) -> dict:
    """{"train", "held_out": {file, rows, sha256}, "datasets": [{name, trait, sha256, train, held_out, share, tokens}],
    "left_out": {what: rows}}; what is not known is None. Data that is no mixture of the service is one dataset: the file itself."""
    plan = read_history(run.work_dir).plan
    # Rows of those to train on that are not, or not as a whole.
    left_out = {what: plan[f"{what}_rows"] for what in LEFT_OUT if plan.get(f"{what}_rows")} if plan else None
    try:
        mixture = json.loads((run.train.parent / MIXTURE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {**_files(run, plan), "left_out": left_out}
    sha256 = {dataset["id"]: dataset["sha256"] for dataset in mixture["datasets"]}
    tokens = {count["dataset_id"]: count["tokens"] for count in plan["tokens_by_dataset"]} if plan else {}
    datasets = [
        {
            "name": run.dataset_names.get(count["dataset_id"], f"dataset {count['dataset_id']}"),
            "trait": count["trait"],
            "sha256": sha256[count["dataset_id"]],
            "train": count["train"],
            "held_out": count["held_out"],
            "share": count["train"] / max(mixture["train"]["rows"], 1),
            "tokens": tokens.get(count["dataset_id"]),
        }
        for count in mixture["counts"]
    ]
    return {"train": mixture["train"], "held_out": mixture["held_out"], "datasets": datasets, "left_out": left_out}


def _files(run: RunFile, plan: dict | None) -> dict:
    train = {"file": run.train.name, "rows": plan and plan["rows"], "sha256": sha256_of(run.train)}
    held_out = run.held_out and {"file": run.held_out.name, "rows": None, "sha256": sha256_of(run.held_out)}
    dataset = {"name": train["file"], "trait": "all", "sha256": train["sha256"], "train": train["rows"], "held_out": None, "share": 1.0}
    return {"train": train, "held_out": held_out, "datasets": [{**dataset, "tokens": plan and plan["tokens"]}]}


def licence_of(model: Path) -> dict:
    """What the base's model card says of its licence, in the card's own fields; nothing where there is no card."""
    import yaml

    try:
        text = (model / "README.md").read_text(encoding="utf-8")
        given = yaml.safe_load(text.split("---\n", 2)[1]) if text.startswith("---\n") else None
    except (OSError, ValueError, IndexError, yaml.YAMLError):
        return {}
    names = ("license", "license_name", "license_link")
    return {name: given[name] for name in names if given.get(name)} if isinstance(given, dict) else {}
