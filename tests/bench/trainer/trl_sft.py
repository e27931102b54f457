"""TRL's SFTTrainer on the same rows, in turns. trl_sft.py RUN_FILE ROWS defaults|tuned

defaults: as SFTConfig has it (activation checkpointing, bf16 autocast, rows at random). tuned: no checkpointing, and rows of like
length together, in the very order of ours, so that losses can be compared step by step. On a CPU without instructions for bf16, both
compute in float32, as ours does: with TRL's default, a step would take 30 times as long.
"""

import json
import sys
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import BitsAndBytesConfig, TrainerCallback
from trl import SFTConfig, SFTTrainer
from turns import Turns

from trainer.base_models.models import computes_in_bf16, keep_gradients_right, load_tokenizer
from trainer.runs.run_file import read_run_file

TUNED = {"gradient_checkpointing": False, "train_sampling_strategy": "sequential"}


class InTurns(TrainerCallback):
    def __init__(self):
        self.turns = Turns()

    def on_train_begin(self, *_, **__):
        self.turns.wait()

    def on_log(self, args, state, control, logs=None, **_):
        if logs and "loss" in logs:
            self.turns.took(int(logs["num_tokens"]), logs["loss"])


run = read_run_file(Path(sys.argv[1]))
hyper = run.hyperparameters
quantized = run.training_type == "qlora"
torch.set_num_threads(run.threads)
computed_in = torch.bfloat16 if computes_in_bf16() else torch.float32
config = SFTConfig(
    output_dir=str(run.work_dir / sys.argv[3]),
    per_device_train_batch_size=hyper.batch_size,
    gradient_accumulation_steps=hyper.gradient_accumulation,
    learning_rate=hyper.learning_rate,
    num_train_epochs=hyper.epochs,
    lr_scheduler_type="constant",
    max_length=hyper.max_length,
    completion_only_loss=True,
    seed=hyper.seed,
    use_cpu=not torch.cuda.is_available(),
    dataloader_pin_memory=False,
    logging_steps=1,
    save_strategy="no",
    report_to=[],
    disable_tqdm=True,
    bf16=computes_in_bf16(),
    model_init_kwargs={"dtype": computed_in if quantized else torch.float32},
    **(TUNED if sys.argv[3] == "tuned" else {}),
)
four_bits = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=computed_in)
lora = LoraConfig(r=hyper.lora_r, lora_alpha=hyper.lora_alpha, lora_dropout=hyper.lora_dropout, target_modules="all-linear", task_type="CAUSAL_LM")
trainer = SFTTrainer(
    model=str(run.model_path),
    args=config,
    train_dataset=Dataset.from_list(json.loads(Path(sys.argv[2]).read_text())),
    processing_class=load_tokenizer(run.model_path),
    quantization_config=four_bits if quantized else None,
    peft_config=lora if quantized else None,
    callbacks=[InTurns()],
)
if quantized:
    keep_gradients_right(trainer.model)
trainer.train()
