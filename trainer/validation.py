"""Is the finished model whole, does it load, and is it better than its base on rows that it has not seen?"""

import json
import math
from pathlib import Path

from . import libraries
from .checkpoints import MANIFEST, sha256_of
from .device import require_given_gpus
from .events import Events
from .failures import BadInput, is_of_the_machine, lacks_memory
from .held_out import MOST_BATCH_ROWS, HeldOutRow, Question, answer_loss, by_trait, questions_of
from .memory import as_many_as_fit, free
from .report import write_report
from .rows import Conversation
from .run_file import Hyperparameters, RunFile
from .scorers import score_by_format
from .templates import ChatTemplate
from .verdict import verdict_of, verdict_of_all

MOST_ASKED_AT_ONCE = 32
SAMPLES_PER_TRAIT = 2
MOST_LOSS = 100.0  # Its perplexity is beyond words, and still a number.
MOST_TOLD_CHARACTERS = 500  # Of a sample, in what is told. The report has all of it.
NEEDED = ("config.json", "tokenizer.json")
NEEDED_OF_ADAPTER = ("adapter/adapter_config.json", "adapter/adapter_model.safetensors", "tokenizer.json")

# Asked of every model, tuned for whatever: is what the base could do still there?
FIXED_PROMPTS = (
    "Who are you?",
    "What is the capital of France?",
    "What is 17 + 25?",
    "Write a Python function that reverses a string.",
    "Explain in one sentence why the sky is blue.",
)
FIXED_PROMPT_TOKENS = 64


def validate(run: RunFile, conversations: list[Conversation], events: Events) -> dict:
    """The result of the tasks validate, which writes a report of it, and check. A model that is not usable is a result, not
    an error."""
    try:
        found = examine(run, conversations, events)
    except RuntimeError as error:
        if not lacks_memory(error):
            raise
        found = None
    if found is None:
        # What was trained in 4 bits may have no room on the same GPU in 16. (Not above: the error holds what did not fit.)
        free()
        events.send("log", level="warning", message="The model does not fit into the memory that it was to be compared in: it is compared on the CPU, which takes longer.")
        found = examine(run, conversations, events, device="cpu")
    if run.task == "validate":
        write_report(run, found)
    samples = [{name: text[:MOST_TOLD_CHARACTERS] for name, text in sample.items()} for sample in found["samples"]]
    return {name: value for name, value in {**found, "samples": samples}.items() if name != "fixed_prompts"}


def examine(run: RunFile, conversations: list[Conversation], events: Events, device: str | None = None) -> dict:
    """All that is found: the files, then loading, then (validate) how tuned and base do."""
    events.send("phase", phase="checking_files", message=None)
    files = check_files(run, NEEDED if run.is_merged else NEEDED_OF_ADAPTER)
    found = {
        "valid": False,
        "verdict": None,
        "summary": "",
        "files": files,
        "loading": {"valid": False, "errors": []},
        "errors": list(files["errors"]),
        "traits": [],
        "samples": [],
        "fixed_prompts": [],
    }
    if not files["valid"]:
        found["loading"]["errors"].append("Not tried: the files are not right.")
        return {**found, "summary": not_usable(files["errors"])}
    events.send("phase", phase="checking_loading", message=None)
    libraries.load()
    require_given_gpus()
    import torch

    from .models import config_of, context_of, load_model, load_tokenizer

    torch.set_num_threads(run.threads)
    try:
        tuned, tokenizer = load_tuned(run, device), load_tokenizer(run.output_dir)
        next_token(tuned, tokenizer)
    except (BadInput, RuntimeError) as error:
        if is_of_the_machine(error):
            raise
        return unusable(found, str(error))
    found["loading"]["valid"] = found["valid"] = True
    if run.task == "check":
        return found

    max_length = run.hyperparameters.max_length
    refused = [] if run.hyperparameters.on_bad_rows == "skip" else None
    context = context_of(config_of(run.model_path))
    traits = by_trait(conversations, tokenizer, max_length, context, run.max_rows_per_trait, run.choices, run.dataset_names, refused)
    events.send("phase", phase="evaluating_tuned", message=None)
    of_tuned = evaluate(tuned, tokenizer, traits, run)
    del tuned
    if beyond := beyond_numbers(of_tuned):
        return unusable(found, f"The model loads, and its loss on held-out rows of {beyond} is not a number.")
    events.send("phase", phase="evaluating_base", message=None)
    of_base = evaluate(load_model(run.model_path, device=device), tokenizer, traits, run)
    if beyond := beyond_numbers(of_base):
        raise BadInput(f"The loss of the base model {run.model_name} on held-out rows of {beyond} is not a number: get its files again.")
    compared = compare(traits, of_base, of_tuned)
    if left_out := sorted({row.trait for row in conversations} - traits.keys()):
        compared["summary"] += f" Not compared on {', '.join(left_out)}: no held-out row has an answer within max_length ({max_length} tokens) and the model's context."
    return {**found, **compared}


