"""The model card: what the model is, what it was made from, and how to load it."""

import json

from ..base_models.base_config import config_in, whole_config
from ..base_models.quantization import method_of, quantization_in
from ..bundle.lexical import REQUIREMENT
from ..platform.libraries import versions
from ..platform.markdown import cell, fenced, table
from ..runs.run_file import RunFile
from .provenance import data_of, licence_of

ASK = """\
messages = [{"role": "user", "content": "What is the capital of France?"}]
inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True).to(model.device)
answer = model.generate(**inputs, max_new_tokens=100)
print(tokenizer.decode(answer[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))"""

MERGED = """\
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = "."  # That of the model.
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", device_map="auto")"""

ADAPTER = """\
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

folder = "."  # That of the model.
tokenizer = AutoTokenizer.from_pretrained(folder)
base = AutoModelForCausalLM.from_pretrained({base}, dtype="auto", device_map="auto")
{rows}base.generation_config = GenerationConfig.from_pretrained(folder)  # Where its answers end.
model = PeftModel.from_pretrained(base, folder, subfolder="adapter")"""


SEARCH = """\
python query.py "What do I want to know?"                       # The model is taken from the Hugging Face cache,
python query.py --model DIRECTORY "What do I want to know?"     # or from a directory.
python query.py --search hybrid "What do I want to know?"       # By words as well: needs `pip install {requirement}`."""

ANSWER = """\
python query.py --answer "What do I want to know?"              # Answers from what is found, with the chunks that it rests on;
                                                                # --answering-model DIRECTORY takes the model from there."""


def model_card(run: RunFile) -> str:
    import yaml

    data = data_of(run)
    held_out_alone = [] if run.training_type == "rag" else held_out_alone_of(data)
    names = list(dict.fromkeys(dataset["name"] for dataset in data["datasets"] if dataset not in held_out_alone))
    front = {
        "base_model": [run.model_name, run.embedder_name] if run.answers else run.model_name,
        "library_name": "transformers" if run.is_merged else "peft",
        "pipeline_tag": "sentence-similarity" if run.training_type == "rag" else "text-generation",
        **licence_of(run.embedder_path),
        "datasets": names,
    }
    licence = "" if "license" in front else " Its base's files do not tell a licence: look it up before you pass the model on."
    return "\n\n".join(
        [
            f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---",
            *_introduction(run, ", ".join(map(cell, names)), licence),
            f"## Data\n\n{data_section(data)}",
            *([f"## Descent\n\n{descent_section(run)}"] if run.start_name else []),
            f"## Training\n\n{training_section(run)}",
            f"## How to use it\n\n{usage(run)}\n",
        ]
    )


def _introduction(run: RunFile, names: str, licence: str) -> list[str]:
    if run.training_type == "rag":
        return [
            f"# {names}, by meaning",
            f"Texts and answers of {names} in chunks, each with its embedding by {cell(run.embedder_name)}.{licence}",
            *([f"{cell(run.model_name)} answers from them; it is not part of the bundle."] if run.answers else []),
            "What held-out questions find is in the run's report. The hash of every file: `manifest.json`.",
        ]
    return [
        f"# {cell(run.model_name.split('/')[-1])}, tuned",
        f"{cell(run.model_name)}, fine-tuned ({run.training_type}) on {names}.{_in_16_bits(run)}{_with_tokens(run)}{licence}",
        "How it compares with its base on rows that it has not seen is in the run's report. The hash of every file: `manifest.json`.",
    ]


def _in_16_bits(run: RunFile) -> str:
    method = method_of(quantization_in(config_in(run.stored_path)))
    return "" if method is None else f" Its weights are stored by {method}: what was tuned is what they are in 16 bits."


def _with_tokens(run: RunFile) -> str:
    return f" Its vocabulary has {len(run.new_tokens)} tokens more than its base's: {', '.join(map(cell, run.new_tokens))}." if run.new_tokens else ""


_LEFT_OUT = {
    "truncated": "cut off at max_length",
    "dropped": "left out for their length",
    "skipped": "left out, since no answer stands within max_length",
    "refused": "left out, since the chat template cannot show them (on_bad_rows: skip)",
}


def data_section(data: dict) -> str:
    head = ["dataset", "trait", "rows to train on", "share", "tokens of an epoch", "rows held out", "sha256"]
    rows = [
        [each["name"], each["trait"], each["train"], f"{each['share']:.1%}", each["tokens"], each["held_out"], each["sha256"]]
        for each in data["datasets"]
    ]
    files = [f"`{part['file']}` (sha256 `{part['sha256']}`)" for part in (data["train"], data["held_out"]) if part]
    left_out = [f"{rows} {_LEFT_OUT[what]}" for what, rows in (data.get("left_out") or {}).items()]
    told = [f"Of those to train on: {'; '.join(left_out)}."] if left_out else []
    if held_out_alone := held_out_alone_of(data):
        told.append(f"Of {', '.join(cell(each['name']) for each in held_out_alone)} no row is trained on: the model is compared on them.")
    return "\n\n".join([table(head, rows), *told, f"The rows themselves, in the order in which they are trained on, and those held out: {' and '.join(files)}."])


def held_out_alone_of(data: dict) -> list[dict]:
    """The datasets of which rows are held out and none is trained on."""
    return [dataset for dataset in data["datasets"] if dataset["train"] == 0 and dataset["held_out"]]


def training_section(run: RunFile) -> str:
    settings = table(["hyperparameter", "value"], [[name, value] for name, value in vars(run.hyperparameters).items()])
    day = f" Where the chat template writes today's date, it wrote that of {run.today}." if run.today and run.training_type != "rag" else ""
    return f"{settings}\n\nWith {', '.join(f'{name} {version}' for name, version in versions().items())}.{day}"


def descent_section(run: RunFile) -> str:
    upon = {
        None: "All of its weights began as those.",
        "base": f"Its adapters began as those, upon {cell(run.model_name)}.",
        "start": f"Its adapters lie upon those weights: `adapter/` is of no use upon {cell(run.model_name)} as it is.",
    }[run.adapter_upon]
    return f"It began from {cell(run.start_name)} (sha256 `{run.start_sha256}`), which was trained from {cell(run.model_name)}. {upon} In its report, *base* is what it began from."


def _rows_of_tokens(run: RunFile) -> str:
    """Of an adapter that brings rows for new tokens: the code that gives the base room for them."""
    if not run.new_tokens:
        return ""
    size = whole_config(run.model_path).get_text_config().vocab_size
    return f"base.resize_token_embeddings({size}, mean_resizing=False)  # The adapter has what the new tokens mean.\n"


def usage(run: RunFile) -> str:
    """Code that loads the model and asks it something."""
    if run.training_type == "rag":
        commands = "\n".join([SEARCH.format(requirement=REQUIREMENT), *([ANSWER] if run.answers else [])])
        return f"It needs numpy, torch and transformers.\n\n{fenced(commands, 'sh')}"
    adapter = fenced(f"{ADAPTER.format(base=json.dumps(run.model_name), rows=_rows_of_tokens(run))}\n{ASK}", "python")
    if not run.is_merged:
        return f"The folder holds the adapter and the tokenizer; the base comes from where you have it.\n\n{adapter}"
    merged = fenced(f"{MERGED}\n{ASK}", "python")
    return merged if run.adapter_upon != "base" else f"{merged}\n\nOr the adapter alone, upon the base:\n\n{adapter}"
