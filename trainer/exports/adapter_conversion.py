"""A low-rank adapter of peft as a GGUF, which llama.cpp lays upon a GGUF of the base.

llama.cpp has a program for it (convert_lora_to_gguf.py), which no package brings. What it does to a layer's weights the package's converter does here: an adapter
adds B A to them, so what the converter does to their rows it does to those of B.
"""

import json
import re
from pathlib import Path

from ..base_models.base_config import ADAPTER_CONFIG
from ..platform.failures import BadInput, first_line
from ..runs.whole_checkpoints import ADAPTERS

_LAYER = re.compile(r"base_model\.model\.(.+)\.lora_A\.weight")
_INSTEAD = "Export the merged model as gguf instead."


def require_sayable(adapter: Path) -> float:
    """llama.cpp's alpha of an adapter: the sum of what is added is times alpha / r. Raises BadInput for what a GGUF of adapters has nothing for."""
    config = json.loads((adapter / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    unknown = ("use_dora", "rank_pattern", "alpha_pattern", "target_parameters", "modules_to_save", "lora_bias", "layer_replication", "trainable_token_indices")
    if found := [name for name in unknown if config.get(name)]:
        raise BadInput(f"The adapter has {', '.join(found)} ({ADAPTER_CONFIG}), which a GGUF of adapters has nothing for. {_INSTEAD}")
    # Rank-stabilised: peft multiplies by alpha / sqrt(r).
    return float(config["lora_alpha"] * (config["r"] ** 0.5 if config.get("use_rslora") else 1))


def convert_adapter(base: Path, adapter: Path, target: Path, name: str) -> None:
    """Writes the GGUF, which says that it is called `name`, with the adapter's own 32 bits. `base`: the model that it lies upon. Raises BadInput where that cannot be."""
    import torch
    from conversion import ModelBase, ModelType, get_model_architecture, get_model_class
    from gguf import MODEL_ARCH_NAMES, GGUFType, GGUFWriter, Keys, LlamaFileType
    from safetensors.torch import load_file

    alpha = require_sayable(adapter)
    kind = get_model_class(get_model_architecture(ModelBase.load_hparams(base, False), ModelType.TEXT))
    writer = GGUFWriter(target, MODEL_ARCH_NAMES[kind.model_arch])
    writer.add_type(GGUFType.ADAPTER)
    writer.add_name(name)
    writer.add_string(Keys.Adapter.TYPE, "lora")
    writer.add_float32(Keys.Adapter.LORA_ALPHA, alpha)
    weights = load_file(adapter / ADAPTERS)
    with torch.inference_mode():
        converter = kind(base, LlamaFileType.ALL_F32, target, model_name=name)
        for key in sorted(weights):
            if not (found := _LAYER.fullmatch(key)):
                if ".lora_B." not in key:
                    raise BadInput(f"The adapter has {key}, which a GGUF of adapters has nothing for. {_INSTEAD}")
                continue
            known, rows = _converted(converter, found[1], weights[key.replace(".lora_A.", ".lora_B.")].float())
            writer.add_tensor(f"{known}.lora_a", weights[key].float().numpy())
            writer.add_tensor(f"{known}.lora_b", rows.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _converted(converter, layer: str, rows):
    """The name of a layer's weights in the GGUF, and B as the converter orders their rows."""
    number = re.search(r"\.(\d+)\.", layer)
    try:
        made = list(converter.modify_tensors(rows, f"{layer}.weight", int(number[1]) if number else None))
    except (NotImplementedError, ValueError, KeyError, TypeError, AssertionError, RuntimeError) as error:
        raise BadInput(f"llama.cpp's converter refuses the adapter of {layer} ({first_line(error)}). {_INSTEAD}") from error
    if len(made) != 1 or made[0][1].shape != rows.shape:
        raise BadInput(f"llama.cpp's converter makes other matrices of {layer}, so its adapter would not fit them. {_INSTEAD}")
    return made[0]
