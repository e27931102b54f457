"""What a model's config.json says of how its weights are stored in fewer bits than 16 (src/base-models/quantization.ts reads the same)."""

from pathlib import Path

from ..platform.failures import BadInput, first_line
from .base_config import config_in

# Where configurations say it: compressed-tensors had a name of its own once.
_PLACES = ("quantization_config", "compression_config")


def require_loaded_by_transformers(model: Path) -> None:
    """Raises BadInput for a model that is to be loaded as its files store it, by whoever has them, where transformers needs a library for it that is not there."""
    quantization = quantization_in(config_in(model))
    if quantization is None:
        return
    from transformers.quantizers import AutoHfQuantizer

    try:
        AutoHfQuantizer.from_config(quantization, pre_quantized=True).validate_environment()
    except (ImportError, ValueError, RuntimeError) as error:
        raise BadInput(
            f"The weights of the model in {str(model)!r} are stored by {method_of(quantization)} (quantization_config in its config.json), and it does not load so: "
            f"{first_line(error)} Take the same model in 16 bits, or by bitsandbytes."
        ) from error


def quantization_in(config: dict) -> dict | None:
    """How a configuration says that weights are stored; None where it says nothing."""
    for part in (config, config.get("text_config")):
        for name in _PLACES:
            if isinstance(part, dict) and isinstance(part.get(name), dict) and part[name]:
                return part[name]
    return None


def without_quantization(config: dict) -> dict:
    left = {name: value for name, value in config.items() if name not in _PLACES}
    if isinstance(left.get("text_config"), dict):
        left["text_config"] = {name: value for name, value in left["text_config"].items() if name not in _PLACES}
    return left


def method_of(quantization: dict | None) -> str | None:
    """As transformers names it. Old configurations of bitsandbytes do not."""
    if quantization is None:
        return None
    if quantization.get("load_in_4bit") or quantization.get("load_in_8bit"):
        return "bitsandbytes"
    return str(quantization.get("quant_method") or "a method without a name")
