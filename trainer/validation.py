"""Is the finished model whole, does it load, and is it better than its base on rows that it has not seen?"""

import json
from pathlib import Path

from .checkpoints import MANIFEST, sha256_of
from .events import Events
from .batches import collate
from .encoding import IGNORED, encode, render
from .rows import Conversation
from .run_file import RunFile

MOST_BATCH_ROWS = 8
SAMPLES_PER_TRAIT = 2
NEEDED = ("config.json", "tokenizer.json")


def validate(run: RunFile, conversations: list[Conversation], events: Events) -> dict:
    """The result of the tasks validate and check. A model that is not usable is a result, not an error."""
    events.send("phase", phase="checking_files", message=None)
    files = check_files(run.output_dir)
    result = {"valid": False, "files": files, "loading": {"valid": False, "errors": []}, "errors": list(files["errors"]), "traits": [], "samples": []}
    if not files["valid"]:
        result["loading"]["errors"].append("Not tried: the files are not right.")
        return result
    events.send("phase", phase="checking_loading", message=None)
    import torch

    from .failures import BadInput, OutOfMemory, as_failure
    from .models import load_model, load_tokenizer

    torch.set_num_threads(run.threads)
    try:
        tuned, tokenizer = load_model(run.output_dir), load_tokenizer(run.output_dir)
        next_token(tuned, tokenizer)
    except (BadInput, RuntimeError) as error:
        if isinstance(as_failure(error), OutOfMemory):
            raise  # That says nothing about the model.
        result["loading"]["errors"].append(str(error))
        result["errors"].append(str(error))
        return result
    result["loading"]["valid"] = result["valid"] = True
    if run.task == "check" or not conversations:
        return result

    traits = by_trait(conversations, run.max_rows_per_trait)
    events.send("phase", phase="evaluating_tuned", message=None)
    tuned_scores = {trait: score(tuned, tokenizer, rows, run) for trait, rows in traits.items()}
    del tuned
    events.send("phase", phase="evaluating_base", message=None)
    base = load_model(run.model_path)
    base_scores = {trait: score(base, tokenizer, rows, run) for trait, rows in traits.items()}
    for trait, rows in traits.items():
        (tuned_score, tuned_texts), (base_score, base_texts) = tuned_scores[trait], base_scores[trait]
        result["traits"].append({"trait": trait, "rows": len(rows), "base": base_score, "tuned": tuned_score})
        for row, base_text, tuned_text in list(zip(rows, base_texts, tuned_texts))[:SAMPLES_PER_TRAIT]:
            prompt, expected = split(row)
            result["samples"].append(
                {"trait": trait, "prompt": prompt[-1]["content"], "expected": expected, "base": base_text, "tuned": tuned_text}
            )
    return result


def check_files(directory: Path, needed: tuple[str, ...] = NEEDED) -> dict:
    """Every file of the manifest, there and unchanged."""
    errors: list[str] = []
    try:
        files = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))["files"]
    except FileNotFoundError:
        return {"valid": False, "files_checked": [], "errors": [f"{MANIFEST} is missing, so the output was never finished or was removed."]}
    except (ValueError, KeyError):
        return {"valid": False, "files_checked": [], "errors": [f"{MANIFEST} does not read."]}
    for name in [*needed, *files]:
        path = directory / name
        if not path.is_file():
            errors.append(f"{name} is missing.")
        elif name in files and (path.stat().st_size != files[name]["bytes"] or sha256_of(path) != files[name]["sha256"]):
            errors.append(f"{name} is not the file that the training wrote.")
    return {"valid": not errors, "files_checked": sorted({*needed, *files}), "errors": sorted(set(errors))}


def next_token(model, tokenizer) -> None:
    """One step of generation: a model that loads may still not run."""
    import torch

    text = render(tokenizer, [{"role": "user", "content": "Hello"}], answer_next=True)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").to(model.device)
    with torch.inference_mode():
        logits = model.eval()(**ids).logits
    if not torch.isfinite(logits[0, -1]).all():
        raise RuntimeError("The model loads, and its output is not a number.")


def by_trait(conversations: list[Conversation], most: int) -> dict[str, list[Conversation]]:
    """Rows that end in an answer to something, at most so many of each trait, in their order."""
    traits: dict[str, list[Conversation]] = {}
    for row in conversations:
        rows = traits.setdefault(row.trait, [])
        if len(rows) < most and len(row.messages) > 1 and row.messages[-1]["role"] == "assistant":
            rows.append(row)
    return {trait: rows for trait, rows in traits.items() if rows}


def split(row: Conversation) -> tuple[list[dict], str]:
    return row.messages[:-1], row.messages[-1].get("content", "")


def score(model, tokenizer, rows: list[Conversation], run: RunFile) -> tuple[dict, list[str]]:
    """Mean loss of an answer's token, and the share of rows whose greedy answer is the expected text, white space at the
    ends aside; and the answers."""
    model.eval()
    # As many rows at once as fitted into memory when it was trained.
    batch_rows = min(MOST_BATCH_ROWS, run.hyperparameters.batch_size)
    texts = answers(model, tokenizer, rows, run.max_new_tokens, batch_rows)
    exact = sum(text.strip() == split(row)[1].strip() for text, row in zip(texts, rows)) / len(rows)
    return {"loss": answer_loss(model, tokenizer, rows, run.hyperparameters.max_length, batch_rows), "exact_match": exact}, texts


def answer_loss(model, tokenizer, rows: list[Conversation], max_length: int, batch_rows: int) -> float:
    import torch

    examples = [example for row in rows for example in encode(tokenizer, row, max_length).examples]
    batch_of = collate(tokenizer.pad_token_id)
    total, tokens = 0.0, 0
    for start in range(0, len(examples), batch_rows):
        batch = batch_of([{"input_ids": example.ids, "labels": example.labels} for example in examples[start : start + batch_rows]])
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        with torch.inference_mode():
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1].float()
        labels = batch["labels"][:, 1:]
        total += torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="sum").item()
        tokens += int((labels != IGNORED).sum())
    return total / max(tokens, 1)


def answers(model, tokenizer, rows: list[Conversation], max_new_tokens: int, batch_rows: int) -> list[str]:
    import torch

    expected = [len(tokenizer(split(row)[1], add_special_tokens=False)["input_ids"]) for row in rows]
    # An answer longer than every expected one is wrong already: no need to write it to its end.
    most = min(max_new_tokens, max(expected) + 8)
    prompts = [render(tokenizer, split(row)[0], answer_next=True, tools=row.tools) for row in rows]
    side, tokenizer.padding_side = tokenizer.padding_side, "left"
    texts: list[str] = []
    try:
        for start in range(0, len(prompts), batch_rows):
            batch = tokenizer(prompts[start : start + batch_rows], add_special_tokens=False, padding=True, return_tensors="pt").to(model.device)
            with torch.inference_mode():
                output = model.generate(**batch, max_new_tokens=most, do_sample=False, pad_token_id=tokenizer.pad_token_id)
            texts += tokenizer.batch_decode(output[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    finally:
        tokenizer.padding_side = side
    return texts
