"""Trains from a file of rows, without the service. OUTPUT gets model/ (the tuned model), checkpoints/, run.json (all that was
chosen), the rows as they were divided, and events/. The same command again goes on from the newest checkpoint."""

import argparse
import hashlib
import json
import logging
import os
import random
import signal
import warnings
from collections import Counter
from dataclasses import MISSING, asdict, fields, replace
from datetime import date
from pathlib import Path
from typing import get_args

from . import tasks
from .datasets.rows import Conversation, read_file
from .platform.events import Events
from .platform.failures import BadInput, Stopped, TrainerFailure
from .platform.supervision import Commands
from .runs.checkpoints import MANIFEST, all_checkpoints, comparable
from .runs.checks import require_writable
from .runs.hyperparameters import Hyperparameters
from .runs.run_file import PROTOCOL, TRAINING_TYPES, RunFile, run_file_of
from .training.training import identity_of

# As the service has them.
DEFAULTS = {
    "batch_size": 4, "gradient_accumulation": 1, "epochs": 3, "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.05,
    "max_length": 1024, "seed": 42, "save_steps": 50, "max_steps": None, "batching": "like_length",
}  # fmt: skip
# All weights take smaller steps than adapters; an index takes none. (src/models/settings/learning-rates.ts has the same.)
LEARNING_RATES = {"lora": 2e-4, "qlora": 2e-4, "standard": 2e-5, "rag": 2e-4, "dpo": 5e-5}
RATE_OF_FULL_DPO = 5e-6
SAVE_SHARE = 0.03
EMBEDDING_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
VALIDATION = {"max_rows_per_trait": 32, "max_new_tokens": None}
# How a value of a field's type is given.
KINDS = {list: lambda text: text.split(",")}
METAVARS = {int: "N", float: "X", str: "CHOICE", list: "A,B"}
HELP = {
    "batch_size": "rows at once: fewer need less memory",
    "gradient_accumulation": "batches of a step",
    "learning_rate": "how much is learnt from a step, above 0 and at most 1; not given: 2e-4, or 2e-5 for standard, and 5e-5 for dpo",
    "epochs": "how often every row is seen",
    "lora_r": "rank of the adapters (lora, qlora, dpo)",
    "lora_alpha": "weight of the adapters (lora, qlora, dpo)",
    "lora_dropout": "from 0 to 1 (lora, qlora, dpo)",
    "max_length": "of an example, in tokens",
    "seed": "of every choice at random; on the CPU the same seed gives the same model",
    "save_steps": "steps between checkpoints",
    "max_steps": "end after so many steps (default: no limit)",
    "too_long": "what is done with a longer row: truncate, drop or split",
    "batching": "like_length (little padding) or random",
    "packing": "lay the rows of a step end to end, each read by itself: nothing is computed on padding, nor twice on what rows begin with (qlora, lora, standard)",
    "eval_steps": "steps between evaluations on held-out rows; 0: never; not given: so that it costs little",
    "early_stopping_patience": "evaluations without a better one after which it ends, with the best model",
    "compile": "torch.compile: slow to begin, faster where steps are many and alike",
    "lora_target_modules": "layers that get adapters, as q_proj,v_proj; not given: every linear layer but the output's (lora, qlora, dpo)",
    "modules_to_save": "embeddings, the layer of the output or norms that are trained whole beside adapters, as embed_tokens,lm_head (lora, qlora, dpo)",
    "new_tokens": "tokens that the vocabulary of --model lacks, as '<think>,</think>'",
    "activation_checkpointing": "compute activations twice instead of keeping them: less memory, more time",
    "weights": "in what all weights are trained: fp32, or bf16 in half the memory; not given: fp32, unless a GPU has no room for that (standard, dpo with full)",
    "reasoning": "what is done with thoughts that the chat template cannot show: inline or drop",
    "tool_calls": "what is done with calls of tools that the chat template cannot show: refuse or json",
    "on_bad_rows": "what is done with rows that give no conversation, or that the chat template cannot show: refuse or skip",
    "lr_scheduler": "how the learning rate goes on behind the warm-up: cosine, linear, constant (without one), constant_with_warmup, or warmup_stable_decay",
    "warmup_steps": "steps in which the learning rate rises; not given: 3 %% of all",
    "warmup_ratio": "the same as a share of all steps, from 0 to 1",
    "weight_decay": "how fast weights are drawn towards 0, from 0 to 1",
    "max_grad_norm": "longer gradients are shortened to it; 0: never",
    "optimizer": "adamw, adamw_8bit, paged_adamw_8bit, adafactor, lion or muon; not given: adamw (on a GPU, of qlora: paged_adamw_8bit)",
    "use_rslora": "divide lora_alpha by the root of lora_r (lora, qlora, dpo)",
    "use_dora": "learn the length of each row of weights apart from its direction (lora, qlora, dpo)",
    "loraplus_lr_ratio": "how much faster the second matrix of an adapter learns than the first, 1 or more (lora, qlora, dpo)",
    "neftune_noise_alpha": "noise upon what the model reads while it trains; not given: none",
    "train_on": "what is learnt of a conversation: answers, everything, or last_answer",
    "merge": "write the merged model beside the adapter (lora, qlora, dpo)",
    "beta": "how close the model is kept to its base, or with orpo how much the preference counts, above 0 and at most 10 (dpo)",
    "loss_type": "how a preference is learnt: sigmoid, ipo, or orpo, which asks no base (dpo)",
    "finetuning_type": "what learns it: adapters on the base as it is (lora) or in 4 bits (qlora), or all weights (full) (dpo)",
    "sharding": "with --processes, what of the model each has: none (all of it) or full (a part of it) (standard, lora)",
    "chunk_tokens": "size of a chunk (rag)",
    "chunk_overlap": "tokens that a chunk has in common with the next (rag)",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help="rows: .jsonl, .json, .csv or .parquet")
    parser.add_argument("--model", required=True, metavar="DIRECTORY_OR_NAME", help="what is trained: a directory, or ORG/NAME in the Hugging Face cache")
    parser.add_argument("--embedding-model", metavar="DIRECTORY_OR_NAME", help=f"that makes the index where --model answers from it (rag; default: {EMBEDDING_MODEL})")
    parser.add_argument("--start", type=Path, metavar="DIRECTORY", help="begin from an adapter, a checkpoint or a model that was trained from --model, in place of it")
    parser.add_argument("--output", type=Path, required=True, metavar="DIRECTORY")
    parser.add_argument("--type", choices=TRAINING_TYPES, default="qlora", help="adapters on a model as it is (lora), or in 4 bits (qlora, the default), all weights (standard), what is preferred from pairs of answers (dpo), or an index of all texts and answers (rag)")
    parser.add_argument("--held-out", type=Path, metavar="FILE", help="rows to compare on; without it some of the data are kept back")
    parser.add_argument("--held-out-share", type=float, default=0.1, metavar="SHARE", help="of the data, from 0 to 0.5 (default: 0.1); 0: nothing is compared")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of the CPU (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=1, help="that train together, each on a GPU of its own, or sharing the threads (default: %(default)s)")
    for field in fields(Hyperparameters):
        kind = (get_args(field.type) or (field.type,))[0]
        default = DEFAULTS.get(field.name, None if field.default is MISSING else field.default)
        options = {"action": argparse.BooleanOptionalAction} if kind is bool else {"type": KINDS.get(kind, kind), "metavar": METAVARS[kind]}
        parser.add_argument(f"--{field.name.replace('_', '-')}", default=default, help=HELP.get(field.name, "") + ("" if default is None else f" (default: {default})"), **options)


