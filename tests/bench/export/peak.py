"""peak.py FOLDER GB: the memory that exporting a model of so many GB takes, as JSON: {"model_bytes", "before_bytes", "peak_bytes", "seconds"}, of this process's own memory
(files that are mapped do not count). The model is a Llama of equal layers in bf16, in shards, with adapters as of `lora`; its base is mapped, so that the export alone takes memory."""

import json
import sys
import threading
import time
from pathlib import Path

import torch
import transformers

from trainer.base_models.adapters import add_lora
from trainer.outputs.merging import Trained
from trainer.runs.run_file import Hyperparameters
from trainer.platform.safetensors_files import files_of
from trainer.tests.support import HYPERPARAMETERS

HIDDEN, LAYER_BYTES = 2048, 2 * (4 * 2048 * 2048 + 3 * 2048 * 8192)


def own_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("RssAnon")))


def main() -> None:
    folder, size = Path(sys.argv[1]), float(sys.argv[2])
    base, output = folder / "base", folder / "output"
    output.mkdir(parents=True)
    layers = max(1, round(size * 1e9 / LAYER_BYTES))
    config = transformers.LlamaConfig(
        vocab_size=4096, hidden_size=HIDDEN, intermediate_size=4 * HIDDEN, num_hidden_layers=layers, num_attention_heads=16, num_key_value_heads=16, tie_word_embeddings=True, dtype=torch.bfloat16
    )
    with torch.device("meta"):
        empty = transformers.LlamaForCausalLM(config)
    write(empty, config, base)
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16, device_map={"": "meta"})
    mapped(model, base)
    model = add_lora(model, Hyperparameters(**{**HYPERPARAMETERS, "lora_r": 16, "lora_dropout": 0.0}))
    before = own_bytes()
    peak, done = [before], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], own_bytes())

    watching = threading.Thread(target=watch)
    watching.start()
    began = time.monotonic()
    Trained(model, base, 1).write(output)
    seconds = time.monotonic() - began
    done.set()
    watching.join()
    print(json.dumps({"model_bytes": sum(file.stat().st_size for file in files_of(output)), "before_bytes": before, "peak_bytes": peak[0], "seconds": seconds}))


def write(empty, config, base: Path) -> None:
    """Tensor by tensor: the model need not fit into memory."""
    from trainer.platform.safetensors_files import INDEX, write as write_file

    config.save_pretrained(base)
    names = [(name, list(tensor.shape)) for name, tensor in empty.state_dict().items() if name != "lm_head.weight"]
    half = len(names) // 2
    index = {}
    for number, part in enumerate((names[:half], names[half:]), start=1):
        file = f"model-0000{number}-of-00002.safetensors"
        shapes = dict(part)
        write_file(
            base / file,
            {name: ("BF16", shape, 2 * torch.Size(shape).numel()) for name, shape in part},
            {"format": "pt"},
            lambda name: [memoryview((0.02 * torch.randn(shapes[name])).bfloat16().view(torch.uint8).view(-1).numpy())],
        )
        index.update(dict.fromkeys(shapes, file))
    (base / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": index}))


def mapped(model, base: Path) -> None:
    from safetensors.torch import load_file

    model.load_state_dict({name: tensor for file in files_of(base) for name, tensor in load_file(file).items()}, strict=False, assign=True)
    model.tie_weights()


if __name__ == "__main__":
    main()
