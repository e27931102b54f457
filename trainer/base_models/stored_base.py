"""A base model as its files store it, and as it is computed with: weights in fewer bits than 16 (bitsandbytes, FP8, AWQ …) become weights in 16."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from ..platform.failures import BadInput, first_line, is_of_the_machine
from ..platform.safetensors_files import Tensors, bytes_of, dtype_name
from .base_config import config_in
from .dequantising import METHODS, Weight, weights_of
from .quantization import method_of, quantization_in


class StoredBase:
    """Its tensors by the names, the shapes and the types that they have in 16 bits. Raises BadInput for weights that are stored in a way that is not known, or damaged."""

    def __init__(self, model: Path):
        self.path = model
        self.config = config_in(model)
        self.quantization = quantization_in(self.config)
        self.method = method_of(self.quantization)
        if self.method is not None and self.method not in METHODS:
            raise BadInput(
                f"The weights of the model in {str(model)!r} are stored by {self.method} (quantization_config in its config.json), which cannot be read here: {', '.join(METHODS)} can. "
                "Take the same model in 16 bits, often the name without GPTQ, or by one of those."
            )
        with self._told():
            self._files = Tensors(model)
            self._weights: dict[str, Weight] = {} if self.method is None else weights_of(self._files, self.method, model, self.quantization)

    @cached_property
    def of_file(self) -> dict[Path, dict[str, tuple[str, list[int], int]]]:
        """{file: {name: (type, shape, bytes)}}, in the order of their bytes: a weight stands where the first of its parts does."""
        first = {weight.parts[0]: name for name, weight in self._weights.items()}
        parts = {part for weight in self._weights.values() for part in weight.parts}
        found = {}
        for file, header in self._files.headers.items():
            found[file] = tensors = {}
            for stored, each in header.tensors.items():
                if stored in first:
                    shape = self._weights[first[stored]].shape
                    tensors[first[stored]] = (dtype_name(self.dtype), shape, 2 * math.prod(shape))
                elif stored not in parts:
                    tensors[stored] = (each.dtype, each.shape, each.end - each.begin)
        return found

    def metadata_of(self, file: Path) -> dict:
        return self._files.headers[file].metadata

    @property
    def names(self) -> list[str]:
        return [name for tensors in self.of_file.values() for name in tensors]

    @property
    def bytes(self) -> int:
        return sum(size for tensors in self.of_file.values() for _, _, size in tensors.values())

    @cached_property
    def dtype(self) -> "torch.dtype":  # noqa: F821
        """Of the weights that are stored in fewer bits, in 16: the one that the model computes in."""
        import torch

        parts = [self.config, self.config.get("text_config") or {}]
        named = next((part[name] for part in parts for name in ("dtype", "torch_dtype") if isinstance(part.get(name), str)), "bfloat16")
        return torch.float16 if named == "float16" else torch.bfloat16

    def read(self, name: str) -> "torch.Tensor":  # noqa: F821
        """Raises BadInput."""
        with self._told(name):
            weight = self._weights.get(name)
            if weight is None:
                return self._files.read(name)
            whole = weight.whole({part: self._files.read(part) for part in weight.parts})
            if list(whole.shape) != weight.shape:
                raise ValueError(f"it is of {list(whole.shape)}, and {weight.shape} was to be expected")
            return whole.to(self.dtype).contiguous()

    def pieces_of(self, file: Path, name: str) -> Iterator[bytes]:
        """A tensor of a file, as safetensors has it."""
        import torch

        if name in self._weights:
            yield memoryview(self.read(name).view(-1).view(torch.uint8).numpy())
        else:
            with self._told(name):
                yield from bytes_of(file, self._files.headers[file], name)

    @contextmanager
    def _told(self, name: str | None = None) -> Iterator[None]:
        """What the libraries raise for damaged files, in a sentence."""
        try:
            yield
        except Exception as error:
            if isinstance(error, BadInput) or is_of_the_machine(error):
                raise
            raise BadInput(self._unreadable(error, name)) from error

    def _unreadable(self, error: Exception, name: str | None) -> str:
        what = f"The weights {name}" if name else "The weights"
        why = f"{error.args[0]} is missing" if isinstance(error, KeyError) else first_line(error)
        how = f" as {self.method} stores them" if self.method else ""
        return f"{what} of the model in {str(self.path)!r} do not read{how}: {why}. Take an undamaged copy of the model, or the same one in 16 bits."