def train(chosen: argparse.Namespace, events: Events, commands: Commands) -> None:
    """Everything in its order. Raises Stopped once it has saved and said how to go on."""
    # What the libraries say to who writes programs with them.
    warnings.simplefilter("ignore", FutureWarning)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    name, path = find_model(chosen.model)
    embedding_model = find_embedding_model(chosen, path)
    training, held_out = divide(chosen)
    run = prepare(chosen, name, path, embedding_model, training, held_out)
    try:
        events.send("done", result=tasks.train(run, events, commands))
    except Stopped:
        print("Stopped, and saved. The same command goes on from there.", flush=True)
        raise
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_DFL)  # There is nothing to save any more.
    result = tasks.validate(replace(run, task="validate"), events)
    if not result["valid"]:
        raise TrainerFailure(f"The tuned model cannot be used: {' '.join(result['errors'])}")
    told = [] if run.training_type == "rag" else table(result["traits"])
    what = "index" if run.training_type == "rag" else "tuned model"
    print("\n".join(["", *told, result["summary"], f"The {what} is in {run.output_dir}."]), flush=True)


def find_embedding_model(chosen: argparse.Namespace, path: Path) -> dict | None:
    """The model that makes the index of a rag run; None where the one in `path` does, or where nothing is indexed."""
    from .bundle.embedding import writes_text

    if chosen.type != "rag" and chosen.embedding_model:
        raise BadInput(f"embedding_model is {chosen.embedding_model!r}, and the type is {chosen.type}: only rag makes an index. Leave it out.")
    if chosen.type != "rag" or not chosen.embedding_model and not writes_text(path):
        return None
    name, found = find_model(chosen.embedding_model or EMBEDDING_MODEL, "embedding_model")
    return {"name": name, "path": str(found)}