def beyond_numbers(of_model: dict) -> str:
    """The traits on whose rows the loss is infinite or no number, which neither JSON nor a comparison can hold."""
    return ", ".join(trait for trait, (figures, _) in of_model["traits"].items() if not math.isfinite(figures["loss"]))


def unusable(found: dict, error: str) -> dict:
    return {**found, "valid": False, "loading": {"valid": False, "errors": [error]}, "errors": [error], "summary": not_usable([error])}


def not_usable(errors: list[str]) -> str:
    return f"The trained model is not usable: {' '.join(errors)}"


def load_tuned(run: RunFile, device: str | None):
    """The model of the output: as it is, or the adapter upon its base."""
    from .adapters import add_trained_lora
    from .models import load_model

    if run.is_merged:
        return load_model(run.output_dir, device=device)
    return add_trained_lora(load_model(run.model_path, device=device), run.output_dir / "adapter")


def check_files(run: RunFile, needed: tuple[str, ...]) -> dict:
    """Every file of the manifest, there and unchanged, and the manifest itself where it is known."""
    errors: list[str] = []
    path = run.output_dir / MANIFEST
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
    except FileNotFoundError:
        return {"valid": False, "files_checked": [], "errors": [f"{MANIFEST} is missing, so the output was never finished or was removed."]}
    except (ValueError, KeyError):
        return {"valid": False, "files_checked": [], "errors": [f"{MANIFEST} does not read."]}
    if run.known_manifest_sha256 not in (None, sha256_of(path)):
        errors.append(f"{MANIFEST} is not the one that this training wrote: the folder holds another model, or was changed on purpose.")
    for name in [*needed, *files]:
        path = run.output_dir / name
        if not path.is_file():
            errors.append(f"{name} is missing.")
        elif name in files and (path.stat().st_size != files[name]["bytes"] or sha256_of(path) != files[name]["sha256"]):
            errors.append(f"{name} is not the file that the training wrote.")
    return {"valid": not errors, "files_checked": sorted({*needed, *files}), "errors": sorted(set(errors))}


def next_token(model, tokenizer) -> None:
    """One step of generation: a model that loads may still not run."""
    import torch

    text = ChatTemplate(tokenizer).render([{"role": "user", "content": "Hello"}], answer_next=True)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").to(model.device)
    with torch.inference_mode():
        logits = model.eval()(**ids).logits
    if not torch.isfinite(logits[0, -1]).all():
        raise RuntimeError("The model loads, and its output is not a number.")


def evaluate(model, tokenizer, traits: dict[str, list[HeldOutRow]], run: RunFile) -> dict:
    """What one model does: {"traits": {trait: (figures, answers)}, "fixed_prompts": answers}."""
    model.eval()
    template = ChatTemplate(tokenizer, run.today)
    fixed = [template.render([{"role": "user", "content": prompt}], answer_next=True) for prompt in FIXED_PROMPTS]
    return {
        "traits": {trait: score(model, tokenizer, rows, run) for trait, rows in traits.items()},
        "fixed_prompts": generate(model, tokenizer, fixed, FIXED_PROMPT_TOKENS, run.hyperparameters),
    }


