"""Tiny models as they are stored in fewer bits than 16: by the libraries where they can, else number by number, as the formats say.

Each is made at `target`; those that are made here return what their weights are in 16 bits.
"""

import json
import shutil
from pathlib import Path

from .architectures import ARCHITECTURES, make
from .support import model_path

BITSANDBYTES = {
    "nf4": dict(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True),
    "fp4": dict(load_in_4bit=True, bnb_4bit_quant_type="fp4"),
    "in bf16": dict(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_quant_storage="bfloat16"),
    "int8": dict(load_in_8bit=True),
}
_FP4 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
# Which of eight numbers stands in which four bits.
_AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]


def by_bitsandbytes(base: Path, target: Path, kind: str, **saved) -> Path:
    """As transformers saves it: in the layout of its files, experts one by one."""
    import torch
    from transformers import BitsAndBytesConfig

    from ..base_models.models import class_of

    shutil.copytree(base, target, ignore=shutil.ignore_patterns("*.safetensors*"))
    config = BitsAndBytesConfig(**BITSANDBYTES[kind], bnb_4bit_compute_dtype=torch.bfloat16)
    class_of(base).from_pretrained(base, quantization_config=config, dtype=torch.bfloat16).save_pretrained(target, **saved)
    return target


def by_bitsandbytes_one_by_one(base: Path, target: Path) -> Path:
    """As version 4 of transformers saved a mixture of experts: each matrix of each expert by itself. Version 5 does not load that."""
    from bitsandbytes.functional import quantize_4bit

    def change(tensors: dict) -> None:
        for layer in _linear_layers(tensors):
            numbers, state = quantize_4bit(tensors.pop(f"{layer}.weight"), quant_type="nf4", compress_statistics=True)
            tensors |= {f"{layer}.weight": numbers, **{f"{layer}.weight.{name}": part for name, part in state.as_dict(packed=True).items()}}

    return _with_tensors(target, {"quant_method": "bitsandbytes", **BITSANDBYTES["nf4"]}, change, base)