def find_model(model: str, option: str = "model") -> tuple[str, Path]:
    """Its name and its directory: as given, or the one that `main` of the Hugging Face cache stands for."""
    if Path(model).is_dir():
        return model, Path(model).absolute()
    from huggingface_hub import snapshot_download
    from huggingface_hub.constants import HF_HUB_CACHE

    try:
        return model, Path(snapshot_download(model, local_files_only=True))
    except (OSError, ValueError):  # It is not there, or no name.
        raise BadInput(
            f"{option} is {model!r}, which is no directory, and not in the Hugging Face cache {HF_HUB_CACHE!r}. "
            f"Give a directory, or fetch it first, with `hf download {model}` for example."
        ) from None


def divide(chosen: argparse.Namespace) -> tuple[list[Conversation], list[Conversation]]:
    """Rows to train on, and rows to compare on: those of the other file, or a share of these, drawn with the seed."""
    data = read_file(chosen.data, chosen.on_bad_rows)
    rows = data.conversations
    for note in data.notes:
        print(note, flush=True)
    if chosen.type != "dpo" and any(row.rejected for row in rows):
        print("The data are preferences: of each pair, the answer that was chosen is trained on. To learn from both, choose --type dpo.", flush=True)
    if not rows:
        raise BadInput(f"The data file {str(chosen.data)!r} has no rows.")
    held_out = read_file(chosen.held_out, chosen.on_bad_rows).conversations if chosen.held_out else []
    if chosen.type != "dpo":
        rows, held_out = ([replace(row, rejected=None) for row in part] for part in (rows, held_out))
    if chosen.held_out:
        return rows, held_out
    if not 0 <= chosen.held_out_share <= 0.5:
        raise BadInput(f"held_out_share is {chosen.held_out_share!r}; it must be from 0 to 0.5.")
    if chosen.held_out_share == 0:
        return rows, []
    # What is there twice would be compared on though it was trained on.
    often = Counter(json.dumps(row.messages) for row in rows)
    once = [number for number, row in enumerate(rows) if often[json.dumps(row.messages)] == 1]
    drawn = set(random.Random(chosen.seed).sample(once, min(len(once), len(rows) - 1, max(1, round(chosen.held_out_share * len(rows))))))
    return [row for number, row in enumerate(rows) if number not in drawn], [rows[number] for number in sorted(drawn)]


