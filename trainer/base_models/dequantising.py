"""Weights that are stored in fewer bits than 16, as they are computed with: by the library that each way of storing them is of.

A weight is stored as several tensors then: the numbers, and what they are scaled by. Which belong together is seen by their names, in the
files, as they were published: transformers may know their layers by others.
"""

import re
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..platform.safetensors_files import Tensors

_STATE = re.compile(r"(.+)\.quant_state\.bitsandbytes__\w+")
# Of bitsandbytes, beside its state: what blocks of numbers are scaled by, in numbers of 8 bits themselves where they are nested.
_OF_4_BITS = ("absmax", "quant_map", "nested_absmax", "nested_quant_map")
_OF_COMPRESSED = ("weight_packed", "weight", "weight_scale", "weight_zero_point", "weight_shape", "weight_global_scale", "input_scale", "input_zero_point", "input_global_scale")
_OF_AWQ = ("qweight", "qzeros", "scales")
_OF_FP8 = ("activation_scale", "input_scale")
FLOATS = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True)
class Weight:
    """A weight that the tensors `parts` are. `whole` makes it of them, by their names."""

    shape: list[int]
    parts: tuple[str, ...]
    whole: Callable


def weights_of(files: Tensors, method: str, model: Path, config: dict) -> dict[str, Weight]:
    """The weights of a model that are stored in fewer bits, by the names that they have in 16. `config`: its quantization_config.

    Raises ValueError or KeyError for what is not as the method stores it.
    """
    found = dict(METHODS[method](files, model, config))
    taken = {part for weight in found.values() for part in weight.parts}
    for name in taken - files.names:
        raise KeyError(name)
    for name in files.names - taken:
        dtype = files.header_of(name).dtype
        if dtype not in FLOATS and (name.endswith("weight") or dtype.startswith(("F8", "F4"))):
            raise ValueError(f"{name} is {dtype}, and what it was scaled by is not beside it")
    return found


def _bitsandbytes(files: Tensors, model: Path, config: dict) -> Iterator[tuple[str, Weight]]:
    from bitsandbytes.utils import unpack_tensor_to_dict

    turned = _turned(model)
    for name in files.names:
        if state := _STATE.fullmatch(name):
            owner = state[1]
            shape = list(unpack_tensor_to_dict(files.read(name))["shape"])
            parts = (owner, name, *_there(files, owner, _OF_4_BITS))
            yield owner, _turn(Weight(shape, parts, partial(_of_4_bits, owner)), owner, turned)
        elif name.endswith(".SCB"):
            module = name.removesuffix(".SCB")
            owner = f"{module}.weight"
            parts = (owner, name, *_there(files, module, ("weight_format",)))
            yield owner, _turn(Weight(files.header_of(owner).shape, parts, partial(_of_8_bits, owner, name)), owner, turned)


