"""safetensors files as they are written: their headers, and new ones whose tensors come one after another.

The library writes from tensors that are all in memory. Here a file may be larger than that.
Format: https://huggingface.co/docs/safetensors/index#format
"""

import json
import struct
from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
_CHUNK = 1 << 24
_TYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True)
class Stored:
    """A tensor in a file: `dtype` as safetensors names it (BF16), `begin` and `end` in bytes from the end of the header."""

    dtype: str
    shape: list[int]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    tensors: dict[str, Stored]  # In the order of their bytes.
    metadata: dict
    length: int

    @property
    def data_begins(self) -> int:
        return 8 + self.length


def header_of(file: Path) -> Header:
    with file.open("rb") as opened:
        (length,) = struct.unpack("<Q", opened.read(8))
        header = json.loads(opened.read(length))
    metadata = header.pop("__metadata__", {})
    tensors = {name: Stored(each["dtype"], each["shape"], *each["data_offsets"]) for name, each in header.items()}
    return Header(dict(sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end))), metadata, length)


def files_of(model: Path) -> list[Path]:
    """The files with the weights that transformers loads, in their order: others may lie beside them, in a layout of their own."""
    if uses_index(model):
        return [model / name for name in shards_of(model)]
    single = model / SINGLE
    return [single] if single.is_file() else sorted(model.glob("*.safetensors"))


def weight_bytes(model: Path) -> int:
    """Of all files with weights."""
    return sum(path.stat().st_size for path in files_of(model))


def uses_index(model: Path) -> bool:
    """Whether an index says where the weights are. As transformers has it, a single file goes before it."""
    return (model / INDEX).is_file() and not (model / SINGLE).is_file()


def shards_of(model: Path) -> list[str]:
    """The files that the index names, in their order."""
    return sorted(set(json.loads((model / INDEX).read_text(encoding="utf-8"))["weight_map"].values()))


class Tensors:
    """The tensors of a model, in whichever of its files they are."""

    def __init__(self, model: Path):
        self.headers: dict[Path, Header] = {file: header_of(file) for file in files_of(model)}
        self.file_of = {name: file for file, header in self.headers.items() for name in header.tensors}

    @property
    def names(self) -> Set[str]:
        return self.file_of.keys()

    def header_of(self, name: str) -> Stored:
        return self.headers[self.file_of[name]].tensors[name]

    def read(self, name: str) -> "torch.Tensor":  # noqa: F821
        from safetensors import safe_open

        with safe_open(self.file_of[name], "pt") as file:
            return file.get_tensor(name)


def dtype_name(dtype: "torch.dtype") -> str:  # noqa: F821
    """As safetensors names it."""
    return next(name for name, known in _TYPES.items() if str(dtype) == f"torch.{known}")


def bytes_of(file: Path, header: Header, name: str) -> Iterable[bytes]:
    """A tensor as it is stored, in pieces."""
    stored = header.tensors[name]
    with file.open("rb") as opened:
        opened.seek(header.data_begins + stored.begin)
        left = stored.end - stored.begin
        while left > 0:
            piece = opened.read(min(_CHUNK, left))
            if not piece:
                raise OSError(f"{file} ends within {name}.")
            left -= len(piece)
            yield piece


def write(file: Path, tensors: dict[str, tuple[str, list[int], int]], metadata: dict, pieces_of) -> None:
    """A file with these tensors in this order: (dtype, shape, bytes) of each. `pieces_of(name)` gives what is in one."""
    header, offset = ({"__metadata__": metadata} if metadata else {}), 0
    for name, (dtype, shape, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # So that data is aligned, as the library does it.
    with file.open("wb") as opened:
        opened.write(struct.pack("<Q", len(text)) + text)
        for name, (_, _, size) in tensors.items():
            written = sum(opened.write(piece) for piece in pieces_of(name))
            if written != size:
                raise ValueError(f"{name} in {file.name} has {written} bytes, and its header says {size}.")
