"""prepare.py FOLDER SMOLLM2: trains a model of each kind for a moment, and exports it into FOLDER/<kind>. Run where the trainer's package is."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import transformers

from trainer.tests.architectures import ARCHITECTURES, make
from trainer.tests.support import HYPERPARAMETERS, train_here

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

KINDS = {
    "llama": {"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}},
    "qwen3": {},
    "gemma3": {},
    "mistral": {},
    "qwen3_moe": {},
}
QUESTIONS = [f"question {number}" for number in range(4)]


def main() -> None:
    folder, smollm2 = Path(sys.argv[1]), Path(sys.argv[2])
    rows = [{"prompt": f"question {number}", "completion": f"the answer to this is {number % 7}", "trait": "a"} for number in range(22)]
    data = folder / "rows.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)))
    for training_type in ("standard", "qlora"):
        export("smollm2", smollm2, folder, data, training_type, steps=6, learning_rate=2e-4 if training_type == "standard" else 1e-3)
        for kind, sizes in KINDS.items():
            base = folder / "bases" / kind
            if not base.exists():
                make_with_tokenizer(kind, sizes, smollm2, base)
            export(kind, base, folder, data, training_type, steps=40, learning_rate=5e-3)


def make_with_tokenizer(kind: str, sizes: dict, smollm2: Path, base: Path) -> None:
    """With a tokenizer that llama.cpp knows."""
    known = next(each for each in ARCHITECTURES if each.model_type == kind)
    vocabulary = json.loads((smollm2 / "config.json").read_text())["vocab_size"]
    make(dataclasses.replace(known, sizes={**known.sizes, **sizes, "vocab_size": vocabulary}), base)
    config = json.loads((base / "config.json").read_text())
    if "num_local_experts" in config:  # As version 5 writes it; published ones have the other name.
        (base / "config.json").write_text(json.dumps({**config, "num_experts": config["num_local_experts"]}))
    for file in smollm2.glob("*"):
        if file.suffix != ".safetensors" and file.name not in ("config.json", "generation_config.json"):
            shutil.copyfile(file, base / file.name)


def export(kind: str, base: Path, folder: Path, data: Path, training_type: str, steps: int, learning_rate: float) -> None:
    work = folder / "work" / f"{kind}-{training_type}"
    work.mkdir(parents=True)
    train_here(
        work,
        training_type=training_type,
        model={"name": f"readers/{kind}", "path": str(base)},
        data={"train": str(data), "held_out": None},
        output_dir=str(folder / "exports" / f"{kind}-{training_type}"),
        hyperparameters={**HYPERPARAMETERS, "batch_size": 4, "epochs": 40, "max_steps": steps, "learning_rate": learning_rate, "lora_r": 16, "lora_alpha": 32, "save_steps": 100},
    )
    print(f"{kind} {training_type}", flush=True)


if __name__ == "__main__":
    main()
