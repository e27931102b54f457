"""another_size.py SNAPSHOT CACHE: puts a model of the shape of SmolLM2-360M into a Hugging Face cache and prints its name.

Its weights are random, for no package ships the real ones; memory and time depend on the shape alone. Its tokenizer is that of the
smaller model in SNAPSHOT. The shape is that of https://huggingface.co/HuggingFaceTB/SmolLM2-360M/blob/main/config.json."""

import shutil
import sys
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

NAME = "mtm/smollm2-360m-random"
SHAPE = {"hidden_size": 960, "intermediate_size": 2560, "num_hidden_layers": 32, "num_attention_heads": 15, "num_key_value_heads": 5, "head_dim": 64}


def main(smaller: Path, cache: Path) -> None:
    folder = cache / f"models--{NAME.replace('/', '--')}"
    target = folder / "snapshots" / "0"
    target.mkdir(parents=True)
    config = AutoConfig.from_pretrained(smaller, **SHAPE)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(target)
    for path in smaller.iterdir():
        if not (target / path.name).exists() and not path.name.startswith("model"):
            shutil.copy(path, target / path.name)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0")
    print(NAME)


main(Path(sys.argv[1]), Path(sys.argv[2]))
