"""What became of a training, for people (report.md), for programs (report.json) and as a picture (curves.png)."""

import json
from pathlib import Path

from ..platform.libraries import versions
from ..platform.markdown import cell, fenced, table
from ..runs.history import History, read_history
from ..runs.run_file import RunFile
from .card import data_section, training_section, usage
from .curves import draw
from .provenance import data_of
from .retrieval_report import retrieval_sections

FOLDER = "report"
FEW = 2
LOUD = {"worse": "⚠️ **WORSE than its base.**", "better": "**Better than its base.**", "same": "**No difference from its base, as far as these rows show.**"}


def write_report(run: RunFile, found: dict) -> None:
    """Writes what validation found into the work folder, and into that of the model if it is usable. The manifest of the
    model does not cover it. May run twice: each file appears whole, in place of what was there."""
    run.places.require()
    history = read_history(run.work_dir)
    data = data_of(run)
    curves = draw(history)
    report = {
        **found,
        "base_model": run.model_name,
        **run.descent,
        **({"embedding_model": run.embedder_name} if run.training_type == "rag" else {}),
        "training_type": run.training_type,
        "data": data,
        "training": _training(history),
        "hyperparameters": vars(run.hyperparameters),
        "versions": versions(),
    }
    files = {
        "report.json": (json.dumps(report, indent=2, ensure_ascii=False) + "\n").encode(),
        "report.md": _markdown(run, report, history, has_curves=curves is not None).encode(),
        **({"curves.png": curves} if curves else {}),
    }
    run.work_dir.mkdir(parents=True, exist_ok=True)
    for parent in [run.work_dir, *([run.output_dir] if found["valid"] else [])]:
        folder = parent / FOLDER
        # Not with its parents: a model that is not there any more was published, or given up.
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            _replace(folder / name, content, run.lease_epoch)


def few_of_each_trait(samples: list[dict]) -> list[dict]:
    """The first of each trait: what is read at a glance, where report.json has more."""
    traits = dict.fromkeys(sample["trait"] for sample in samples)
    return [sample for trait in traits for sample in [each for each in samples if each["trait"] == trait][:FEW]]


def _replace(path: Path, content: bytes, lease_epoch: int) -> None:
    partial = path.with_name(f".{path.name}.e{lease_epoch}")
    partial.write_bytes(content)
    partial.replace(path)


def _training(history: History) -> dict | None:
    if not history.steps:
        return None
    first, last = history.steps[min(history.steps)], history.steps[max(history.steps)]
    plan = history.plan or {}
    return {
        "steps": last["step"],
        "first_loss": first["loss"],
        "last_loss": last["loss"],
        "tokens": last["tokens"],
        **{name: plan.get(name) for name in ("trainable_parameters", "total_parameters", "device")},
    }


def _markdown(run: RunFile, report: dict, history: History, has_curves: bool) -> str:
    what = "as an index" if run.training_type == "rag" else "fine-tuned"
    sections = [f"# {cell(run.model_name)}, {what}: report", _verdict(report)]
    if report.get("gate"):
        sections.append(f"## The gate\n\n{_gate(report['gate'])}")
    if report["traits"]:
        sections.append(f"## Base and tuned on held-out rows\n\n{_traits(report)}")
    if report.get("against_training"):
        sections.append(f"## The model that was trained, and the one that is here\n\n{_against_training(report['against_training'])}")
    if report.get("retrieval"):
        sections += retrieval_sections(report["retrieval"])
    if report["training"]:
        picture = "\n\n![Loss and learning rate by step](curves.png)" if has_curves else ""
        sections.append(f"## What changed\n\n{_changed(run, report['training'])}{picture}")
    if report["samples"]:
        sections += ["## Held-out rows", *map(_sample, few_of_each_trait(report["samples"]))]
    if report.get("fixed_prompts"):
        sections += ["## The same questions to both", *map(_sample, report["fixed_prompts"])]
    sections.append(f"## What it was trained on\n\n{data_section(report['data'])}")
    sections.append(f"## How it was trained\n\n{training_section(run)}")
    if report["valid"]:
        sections.append(f"## How to use it\n\nThe folder of the model is the one that `report` lies in.\n\n{usage(run)}")
    return "\n\n".join(sections) + "\n"


def _verdict(report: dict) -> str:
    if not report["valid"]:
        return "⛔ **NOT USABLE.**\n\n" + "\n".join(f"- {cell(error)}" for error in report["errors"])
    files = f"All {len(report['files']['files_checked'])} files are there and as they were written, and the model loads and generates."
    loud = LOUD.get(report["verdict"])
    return f"{loud + ' ' if loud else ''}{cell(report['summary'])}\n\n{files}"


GATED = {
    "passed": "✅ **It passes the gate of its project.**",
    "failed": "⛔ **It fails the gate of its project, and is not promoted.**",
    "undecided": "⚠️ **What must be shown is not: these rows do not decide the gate of its project, and it is not promoted.**",
}


def _gate(gate: dict) -> str:
    """What was asked, what became of it, and the rows that decided."""

    def conditions():
        for condition in gate["conditions"]:
            yield f"- {cell(condition['summary'])}"
            for trait in condition["traits"]:
                yield from (f"  - {cell(trait['trait'])}: {cell(row['said'])}" for row in trait["decided_by"])

    told = "In brackets: between which bounds the difference lies on rows like these. A regression counts only where all of it is beyond the bound, an improvement where all of it clears it."
    return "\n".join([f"{GATED[gate['verdict']]}\n", *conditions(), f"\n{told}"])