def by_fp8(target: Path, block: list[int] | None = None) -> dict:
    """In blocks, or each matrix by one scale, as Mistral has them."""
    import torch

    expected, generator = {}, torch.Generator().manual_seed(1)

    def change(tensors: dict) -> None:
        for layer in _linear_layers(tensors):
            rows, columns = tensors[f"{layer}.weight"].shape
            steps = [-(-rows // block[0]), -(-columns // block[1])] if block else []
            # Powers of two: what they make is exact in bf16.
            scales = 2.0 ** torch.randint(-5, -2, steps, generator=generator)
            stored = (tensors[f"{layer}.weight"].float() * 16).to(torch.float8_e4m3fn)
            of_each = scales[torch.arange(rows)[:, None] // block[0], torch.arange(columns) // block[1]] if block else scales
            whole = stored.float() * of_each
            expected[f"{layer}.weight"] = whole.bfloat16()
            tensors |= {f"{layer}.weight": stored, f"{layer}.weight_scale_inv": scales, f"{layer}.activation_scale": torch.tensor(1.5)}

    _with_tensors(target, {"quant_method": "fp8", "weight_block_size": block}, change)
    return expected


def by_mxfp4(target: Path) -> dict:
    """Experts of gpt-oss, as OpenAI has them."""
    import torch

    expected, generator = {}, torch.Generator().manual_seed(1)
    values = [*_FP4, *(-value for value in _FP4)]

    def change(tensors: dict) -> None:
        for name in [name for name in tensors if name.endswith("_proj") and tensors[name].ndim == 3]:
            experts, inputs, outputs = tensors.pop(name).shape
            blocks = torch.randint(0, 256, (experts, outputs, inputs // 32, 16), dtype=torch.uint8, generator=generator)
            scales = torch.randint(118, 124, (experts, outputs, inputs // 32), dtype=torch.uint8, generator=generator)
            place = torch.arange(inputs)
            byte = blocks[:, :, place // 32, place % 32 // 2].long()
            numbers = torch.tensor(values)[torch.where(place % 2 == 1, byte >> 4, byte & 15)]
            whole = numbers * 2.0 ** (scales[:, :, place // 32].float() - 127)
            expected[name] = whole.mT.contiguous().bfloat16()
            tensors |= {f"{name}_blocks": blocks, f"{name}_scales": scales}

    base = target.with_name(f"{target.name}-before")
    make(next(each for each in ARCHITECTURES if each.model_type == "gpt_oss"), base)
    _with_tensors(target, {"quant_method": "mxfp4"}, change, base)
    return expected


def by_awq(target: Path) -> dict:
    import torch

    expected, generator = {}, torch.Generator().manual_seed(1)

    def packed(numbers):
        return sum(numbers[:, place::8] << 4 * _AWQ_ORDER.index(place) for place in range(8)).to(torch.int32)

    def change(tensors: dict) -> None:
        for layer in _linear_layers(tensors):
            outputs, inputs = tensors.pop(f"{layer}.weight").shape
            numbers = torch.randint(0, 16, (inputs, outputs), generator=generator)
            zeros = torch.randint(4, 12, (inputs // 32, outputs), generator=generator)
            scales = 2.0 ** torch.randint(-8, -6, (inputs // 32, outputs), generator=generator)
            zero, scale = (each.repeat_interleave(32, 0) for each in (zeros, scales))
            expected[f"{layer}.weight"] = ((numbers - zero) * scale).T.bfloat16()
            tensors |= {f"{layer}.qweight": packed(numbers), f"{layer}.qzeros": packed(zeros), f"{layer}.scales": scales.half()}

    _with_tensors(target, {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": True, "version": "gemm"}, change)
    return expected


def by_compressed_tensors(target: Path) -> dict:
    """Numbers of 4 bits in words, scaled by groups."""
    import torch

    expected, generator = {}, torch.Generator().manual_seed(1)

    def change(tensors: dict) -> None:
        for layer in _linear_layers(tensors):
            shape = tensors.pop(f"{layer}.weight").shape
            numbers = torch.randint(0, 16, shape, generator=generator)
            scales = 2.0 ** torch.randint(-8, -6, (shape[0], shape[1] // 32), generator=generator)
            expected[f"{layer}.weight"] = ((numbers - 8) * scales.repeat_interleave(32, 1)).bfloat16()
            words = sum(numbers[:, place::8] << 4 * place for place in range(8)).to(torch.int32)
            tensors |= {f"{layer}.weight_packed": words, f"{layer}.weight_scale": scales.bfloat16(), f"{layer}.weight_shape": torch.tensor(shape)}

    weights = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32, "symmetric": True, "dynamic": False}
    _with_tensors(target, _groups({"targets": ["Linear"], "weights": weights}, "pack-quantized"), change)
    return expected


def by_preset(target: Path, preset: str) -> Path:
    """As the library of compressed-tensors itself stores weights in one of its schemes, with groups that fit a tiny model."""
    import torch
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.compressors.format import infer_module_format
    from compressed_tensors.quantization import QuantizationArgs, preset_name_to_scheme

    scheme = preset_name_to_scheme(preset, ["Linear"])
    smaller = {"group": {"group_size": 32}, "block": {"block_structure": [48, 40]}}.get(scheme.weights.strategy, {})
    scheme.weights = QuantizationArgs(**{**scheme.weights.model_dump(), **smaller})
    kind = infer_module_format(torch.nn.Linear, scheme).value

    def change(tensors: dict) -> None:
        for layer in _linear_layers(tensors):
            whole = tensors.pop(f"{layer}.weight")
            given = {"weight": whole.bfloat16(), "input_global_scale": torch.ones(1), **_scales(whole.float(), scheme.weights)}
            tensors |= {f"{layer}.{name}": part for name, part in BaseCompressor.get_value_from_registry(kind).compress(given, scheme).items()}

    return _with_tensors(target, _groups(json.loads(scheme.model_dump_json()), kind), change)


def _scales(weight, arguments) -> dict:
    from compressed_tensors.quantization.utils import calculate_qparams
    from compressed_tensors.quantization.utils.helpers import generate_gparam
    from torch.nn.functional import pad

    of_all = generate_gparam(weight.min().view(1), weight.max().view(1)) if arguments.strategy == "tensor_group" else None
    if arguments.strategy == "block":
        high, wide = arguments.block_structure
        rows, columns = -(-weight.shape[0] // high), -(-weight.shape[1] // wide)
        blocks = pad(weight, (0, columns * wide - weight.shape[1], 0, rows * high - weight.shape[0])).reshape(rows, high, columns, wide)
        least, most = blocks.amin((1, 3)), blocks.amax((1, 3))
    else:
        size = {"tensor": weight.numel(), "channel": weight.shape[1]}.get(arguments.strategy, arguments.group_size)
        groups = weight.reshape(1 if arguments.strategy == "tensor" else len(weight), -1, size)
        least, most = (each.view(1) if arguments.strategy == "tensor" else each for each in (groups.amin(2), groups.amax(2)))
    scale, zero = calculate_qparams(least, most, arguments, global_scale=of_all)
    return {"weight_scale": scale, "weight_zero_point": zero, **({} if of_all is None else {"weight_global_scale": of_all})}


def _groups(group: dict, kind: str) -> dict:
    return {"quant_method": "compressed-tensors", "format": kind, "config_groups": {"group_0": group}, "ignore": ["lm_head"], "quantization_status": "compressed"}


def _with_tensors(target: Path, quantization: dict, change, base: Path | None = None) -> Path:
    from safetensors.torch import load_file, save_file

    shutil.copytree(base or model_path(), target)
    tensors = load_file(target / "model.safetensors")
    change(tensors)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, target / "model.safetensors", {"format": "pt"})
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps({**config, "quantization_config": quantization}))
    return target


def _linear_layers(tensors: dict) -> list[str]:
    return [name.removesuffix(".weight") for name in tensors if "_proj" in name]
