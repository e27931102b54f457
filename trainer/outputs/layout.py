"""Where the weights of a loaded model stand in the files that it was loaded from.

transformers renames tensors and puts several together while it loads (all experts of a layer, say). What it does backwards when it saves
is done here on parts of a model, so that a file can be written tensor by tensor.
"""

import re
from collections.abc import Callable
from pathlib import Path

from ..base_models.dequantising import from_4_bits
from ..platform.failures import BadInput
from ..platform.safetensors_files import Tensors

_LAYER = re.compile(r"^.*?\.\d+\.")
# As a share of the norm. NF4's is about 0.1 of normal numbers; of what is elsewhere it is about 1.4.
_LARGEST_ERROR, _LARGEST_ERROR_OF_4_BITS = 0.02, 0.5


class Layout:
    """`model`: as it was loaded, without adapters. `names`: of its parameters that may change. `untied`: of those, the ones that
    were the same tensor as another one until now."""

    def __init__(self, model, path: Path, names: list[str], untied: frozenset[str] = frozenset()):
        import torch

        self.model, self._untied = model, untied
        self._files = Tensors(path)
        self.headers, self._file_of = self._files.headers, self._files.file_of
        self._groups: dict[str, list[str]] = {}
        for name in names:
            found = _LAYER.match(name)
            self._groups.setdefault(found[0] if found else name, []).append(name)
        self.parameters = {plain(name): parameter for name, parameter in model.named_parameters(remove_duplicate=False)}
        self._turned = turned(model)
        tied = getattr(model, "all_tied_weights_keys", None) or {}
        # By their names in the files, as are the ones that were given.
        self._tied = {self._name_in_files(target): self._name_in_files(source) for target, source in tied.items()}
        self._untied = frozenset(map(self._name_in_files, untied))
        # {name in the files: the group of parameters that it comes from}
        self._group_of: dict[str, str] = {}
        self._first_of: dict[str, str] = {}
        for group, members in self._groups.items():
            for name, tensor in self._reverted({name: torch.empty(self._shape_of(name), device="meta") for name in members}).items():
                names = self._stored_names(name)
                for stored in names:
                    self._first_of[stored] = names[0]
                    self._require_shape(stored, list(self._lying_as_stored(stored, tensor).shape))
                    self._group_of[stored] = group

    def group_of(self, stored: str) -> str | None:
        """Of a tensor in the files, the group of parameters that it comes from. None: nothing of it can change."""
        return self._group_of.get(stored)

    def first_of(self, stored: str) -> str:
        """Of the tensors in the files that are one in the model, the first: they have to stay the same, to the bit, or they are one no more."""
        return self._first_of[stored]

    def stored_of(self, name: str) -> list[str]:
        """The tensors in the files that one parameter is, which is not put together of several."""
        return self._stored_names(self._name_in_files(name))

    @property
    def new(self) -> list[str]:
        """Names of the tensors that the files do not have: those that were another one as well until now."""
        return [name for name in self._group_of if name not in self._file_of]

    def stored(self, group: str, value_of: Callable[[str], "torch.Tensor"]) -> dict:  # noqa: F821
        """The tensors of a group under their names in the files, made of `value_of(parameter)`, which is on the CPU."""
        values = {name: value_of(name).T if name in self._turned else value_of(name) for name in self._groups[group]}
        return {stored: self._lying_as_stored(stored, tensor) for name, tensor in self._reverted(values).items() for stored in self._stored_names(name)}

    def read(self, stored: str):
        """A tensor as the base has it."""
        return self._files.read(stored if stored in self._file_of else self._twin_of(stored))

    def require_like_the_files(self) -> None:
        """Raises BadInput where one layer of the model is not what its files hold, by the way in which it is going to be written."""
        import torch

        seen = set()
        for group, members in self._groups.items():
            kinds = {re.sub(r"\d+", "#", name) for name in members}
            if kinds <= seen:
                continue
            seen |= kinds
            is_exact = not any(getattr(self.parameters[name], "quant_state", None) for name in members)
            largest = _LARGEST_ERROR if is_exact else _LARGEST_ERROR_OF_4_BITS
            with torch.no_grad():
                for stored, tensor in self.stored(group, lambda name: whole(self.parameters[name])).items():
                    original, loaded = self.read(stored).float(), tensor.float()
                    error = (original - loaded).norm() / original.norm().clamp(min=1e-9)
                    if not error <= largest:
                        raise BadInput(
                            f"The tensor {stored} of the base model is not what transformers would write for it (they differ by {error:.0%}), so a model that "
                            "was trained could not be written in its layout. Set hyperparameters.merge to false, which keeps the adapter alone, or take another model."
                        )

    def _reverted(self, tensors: dict) -> dict:
        from transformers.core_model_loading import revert_weight_conversion

        # Some look for the parameter in the model, where it has another name if there is an adapter on it.
        self.model.get_parameter = self.parameters.__getitem__
        try:
            return revert_weight_conversion(self.model, tensors)
        finally:
            del self.model.get_parameter

    def _lying_as_stored(self, stored: str, tensor):
        """Matrices of experts that lie the other way round in the files (Qwen3-VL's) are turned while they are loaded, and not while they are saved."""
        if stored not in self._file_of or tensor.ndim != 3:
            return tensor
        shape = self.headers[self._file_of[stored]].tensors[stored].shape
        return tensor.mT if list(tensor.shape) != shape and list(tensor.mT.shape) == shape else tensor

    def _shape_of(self, name: str) -> list[int]:
        parameter = self.parameters[name]
        state = getattr(parameter, "quant_state", None)
        shape = list(state.shape if state else parameter.shape)  # Of 4 bits, two are in each byte.
        return shape[::-1] if name in self._turned else shape

    def _stored_names(self, name: str) -> list[str]:
        """A tensor in the files, or several that are one in the model."""
        if name in self._untied:
            return [name]
        found = [stored for each in [name, *self._tied_with(name)] if (stored := self._found(each))]
        if not found:
            raise BadInput(
                f"The base model's files have no tensor {name}, which this version of transformers would write for it, so a model that was trained could not be written in its layout. "
                "Set hyperparameters.merge to false, which keeps the adapter alone, or take another model."
            )
        return found

    def _found(self, name: str) -> str | None:
        """With or without the name of the model within, which transformers adds where files go without."""
        prefix = f"{self.model.base_model_prefix}."
        return next((each for each in (name, name.removeprefix(prefix), prefix + name) if each in self._file_of), None)

    def _tied_with(self, name: str) -> list[str]:
        return [source if name == target else target for target, source in self._tied.items() if name in (target, source)]

    def _name_in_files(self, name: str) -> str:
        import torch

        return next(iter(self._reverted({name: torch.empty(self._shape_of(name), device="meta")})))

    def _twin_of(self, name: str) -> str:
        return next(stored for each in self._tied_with(name) if (stored := self._found(each)))

    def _require_shape(self, stored: str, shape: list[int]) -> None:
        if stored not in self._file_of:
            return
        in_file = self._files.header_of(stored).shape
        if in_file != shape:
            raise BadInput(f"The tensor {stored} of the base model has the shape {in_file} in its files, and {shape} when it is loaded. Take another model.")


def plain(name: str) -> str:
    """The name of a layer or a parameter without what peft adds to it where there is an adapter, or a copy of it is trained, or rows of it."""
    return name.replace(".token_adapter", "").replace(".base_layer", "").replace(".original_module", "")


def turned(model) -> set[str]:
    """Names of the parameters whose matrix bitsandbytes has turned: those of a Conv1D, which GPT-2 has for linear layers."""
    from transformers.pytorch_utils import Conv1D

    return {f"{plain(name)}.weight" for name, layer in model.named_modules() if getattr(layer, "source_cls", None) is Conv1D}


def whole(parameter):
    """Its numbers, on the CPU."""
    state = getattr(parameter, "quant_state", None)
    if state is None:
        return parameter.detach().cpu()
    return from_4_bits(parameter.data, state).cpu()
