"""A GGUF of 16 bits in fewer: each matrix by ggml's own code, in the types that llama.cpp's `llama-quantize` gives it.

The wheel that runs GGUF files has ggml's function for it, and not llama.cpp's program, so which matrix gets which type is said here.
"""

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path

from .formats import Quantization

# In place of a type whose blocks a row does not divide into: nearly as small ones, in blocks of 32 (llama.cpp, `tensor_type_fallback`).
_INSTEAD = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0", "Q8_0": "F16"}
_IN_FUSED = {"Q4_K": "Q5_K", "Q5_K": "Q6_K"}
_LAYER = re.compile(r"blk\.(\d+)\.(\w+)\.weight")
# So many numbers of 4 bytes are in memory at a time.
_AT_ONCE = 2**26


def quantise(source: Path, target: Path, quantization: Quantization, tell) -> None:
    """Writes `source` in fewer bits. `tell` is called with which part of all bytes is done, from 0 to 1."""
    from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter

    reader = GGUFReader(source)
    writer = GGUFWriter(target, reader.get_field("general.architecture").contents())
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type", "general.quantization_version"):
            continue
        part = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=part)
    writer.add_file_type(quantization.file_type)
    writer.add_quantization_version(2)
    types = [GGMLQuantizationType[name] for name in types_of(reader.tensors, quantization)]
    for tensor, kind in zip(reader.tensors, types):
        shape = [int(length) for length in reversed(tensor.shape)]
        rows = int(tensor.n_elements) // shape[-1]
        writer.add_tensor_info(tensor.name, shape, tensor.data.dtype, rows * _row_bytes(shape[-1], kind), kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    done, total = 0, sum(tensor.n_bytes for tensor in reader.tensors)
    for tensor, kind in zip(reader.tensors, types):
        writer.write_tensor_data(tensor.data if kind == tensor.tensor_type else _quantised(tensor, kind))
        done += tensor.n_bytes
        tell(done / total)
    writer.close()


def types_of(tensors, quantization: Quantization) -> Iterator[str]:
    """The type of each tensor: what the converter left in 32 bits stays (norms, routers of experts); the output's matrix, and in some of the layers those
    that are sensitive, get more bits than the others (llama.cpp, `llama_tensor_get_type`)."""
    names = {tensor.name for tensor in tensors}
    output = "output.weight" if "output.weight" in names else "token_embd.weight"
    layers = 1 + max((int(found[1]) for name in names if (found := _LAYER.match(name))), default=0)
    for tensor in tensors:
        if tensor.tensor_type.name != "F16":
            yield tensor.tensor_type.name
        else:
            yield _that_fits(_wanted(tensor.name, output, layers, quantization), int(tensor.shape[0]))


def _wanted(name: str, output: str, layers: int, quantization: Quantization) -> str:
    if name == output:
        return quantization.more
    layer = _LAYER.match(name)
    if layer is None or quantization.most == quantization.more:
        return quantization.most
    if layer[2] == "attn_qkv":
        return _IN_FUSED[quantization.most]
    is_sensitive = layer[2] in ("attn_v", "ffn_down", "ffn_down_exps") and _gets_more(int(layer[1]), layers)
    return quantization.more if is_sensitive else quantization.most


def _gets_more(layer: int, layers: int) -> bool:
    """The first and the last eighth, and every third between them."""
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2


def _that_fits(kind: str, row: int) -> str:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    while row % GGML_QUANT_SIZES[GGMLQuantizationType[kind]][0]:
        kind = _INSTEAD[kind]
    return kind


def _quantised(tensor, kind):
    """Its bytes in another type, by ggml itself."""
    import numpy

    row = int(tensor.shape[0])
    rows = tensor.data.reshape(-1, tensor.data.shape[-1])
    made = numpy.empty((len(rows), _row_bytes(row, kind)), dtype=numpy.uint8)
    at_once = max(1, _AT_ONCE // row)
    for begin in range(0, len(rows), at_once):
        part = numpy.ascontiguousarray(rows[begin : begin + at_once], dtype=numpy.float32)
        written = _ggml().ggml_quantize_chunk(int(kind), part.ctypes.data, made[begin:].ctypes.data, 0, len(part), row, None)
        if written != len(part) * made.shape[1]:
            raise RuntimeError(f"ggml wrote {written} bytes of {tensor.name} as {kind.name}, where {len(part) * made.shape[1]} were expected.")
    return made


def _ggml():
    import xllamacpp.xllamacpp

    library = ctypes.CDLL(xllamacpp.xllamacpp.__file__)
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    library.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
    return library


def _row_bytes(row: int, kind) -> int:
    from gguf import GGML_QUANT_SIZES

    numbers, size = GGML_QUANT_SIZES[kind]
    return row // numbers * size
