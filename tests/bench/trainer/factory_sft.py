"""LLaMA-Factory on the same rows, in turns. factory_sft.py RUN_FILE ROWS padded|packed

Tuned by hand. padded: batches of like length, in the very order of ours. packed: the rows of each of our steps in one sequence, with the attention of
its neat_packing (a mask of blocks), and without the padding up to cutoff_len that its own packing adds. Both compute in bf16 where the CPU has instructions
for it. It is given the tokens of ours (tokenized_path), so that all learn the same.
"""

import json
import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path

# It is imported for models that hear, and for Linux its builds on PyPI need CUDA.
sys.modules["torchaudio"] = module_from_spec(ModuleSpec("torchaudio", None))

import torch
from datasets import Dataset, DatasetDict
from llamafactory.hparams import get_train_args
from llamafactory.train.sft import run_sft
from transformers import TrainerCallback
from turns import Turns

IGNORED = -100


def padded(row: dict) -> dict:
    ids = row["input_ids"]
    return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": [i if learnt else IGNORED for i, learnt in zip(ids, row["completion_mask"])]}


def packed(rows: list[dict]) -> dict:
    step = {"input_ids": [], "attention_mask": [], "labels": [], "position_ids": []}
    for number, row in enumerate(map(padded, rows), 1):
        step["input_ids"] += row["input_ids"]
        step["attention_mask"] += [number] * len(row["input_ids"])
        step["labels"] += [IGNORED, *row["labels"][1:]]
        step["position_ids"] += range(len(row["input_ids"]))
    # Its collator fills up to that, but for positions.
    missing = -len(step["input_ids"]) % 8
    return {name: [*values, *[IGNORED if name == "labels" else 0] * missing] for name, values in step.items()}


class InTurns(TrainerCallback):
    def __init__(self, tokens_of_steps: list[int]):
        self.turns, self.tokens = Turns(), tokens_of_steps

    def on_train_begin(self, *_, **__):
        self.turns.wait()

    def on_log(self, args, state, control, logs=None, **_):
        if logs and "loss" in logs:
            self.turns.took(sum(self.tokens[: state.global_step]), logs["loss"])


run = json.loads(Path(sys.argv[1]).read_text())
rows, is_packed, hyper = json.loads(Path(sys.argv[2]).read_text()), sys.argv[3] == "packed", run["hyperparameters"]
torch.set_num_threads(run["threads"])
steps = [rows[start : start + hyper["batch_size"]] for start in range(0, len(rows), hyper["batch_size"])]
work = Path(run["work_dir"]) / f"factory-{sys.argv[3]}"
DatasetDict({"train": Dataset.from_list(list(map(packed, steps) if is_packed else map(padded, rows)))}).save_to_disk(work / "rows")
in_bf16 = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
is_quantized = run["training_type"] == "qlora"
adapters = {
    "finetuning_type": "lora", "lora_rank": hyper["lora_r"], "lora_alpha": hyper["lora_alpha"], "lora_dropout": hyper["lora_dropout"], "lora_target": "all",
    "quantization_bit": 4, "quantization_method": "bnb", "double_quantization": True,
}  # fmt: skip
arguments = {
    "stage": "sft",
    "do_train": True,
    "model_name_or_path": run["model"]["path"],
    "template": "default",
    "dataset": "of_tokens_alone",
    "tokenized_path": str(work / "rows"),
    "neat_packing": is_packed,
    "cutoff_len": hyper["max_length"],
    "output_dir": str(work / "output"),
    "per_device_train_batch_size": 1 if is_packed else hyper["batch_size"],
    "gradient_accumulation_steps": 1,
    "learning_rate": hyper["learning_rate"],
    "lr_scheduler_type": "constant",
    "num_train_epochs": 1,
    "disable_shuffling": True,
    "disable_gradient_checkpointing": True,
    "flash_attn": "sdpa",
    "bf16": in_bf16,
    "infer_dtype": "auto" if in_bf16 else "float32",
    "use_cpu": True,
    "dataloader_pin_memory": False,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
    "disable_tqdm": True,
    "seed": hyper["seed"],
    **(adapters if is_quantized else {"finetuning_type": "full"}),
}
model, data, training, finetuning, generating = get_train_args(arguments)
if is_quantized:
    # Its own code gives the type that bytes of 4 bits are kept in, for FSDP: bitsandbytes has no product of those on the CPU. Four bits and numbers stay the same.
    from llamafactory.model.model_utils import quantization

    plain = quantization.BitsAndBytesConfig
    quantization.BitsAndBytesConfig = lambda **options: plain(**{**options, "bnb_4bit_quant_storage": None})
run_sft(model, data, training, finetuning, generating, [InTurns([sum(len(row["input_ids"]) for row in step) for step in steps])])
