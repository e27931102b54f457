"""A whole model in 4 bits (bitsandbytes' nf4), as transformers stores and loads it; a fresh process loads it and is compared with the model."""

import os
import shutil
from pathlib import Path

from ..base_models.base_in_16_bits import looked_at_upon_16_bits
from ..outputs.export import GENERATION_CONFIG, copy_what_reads
from ..platform import libraries
from ..platform.failures import BadInput
from ..platform.memory import free
from ..platform.room import require_room
from ..platform.safetensors_files import weight_bytes
from .comparing import compared
from .formats import NF4
from .making import Made, Making, listed
from .reloaded import Reloaded

# Of the bytes in 16 bits: the layers in 4, with their scales; the embeddings and the output stay.
_MOST_OF_16_BITS = 0.6


def make(making: Making, wanted: dict) -> Made:
    libraries.prepare()
    making.require_published()
    with looked_at_upon_16_bits(making.run, making.events) as run:
        model = making.merged(run)
    weights = weight_bytes(model)
    require_room([(making.folder, int(_MOST_OF_16_BITS * weights), "the model in 4 bits")])
    making.tell("quantising")
    made = making.once("in-4-bits", lambda draft: _write_in_4_bits(model, draft))
    with Reloaded(made, making.run.threads) as exported:
        proof = compared(making, model, NF4, lambda context: exported)
    folder = making.fresh_export()
    shutil.copytree(made, folder, copy_function=os.link, dirs_exist_ok=True)
    return Made(listed(folder, {}), proof, [])


def _write_in_4_bits(model: Path, folder: Path) -> None:
    import torch
    from transformers import BitsAndBytesConfig

    from ..base_models.base_config import class_of
    from ..base_models.models import load_tokenizer

    nf4 = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
    loaded = class_of(model).from_pretrained(model, quantization_config=nf4, dtype="auto", device_map={"": "cpu"})
    if not any(type(layer).__name__ == "Linear4bit" for layer in loaded.modules()):
        raise BadInput("bitsandbytes finds no layer of this model that it makes smaller. Export it as gguf, or use the trained model in safetensors instead.")
    loaded.save_pretrained(folder)
    del loaded
    free()
    copy_what_reads(model, folder, load_tokenizer(model))
    shutil.copyfile(model / GENERATION_CONFIG, folder / GENERATION_CONFIG)