def _of_4_bits(owner: str, parts: dict):
    import torch
    from bitsandbytes.functional import QuantState

    numbers = parts[owner].view(-1).view(torch.uint8)  # Where they lie in numbers of another type (bnb_4bit_quant_storage), it means nothing.
    state = QuantState.from_dict({name.removeprefix(f"{owner}."): part for name, part in parts.items() if name != owner}, "cpu")
    count = state.shape.numel()
    # The kernels look no further than their pointers.
    blocks = _count(state.absmax, -(-count // state.blocksize), "absmax")
    if state.nested:
        _count(state.state2.absmax, -(-blocks // state.state2.blocksize), "nested_absmax")
        _count(state.state2.code, 256, "nested_quant_map")
    _count(state.code, 16, "quant_map")
    _count(numbers, -(-count // 2), "numbers")
    return from_4_bits(numbers, state)


def from_4_bits(numbers, state: "bitsandbytes.functional.QuantState"):  # noqa: F821
    """What bitsandbytes stores as `numbers`. All in one row: on CPUs with AVX512 its version 0.50.2 takes every row for the beginning of a
    block, which it is not where the width is no multiple of it."""
    from bitsandbytes.functional import dequantize_4bit

    in_one_row = copy(state)
    in_one_row.shape = (state.shape.numel(),)
    return dequantize_4bit(numbers, in_one_row).reshape(state.shape)


def _count(tensor, expected: int, what: str) -> int:
    if tensor.numel() != expected:
        raise ValueError(f"{what} has {tensor.numel()} values in place of {expected}")
    return expected


def _of_8_bits(owner: str, scales: str, parts: dict):
    from bitsandbytes.functional import int8_vectorwise_dequant

    numbers = parts[owner]
    order = next((int(part) for name, part in parts.items() if name.endswith("weight_format")), 0)
    if order != 0:
        raise ValueError(f"its numbers are not in rows (weight_format {order}), as old versions of bitsandbytes had them")
    _count(parts[scales].view(-1), numbers.shape[0], "SCB")
    return int8_vectorwise_dequant(numbers, parts[scales].view(-1))


def _turned(model: Path) -> set[str]:
    """Layers whose matrix bitsandbytes stores turned: a Conv1D, which GPT-2 has for linear ones."""
    import torch
    from transformers import AutoConfig
    from transformers.pytorch_utils import Conv1D

    from .models import class_of, config_of

    config_of(model)  # Tells what does not load.
    config = AutoConfig.from_pretrained(model, local_files_only=True, trust_remote_code=False)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        empty = class_of(model).from_config(config)
    names = {f"{name}.weight" for name, layer in empty.named_modules() if isinstance(layer, Conv1D)}
    return names | {name.removeprefix(f"{empty.base_model_prefix}.") for name in names}


def _turn(weight: Weight, name: str, turned: set[str]) -> Weight:
    return Weight(weight.shape[::-1], weight.parts, lambda parts: weight.whole(parts).T) if name in turned else weight


def _fp8(files: Tensors, model: Path, config: dict) -> Iterator[tuple[str, Weight]]:
    block = config.get("weight_block_size")
    for name in files.names:
        if name.endswith("_scale_inv"):
            owner = name.removesuffix("_scale_inv")
            if not files.header_of(owner).dtype.startswith("F8"):
                raise ValueError(f"{owner} is {files.header_of(owner).dtype} beside {name}, and not FP8")
            parts = (owner, name, *_there(files, owner.rpartition(".")[0], _OF_FP8))
            yield owner, Weight(files.header_of(owner).shape, parts, partial(_of_fp8, owner, name, block))


def _of_fp8(owner: str, scales: str, block: list[int] | None, parts: dict):
    import torch
    from transformers.integrations.finegrained_fp8 import _dequantize_fp8_weight

    scale = parts[scales]
    # Exponents alone, in a byte each.
    scale = (scale.float() - 127).exp2() if scale.dtype == torch.uint8 else scale.float()
    if scale.numel() == 1:
        block = None
    elif block is None or list(scale.shape[-2:]) != [-(-size // each) for size, each in zip(parts[owner].shape[-2:], block)]:
        raise ValueError(f"{scales} is of {list(scale.shape)}, which fits no weight of {list(parts[owner].shape)} in blocks of {block}")
    return _dequantize_fp8_weight(parts[owner], scale, block, torch.float32)


def _mxfp4(files: Tensors, model: Path, config: dict) -> Iterator[tuple[str, Weight]]:
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    for name in files.names:
        if name.endswith("_blocks"):
            owner = name.removesuffix("_blocks")
            scales = f"{owner}_scales"
            experts, rows, groups, size = files.header_of(name).shape
            if files.header_of(scales).shape != [experts, rows, groups]:
                raise ValueError(f"{scales} is of {files.header_of(scales).shape}, and {name} of {[experts, rows, groups, size]}")
            # As transformers, and the same model in 16 bits, have them.
            shape = [experts, groups * size * 2, rows]
            yield owner, Weight(shape, (name, scales), lambda parts, name=name, scales=scales: convert_moe_packed_tensors(parts[name], parts[scales]))


def _compressed_tensors(files: Tensors, model: Path, config: dict) -> Iterator[tuple[str, Weight]]:
    import torch
    from compressed_tensors.entrypoints.convert import CompressedTensorsDequantizer
    from compressed_tensors.utils.match import match_name

    if config.get("transform_config") or (config.get("sparsity_config") or {}).get("format", "dense") != "dense":
        raise ValueError("its weights are sparse, or turned by a transform, as well")
    converter = CompressedTensorsDequantizer(model, dtype=torch.float32)

    def bits_of(module: str) -> int:
        groups = converter.quant_config.config_groups.values()
        return next(group.weights.num_bits for group in groups if "Linear" in group.targets or any(match_name(module, target) for target in group.targets))

    for name in files.names:
        module, _, last = name.rpartition(".")
        if last == "weight_packed" or last == "weight" and files.header_of(name).dtype not in FLOATS:
            shape = files.header_of(name).shape
            if f"{module}.weight_shape" in files.names:
                shape = files.read(f"{module}.weight_shape").tolist()
            elif last == "weight_packed":
                shape = [*shape[:-1], shape[-1] * 8 // bits_of(module)]
            yield f"{module}.weight", Weight(shape, _there(files, module, _OF_COMPRESSED), lambda parts, module=module: converter.process(parts)[f"{module}.weight"])


def _awq(files: Tensors, model: Path, config: dict) -> Iterator[tuple[str, Weight]]:
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.entrypoints.convert import AutoAWQConverter

    converter = AutoAWQConverter.from_autoawq_config(config)
    (scheme,) = converter.update_config(None).config_groups.values()
    compressor = BaseCompressor.get_value_from_registry(scheme.format)

    def whole(module: str, parts: dict):
        packed = {name.removeprefix(f"{module}."): part for name, part in converter.process(parts).items()}
        return compressor.decompress(packed, scheme)["weight"]

    for name in files.names:
        if name.endswith(".qweight"):
            module = name.removesuffix(".qweight")
            inputs, packed = files.header_of(name).shape
            yield f"{module}.weight", Weight([packed * 8, inputs], _there(files, module, _OF_AWQ), partial(whole, module))


def _there(files: Tensors, module: str, lasts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for last in lasts if (name := f"{module}.{last}") in files.names)


# quantization_methods.txt names them for the service, which finds a base in another way before anything begins.
METHODS = {"awq": _awq, "bitsandbytes": _bitsandbytes, "compressed-tensors": _compressed_tensors, "fp8": _fp8, "mxfp4": _mxfp4}
