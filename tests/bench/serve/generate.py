"""generate.py MODEL THREADS: transformers' own generate, as a peer. For each JSON line {"prompt", "tokens"} a line {"first_s", "tokens_per_s"}.

generate.py --adapters MODEL FOLDER: writes two adapters with random weights, as a training with r = 16 on all linear layers makes them.
"""

import json
import sys
import time
from pathlib import Path

import torch

from trainer.base_models.models import load_model, load_tokenizer


def adapters(model: Path, folder: Path) -> None:
    from peft import LoraConfig, get_peft_model

    for name in ("a", "b"):
        config = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
        get_peft_model(load_model(model, device="cpu"), config).save_pretrained(folder / name)


def generate(model, tokenizer, prompt: str, tokens: int) -> dict:
    ids = tokenizer.apply_chat_template([{"role": "user", "content": prompt}], add_generation_prompt=True, return_dict=True, return_tensors="pt")

    def seconds(count: int) -> tuple[float, int]:
        began = time.perf_counter()
        with torch.inference_mode():
            said = model.generate(**ids, max_new_tokens=count, do_sample=False, pad_token_id=tokenizer.pad_token_id)
        return time.perf_counter() - began, said.shape[1] - ids["input_ids"].shape[1]

    first, _ = seconds(1)
    whole, count = seconds(tokens)
    return {"first_s": first, "tokens_per_s": count / whole}


if sys.argv[1] == "--adapters":
    adapters(Path(sys.argv[2]), Path(sys.argv[3]))
else:
    torch.set_num_threads(int(sys.argv[2]))
    loaded, reads = load_model(Path(sys.argv[1]), device="cpu").eval(), load_tokenizer(Path(sys.argv[1]))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(generate(loaded, reads, **json.loads(line))), flush=True)
