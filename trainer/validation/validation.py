"""Is the finished model whole, does it load, and is it better than its base on rows that it has not seen?"""

import json
import math

from ..base_models.base_in_16_bits import looked_at_upon_16_bits
from ..chats.templates import ChatTemplate
from ..datasets.rows import Conversation
from ..evaluation.generation import Answer, generate, most_new_tokens
from ..evaluation.held_out import MOST_BATCH_ROWS, HeldOutRow, by_trait, losses_of, mean_loss, questions_of
from ..outputs.report import few_of_each_trait, write_report
from ..outputs.start import looked_at_upon_start
from ..platform import libraries
from ..platform.device import require_given_gpus
from ..platform.events import Events
from ..platform.failures import BadInput, is_of_the_machine, lacks_memory
from ..platform.memory import free
from ..runs.checkpoints import MANIFEST, sha256_of
from ..runs.run_file import RunFile
from .comparison import Done, compare
from .exported import NO_ROOM, against_training, beyond_margin, lost_in_16_bits, unchanged
from .gate import judge
from .progress import Progress

MOST_TOLD_CHARACTERS = 500  # Of a sample, in the event. The report has all of it, with the conversation before.
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
# A token that is read among others costs such a part of one that is said (as in src/estimates/time.ts).
READ = 1 / 6


def validate(run: RunFile, conversations: list[Conversation], events: Events) -> dict:
    """The result of the tasks validate, which writes a report of it, and check. A model that is not usable is a result, not
    an error."""
    with looked_at_upon_16_bits(run, events) as in_16_bits, looked_at_upon_start(in_16_bits, events) as looked_at:
        try:
            found = examine(looked_at, conversations, events)
        except RuntimeError as error:
            if not lacks_memory(error):
                raise
            found = None
        if found is None:
            # What was trained in 4 bits may have no room on the same GPU in 16. (Not above: the error holds what did not fit.)
            free()
            events.send("log", level="warning", message="The model does not fit into the memory that it was to be compared in: it is compared on the CPU, which takes longer.")
            found = examine(looked_at, conversations, events, device="cpu")
        if run.task == "validate":
            write_report(looked_at, found)
    few = few_of_each_trait(found["samples"])
    samples = [{name: text[:MOST_TOLD_CHARACTERS] for name, text in sample.items() if name != "messages"} for sample in few]
    return {name: value for name, value in {**found, "samples": samples}.items() if name != "fixed_prompts"}


def examine(run: RunFile, conversations: list[Conversation], events: Events, device: str | None = None) -> dict:
    """All that is found: the files, then loading, then (validate) how tuned and base do."""
    events.send("phase", phase="checking_files", message=None)
    with events.spans.of("files"):
        files = check_files(run, NEEDED if run.is_merged else NEEDED_OF_ADAPTER)
    found = {
        "valid": False,
        "verdict": None,
        "summary": "",
        "files": files,
        "loading": {"valid": False, "errors": []},
        "errors": list(files["errors"]),
        "weights_changed": None,
        "traits": [],
        "samples": [],
        "fixed_prompts": [],
    }
    if not files["valid"]:
        found["loading"]["errors"].append("Not tried: the files are not right.")
        return {**found, "summary": not_usable(files["errors"])}
    events.send("phase", phase="checking_loading", message=None)
    with events.spans.of("imports"):
        libraries.load()
        require_given_gpus()
        import torch

        from ..base_models.models import config_of, context_of, load_tokenizer

        torch.set_num_threads(run.threads)
    with events.spans.of("changed_weights"):
        error = unchanged(run)
    found["weights_changed"] = error is None
    if error:
        found["loading"]["errors"].append("Not tried: the model is its base.")
        return {**found, "errors": [error], "summary": not_usable([error])}
    device = device or spread_over_gpus()
    try:
        with events.spans.of("model"):
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
    with events.spans.of("tokens"):
        traits = by_trait(conversations, tokenizer, max_length, context, run.max_rows_per_trait, run.choices, run.dataset_names, refused)
    events.spans.tell(events)
    expected = [question.expected for rows in traits.values() for question in questions_of(rows)]
    limit = most_new_tokens(run.max_new_tokens, ChatTemplate(tokenizer), tokenizer, expected)
    progress = Progress(events, 2 * work_on(traits, limit))
    events.send("phase", phase="evaluating_tuned", message=None)
    of_tuned = evaluate(tuned, tokenizer, traits, run, limit, progress)
    del tuned
    if beyond := beyond_numbers(of_tuned):
        return unusable(found, f"The model loads, and its loss on held-out rows of {beyond} is not a number.")
    events.send("phase", phase="evaluating_base", message=None)
    of_base = evaluate(load_begun_from(run, device), tokenizer, traits, run, limit, progress)
    if beyond := beyond_numbers(of_base):
        raise BadInput(f"The loss of the base model {run.model_name} on held-out rows of {beyond} is not a number: get its files again.")
    base_losses, tuned_losses = ({trait: done.losses for trait, done in of_model["traits"].items()} for of_model in (of_base, of_tuned))
    compared_to = against_training(run, traits, base_losses, tuned_losses)
    if beyond_margin(compared_to) and run.is_merged and run.has_adapter:
        # Seldom, and then at the price of two more looks.
        lost = lost_in_16_bits(run, traits, tokenizer.pad_token_id, device)
        compared_to = against_training(run, traits, base_losses, tuned_losses, lost) if lost else {**compared_to, "note": NO_ROOM, "traits": []}
    fixed = zip(FIXED_PROMPTS, of_base["fixed_prompts"], of_tuned["fixed_prompts"])
    compared = {
        **compare(traits, of_base["traits"], of_tuned["traits"]),
        "max_new_tokens": limit,
        "against_training": compared_to,
        "fixed_prompts": [{"prompt": prompt, "base": base, "tuned": tuned} for prompt, base, tuned in fixed],
    }
    if error := beyond_margin(compared["against_training"]):
        return {**found, **compared, "valid": False, "errors": [error], "verdict": None, "summary": not_usable([error])}
    if run.start_name:
        compared["summary"] += f" Its base is what the run began from here ({run.start_name}), not {run.model_name} as it is."
    if run.new_tokens:
        compared["summary"] += f" Both read rows with the new tokens ({', '.join(run.new_tokens)}), which the base has as the training began with them."
    if left_out := sorted({row.trait for row in conversations} - traits.keys()):
        compared["summary"] += f" Not compared on {', '.join(left_out)}: no held-out row has an answer within max_length ({max_length} tokens) and the model's context."
    return {**found, **compared, "gate": judge(run.gate, compared["held_out"])}