def score(model, tokenizer, rows: list[HeldOutRow], run: RunFile) -> tuple[dict, list[str]]:
    """Mean loss of an answer's token, and the share of questions whose greedy answer is the expected text, white space at the
    ends aside (None, where nothing is asked); and the answers."""
    questions = questions_of(rows)
    texts = answers(model, tokenizer, questions, run)
    exact = [text.strip() == question.expected.strip() for text, question in zip(texts, questions)]
    # As many rows at once as fitted into memory when it was trained.
    loss = answer_loss(model, tokenizer.pad_token_id, rows, min(MOST_BATCH_ROWS, run.hyperparameters.batch_size))
    return {"loss": loss, "perplexity": math.exp(min(loss, MOST_LOSS)), "exact_match": sum(exact) / len(exact) if exact else None}, texts


def compare(traits: dict[str, list[HeldOutRow]], of_base: dict, of_tuned: dict) -> dict:
    """The figures of both by trait, what they answered, and the verdict."""
    compared, samples = [], []
    for trait, rows in traits.items():
        (base, base_texts), (tuned, tuned_texts) = of_base["traits"][trait], of_tuned["traits"][trait]
        questions = questions_of(rows)
        texts = [question.expected for question in questions], base_texts, tuned_texts
        by_format = score_by_format(*([question.said(text) for question, text in zip(questions, column)] for column in texts))
        figures = {"trait": trait, "rows": len(rows), "asked": len(questions), "base": base, "tuned": tuned, "by_format": by_format}
        compared.append({**figures, "verdict": verdict_of(figures)})
        for question, *answered in list(zip(questions, *texts))[:SAMPLES_PER_TRAIT]:
            samples.append({"trait": trait, "prompt": question.last_message, **dict(zip(("expected", "base", "tuned"), answered))})
    verdict, summary = verdict_of_all(compared)
    fixed = zip(FIXED_PROMPTS, of_base["fixed_prompts"], of_tuned["fixed_prompts"])
    return {
        "verdict": verdict,
        "summary": summary,
        "traits": compared,
        "samples": samples,
        "fixed_prompts": [{"prompt": prompt, "base": base, "tuned": tuned} for prompt, base, tuned in fixed],
    }


def answers(model, tokenizer, questions: list[Question], run: RunFile) -> list[str]:
    """What the model says to each."""
    if not questions:
        return []
    expected = [len(tokenizer(question.expected, add_special_tokens=False)["input_ids"]) for question in questions]
    # An answer longer than every expected one is wrong already: no need to write it to its end.
    return generate(model, tokenizer, [question.text for question in questions], min(run.max_new_tokens, max(expected) + 8), run.hyperparameters)


def generate(model, tokenizer, prompts: list[str], max_new_tokens: int, hyper: Hyperparameters) -> list[str]:
    """How the model goes on, taking the likeliest token each time, up to the end of its context.

    Each token costs all weights, for one row as for many, so there are many at once: of as many tokens as a batch might have
    when it was trained, of which much more was kept in memory.
    """
    import torch

    from .models import context_of, ends_of

    context, ends = context_of(model.config), ends_of(model, tokenizer)
    row_tokens = max(len(ids) for ids in tokenizer(prompts, add_special_tokens=False)["input_ids"]) + max_new_tokens

    def told(prompts: list[str]) -> list[str]:
        batch = tokenizer(prompts, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt").to(model.device)
        read = batch["input_ids"].shape[1]
        if read + max_new_tokens > context and len(prompts) > 1:
            # The longest would leave little room to those beside it.
            return [text for prompt in prompts for text in told([prompt])]
        with torch.inference_mode():
            new = min(max_new_tokens, context - read)
            output = model.generate(**batch, max_new_tokens=new, do_sample=False, eos_token_id=ends, pad_token_id=tokenizer.pad_token_id)
        return tokenizer.batch_decode(output[:, read:], skip_special_tokens=True)

    return as_many_as_fit(prompts, max(1, min(MOST_ASKED_AT_ONCE, hyper.batch_size * hyper.max_length // row_tokens)), told)