def _preferences(report: dict) -> str:
    """Of pairs of answers."""

    def row(trait: dict) -> list:
        base, tuned = trait["base"], trait["tuned"]
        return [
            trait["trait"],
            "WORSE" if trait["verdict"] == "worse" else trait["verdict"],
            trait["rows"],
            f"{base['preference_accuracy']:.0%} → {tuned['preference_accuracy']:.0%} ({_interval(trait['score_difference'], '+.0%')})",
            f"{base['loss']:.3f} → {tuned['loss']:.3f} ({_interval(trait['loss_difference'], '+.3f')})",
        ]

    told = (
        "Of so many pairs of answers, the model finds the chosen one the more likely; the loss is that of telling by this which one it is. In brackets: between which bounds "
        f"the difference lies on rows like these, with {report['confidence']:.0%} confidence (a paired bootstrap). Where zero is among them, or few rows differ, these rows show no difference."
    )
    return f"{table(['trait', 'tuned is', 'pairs', 'prefers what was chosen', 'loss'], [row(trait) for trait in report['traits']])}\n\n{told}"


def _traits(report: dict) -> str:
    def row(trait: dict) -> list:
        base, tuned, by_format, score = trait["base"], trait["tuned"], trait["by_format"], trait["score_difference"]
        return [
            trait["trait"],
            "WORSE" if trait["verdict"] == "worse" else trait["verdict"],
            trait["rows"],
            f"{base['loss']:.3f} → {tuned['loss']:.3f} ({_interval(trait['loss_difference'], '+.3f')})",
            f"{base['perplexity']:.4g} → {tuned['perplexity']:.4g}",
            f"{base['exact_match']:.0%} → {tuned['exact_match']:.0%}" if trait["asked"] else None,
            by_format and f"{by_format['scorer']}: {by_format['base']:.0%} → {by_format['tuned']:.0%} of {by_format['rows']}",
            score and _interval(score, "+.0%"),
            f"{base['cut_off']} → {tuned['cut_off']} of {trait['asked']}" if trait["asked"] else None,
        ]

    if any("preference_accuracy" in trait["base"] for trait in report["traits"]):
        return _preferences(report)
    head = ["trait", "tuned is", "rows", "loss", "perplexity", "exact match", "by format", "score differs by", "cut off"]
    told = (
        f"In brackets, and in the column of the score (that by format, or else exact match): between which bounds the difference lies on rows like these, with {report['confidence']:.0%} confidence "
        "(a paired bootstrap). Where zero is among them, or few rows differ, these rows show no difference. "
        f"Both were asked for at most {report['max_new_tokens']} tokens, and took the likeliest one each time; what had not ended by then was cut off."
    )
    return f"{table(head, [row(trait) for trait in report['traits']])}\n\n{told}"


def _interval(difference: dict, form: str) -> str:
    return f"{difference['low']:{form}} to {difference['high']:{form}}"


def _against_training(found: dict) -> str:
    """How held-out loss fell in training, and how that of the export did."""
    if found["note"]:
        return f"They were not compared. {cell(found['note'])}"

    def row(trait: dict) -> list:
        falls = [f"{each['base']:.4f} → {each['tuned']:.4f}" for each in (trait["in_training"], trait["exported"])]
        return [trait["trait"], trait["rows"], *falls, f"{trait['difference']:+.4f}", f"{trait['margin']:.4f}"]

    head = ["trait", "rows", f"loss in training, up to step {found['step']}", "loss of base and export", "above expected", "margin"]
    told = (
        "The loss of the export is expected to be the share of its base's that it was in training, where the base may be in 4 bits. What that changes in the base's own loss on "
        "these rows, and rounding (also of what adapters add in 16 bits), explain a difference of as much as the margin. A larger one fails the validation."
    )
    return f"{table(head, [row(trait) for trait in found['traits']])}\n\n{told}"


def _changed(run: RunFile, training: dict) -> str:
    if run.training_type == "rag":
        return f"{training['tokens']:,} tokens were embedded by {cell(run.embedder_name)}, which is as it was."
    targets = run.hyperparameters.lora_target_modules
    layers = ", ".join(targets) if targets else "every linear layer but the output's"
    whole = run.hyperparameters.modules_to_save
    beside = f", and {', '.join(whole)} whole" if whole else ""
    beside += f", and the rows of {len(run.new_tokens)} new tokens" if run.new_tokens else ""
    what = "All weights" if run.trained_as == "standard" else f"Adapters of rank {run.hyperparameters.lora_r} beside {layers}{beside}"
    share = ""
    if training["total_parameters"]:
        trained, total = training["trainable_parameters"], training["total_parameters"]
        share = f" ({trained:,} of {total:,} parameters)"
    losses = f"from {_figure(training['first_loss'])} to {_figure(training['last_loss'])}"
    return f"{what}{share} were trained for {training['steps']:,} steps on {training['tokens']:,} tokens; the training loss went {losses}."


def _figure(value: float | None) -> str:
    return "no number" if value is None else f"{value:.3f}"


def _sample(sample: dict) -> str:
    texts = [("Asked", "prompt"), ("Expected", "expected"), ("Base", "base"), ("Tuned", "tuned")]
    head = f"### {cell(sample['trait'])}\n\n" if "trait" in sample else ""
    return head + "\n\n".join(f"{title}:\n\n{fenced(sample[name].strip() or '(nothing)')}" for title, name in texts if name in sample)