def spread_over_gpus() -> str | None:
    """Where several GPUs train together, they hold the model together. (accelerate puts layers one behind the other.)"""
    import torch

    return "auto" if torch.cuda.device_count() > 1 else None


def beyond_numbers(of_model: dict) -> str:
    """The traits on whose rows the loss is infinite or no number, which neither JSON nor a comparison can hold."""
    return ", ".join(trait for trait, done in of_model["traits"].items() if not math.isfinite(mean_loss(done.losses)))


def unusable(found: dict, error: str) -> dict:
    return {**found, "valid": False, "loading": {"valid": False, "errors": [error]}, "errors": [error], "summary": not_usable([error])}


def not_usable(errors: list[str]) -> str:
    return f"The trained model is not usable: {' '.join(errors)}"


def load_tuned(run: RunFile, device: str | None):
    """The model of the output: as it is, or the adapter upon its base."""
    from ..base_models.adapters import add_trained_lora
    from ..base_models.models import load_model

    if run.is_merged:
        return load_model(run.output_dir, device=device)
    return add_trained_lora(load_model(run.model_path, device=device), run.output_dir / "adapter")


def load_begun_from(run: RunFile, device: str | None):
    """The model that the training began from: its base, or what took the place of that."""
    from ..base_models.adapters import add_trained_lora
    from ..base_models.models import load_model

    base = load_model(run.model_path, device=device)
    return add_trained_lora(base, run.start_adapter) if run.start_adapter else base


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


def work_on(traits: dict[str, list[HeldOutRow]], limit: int) -> float:
    """Of one model, in tokens that are said."""
    return sum(len(questions_of(rows)) * limit + work_of_losses(rows) for rows in traits.values()) + len(FIXED_PROMPTS) * FIXED_PROMPT_TOKENS


def work_of_losses(rows: list[HeldOutRow]) -> float:
    return READ * sum(len(example.ids) for row in rows for example in row.all_examples)


def evaluate(model, tokenizer, traits: dict[str, list[HeldOutRow]], run: RunFile, limit: int, progress: Progress) -> dict:
    """What one model does: {"traits": {trait: Done}, "fixed_prompts": answers}."""
    model.eval()
    template = ChatTemplate(tokenizer, run.today)
    fixed = [template.render([{"role": "user", "content": prompt}], answer_next=True) for prompt in FIXED_PROMPTS]

    def said(prompts: list[str], most: int) -> list[Answer]:
        return generate(model, tokenizer, prompts, most, run.hyperparameters, progress.of_part(len(prompts) * most))

    def done(rows: list[HeldOutRow]) -> Done:
        answers = said([question.text for question in questions_of(rows)], limit)
        # As many rows at once as fitted into memory when it was trained.
        most_rows = min(MOST_BATCH_ROWS, run.hyperparameters.batch_size)
        return Done(losses_of(model, tokenizer.pad_token_id, rows, most_rows, progress.of_part(work_of_losses(rows), READ)), answers)

    return {
        "traits": {trait: done(rows) for trait, rows in traits.items()},
        "fixed_prompts": [answer.text for answer in said(fixed, FIXED_PROMPT_TOKENS)],
    }