def prepare(chosen: argparse.Namespace, name: str, path: Path, embedding_model: dict | None, training: list[Conversation], held_out: list[Conversation]) -> RunFile:
    """Writes run.json and the rows, unless another training is there already: nothing is mixed, and nothing lost."""
    folder = chosen.output.absolute()
    require_writable(folder, "output")
    earlier = earlier_run(folder)
    saved = manifests(folder)
    of_type = RATE_OF_FULL_DPO if (chosen.type, chosen.finetuning_type) == ("dpo", "full") else LEARNING_RATES[chosen.type]
    rate = of_type if chosen.learning_rate is None else chosen.learning_rate
    start = start_of(chosen.start)
    # Those of what it begins from come first.
    new_tokens = list(dict.fromkeys([*((start or {}).get("new_tokens") or []), *(chosen.new_tokens or [])])) or None
    given = {
        "protocol": PROTOCOL, "task": "train", "run_id": 1, "lease_epoch": earlier.get("lease_epoch", 0) + 1, "training_type": chosen.type,
        "model": {"name": name, "path": str(path)}, "embedding_model": embedding_model, "start": start,
        "data": {"train": str(folder / "train.jsonl"), "held_out": str(folder / "held_out.jsonl") if held_out else None},
        "work_dir": str(folder), "output_dir": str(folder / "model"),
        "hyperparameters": {**{field.name: getattr(chosen, field.name) for field in fields(Hyperparameters)}, "learning_rate": rate, "new_tokens": new_tokens},
        "threads": chosen.threads, "processes": chosen.processes, "save_share": SAVE_SHARE, "validation": VALIDATION,
        "today": earlier.get("today") or date.today().isoformat(),
        "known_checkpoint_step": saved[0]["step"] if saved else earlier.get("known_checkpoint_step"),
    }  # fmt: skip
    run = run_file_of(given)
    rows = as_lines(training)
    if saved:
        require_the_same(saved[0], identity_of(run, hashlib.sha256(rows.encode()).hexdigest()), folder)
        print(f"{folder} has this training up to step {saved[0]['step']}: it goes on from there (lease epoch {run.lease_epoch}).", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in (("train.jsonl", rows), ("held_out.jsonl", as_lines(held_out)), ("run.json", json.dumps(given, indent=2))):
        new = folder / f"{file}.new"
        new.write_text(text, encoding="utf-8")
        new.rename(folder / file)
    print(f"{len(training)} rows to train on, {len(held_out)} to compare on. What was chosen is in {folder / 'run.json'}.", flush=True)
    return run


def start_of(folder: Path | None) -> dict | None:
    """What the training begins from, as a run file has it. Raises BadInput for a folder with no weights."""
    if folder is None:
        return None
    from .outputs.start import kind_of, start_identity, tokens_beside

    return {"path": str(folder.absolute()), "kind": kind_of(folder), "name": str(folder), "sha256": start_identity(folder), "new_tokens": tokens_beside(folder)}


def earlier_run(folder: Path) -> dict:
    """What an earlier call wrote. Raises BadInput for a folder with other things in it."""
    try:
        return json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        if folder.is_dir() and any(folder.iterdir()):
            raise BadInput(f"output is {str(folder)!r}, which has files in it and no run.json of an earlier training. Name a new directory.") from None
        return {}
    except ValueError as error:
        raise BadInput(f"output is {str(folder)!r}, whose run.json is no JSON ({error}). Name another directory.") from None


def manifests(folder: Path) -> list[dict]:
    """Those of the checkpoints whose saving was finished, newest first. Whether the files are right is seen when one is loaded."""
    found = []
    for checkpoint in all_checkpoints(folder / "checkpoints"):
        try:
            found.append(json.loads((checkpoint.path / MANIFEST).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):
            pass
    return found


def require_the_same(saved: dict, asked: dict, folder: Path) -> None:
    """Raises BadInput where checkpoints are of a training with other choices, which could only begin afresh."""
    before = {**saved, **comparable("hyperparameters", saved["hyperparameters"])}
    now = {**asked, **comparable("hyperparameters", asked["hyperparameters"])}
    differing = [f"{name} {before.get(name)!r}, not {value!r}" for name, value in now.items() if name != "hyperparameters" and before.get(name) != value]
    if differing:
        raise BadInput(f"{str(folder)!r} has checkpoints of another training, with {', '.join(differing)}. Choose the same to go on, or name another output.")


def as_lines(rows: list[Conversation]) -> str:
    return "".join(json.dumps(_line(row), ensure_ascii=False) + "\n" for row in rows)


def _line(row: Conversation) -> dict:
    """Of a row that is no pair, as it was written before there were pairs: checkpoints know the hash of all lines."""
    line = asdict(row)
    if row.rejected is None:
        del line["rejected"]
    return line


def table(traits: list[dict]) -> list[str]:
    """Base against tuned, in lines as wide as each other."""
    if not traits:
        return ["Nothing was held out to compare on."]
    rows = [("trait", "rows", "loss before", "after", "answers right before", "after")]
    for score in traits:
        base, tuned = score["base"], score["tuned"]
        exact = [f"{figures['exact_match']:.0%}" if score["asked"] else "" for figures in (base, tuned)]
        rows.append((score["trait"], str(score["rows"]), f"{base['loss']:.3f}", f"{tuned['loss']:.3f}", *exact))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]) for row in rows]
