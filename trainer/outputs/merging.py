"""The trained model in the layout, the types and the files of its base: what did not change is copied byte by byte."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from ..base_models.token_rows import trained_rows
from ..base_models.whole_modules import whole_parameters
from ..platform.safetensors_files import INDEX, bytes_of, dtype_name, uses_index, write
from .layout import Layout, plain, whole
from .rounding import rounded



class Trained:
    """What a training changed. `model`: as it was trained, with adapters or without. `seed`: of the rounding to the base's types."""

    def __init__(self, model, base: Path, seed: int):
        self._base, self._seed = base, seed
        self._adapters = adapter_layers(model)
        self._is_adapted = hasattr(model, "peft_config")
        self.model = model.get_base_model() if self._is_adapted else model
        self._whole = whole_parameters(model) if self._is_adapted else {name: parameter for name, parameter in self.model.named_parameters() if parameter.requires_grad}
        rows = trained_rows(model) if self._is_adapted else {}
        tied = getattr(self.model, "all_tied_weights_keys", None) or {}
        # Trained whole, two layers may share a matrix still.
        twins = {target: source for target, source in tied.items() if target in self._whole and self._whole[target] is self._whole.get(source)}
        names = [name for name in (*self._adapters, *self._whole) if name not in twins]
        # An adapter on one of two layers that share a matrix is not on the other.
        self.untied = frozenset(set(names) & {*tied, *tied.values()} - {*twins.values()}) if self._is_adapted else frozenset()
        self.layout = Layout(self.model, base, names, self.untied)
        # Of tensors that an adapter changes there may be several in one group of the layout, so that what is whole is known by its names in the files.
        # Rows of new tokens, by the names that their matrices have in the files: nothing else of these is another.
        self._rows = {stored: (name, *trained) for name, trained in rows.items() for stored in self._stored_rows(base, name)}
        self._stored_whole = {stored for name in self._whole if name not in twins for stored in self.layout.stored_of(name)} if self._is_adapted else None

    def write(self, output: Path) -> None:
        """The weights into `output`: in as many files as the base has, and with what is new in the last. Nothing but a layer is in memory."""
        made = _OneGroup(self.layout, self._change_of)
        files = list(self.layout.headers)
        for file, header in self.layout.headers.items():
            tensors = {name: (each.dtype, each.shape, each.end - each.begin) for name, each in header.tensors.items()}
            if file == files[-1]:
                for name in self.layout.new:
                    value = self.layout.read(name)
                    tensors[name] = (dtype_name(value.dtype), list(value.shape), value.nbytes)
            write(output / file.name, tensors, header.metadata, lambda name, file=file, header=header: self._pieces(made, file, header, name))
        if uses_index(self._base):
            self._write_index(files[-1], output)

    def _stored_rows(self, base: Path, name: str) -> list[str]:
        """Alone: neither may be a group with what else is on its layer."""
        return Layout(self.model, base, [name]).stored_of(name)

    def _pieces(self, made: "_OneGroup", file: Path, header, name: str) -> Iterator[bytes]:
        if name in self._rows:
            yield self._with_rows(name)
            return
        change = made.of(name)
        if change is None:
            yield from bytes_of(file, header, name)
            return
        import torch

        original = self.layout.read(name)
        # In fp32, and rounded once: each rounding in between would cost accuracy.
        is_whole = self._stored_whole is None or name in self._stored_whole
        value = rounded(change if is_whole else original.float() + change, original.dtype, self.layout.first_of(name), self._seed).contiguous()
        yield memoryview(value.view(-1).view(torch.uint8).numpy())

    def _with_rows(self, name: str) -> memoryview:
        import torch

        parameter, numbers, trained = self._rows[name]
        value = self.layout.read(name)
        value[numbers] = rounded(trained.detach().to("cpu", torch.float32), value.dtype, parameter, self._seed)
        return memoryview(value.contiguous().view(-1).view(torch.uint8).numpy())

    def _change_of(self, name: str):
        """What is added to a parameter (adapters), or what it is now."""
        import torch

        if name in self._whole:
            return whole(self._whole[name])
        with torch.no_grad():
            return change_by(self._adapters[name])

    def _write_index(self, last: Path, output: Path) -> None:
        index = json.loads((self._base / INDEX).read_text(encoding="utf-8"))
        for name in self.layout.new:
            index["weight_map"][name] = last.name
        (output / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


class _OneGroup:
    """The changes of the group of parameters that was asked for last: its tensors follow each other in a file."""

    def __init__(self, layout: Layout, change_of: Callable):
        self._layout, self._change_of = layout, change_of
        self._group, self._tensors = None, {}

    def of(self, stored: str):
        group = self._layout.group_of(stored)
        if group is None:
            return None
        if group != self._group:
            self._tensors = {}  # Before the next ones are made.
            self._group, self._tensors = group, self._layout.stored(group, self._change_of)
        return self._tensors[stored]


def change_by(layer):
    """What a layer of adapters adds to the weights beside it, in float32 on the CPU."""
    import torch

    added = layer.get_delta_weight("default").to("cpu", torch.float32)
    if "default" not in layer.lora_magnitude_vector:
        return added
    # DoRA: what comes of weights and adapter has the length that was learnt, row by row; columns, where a matrix lies the other way (Conv1D).
    weights = whole(layer.get_base_layer().weight).float()
    length = torch.linalg.vector_norm(weights + added, dim=0 if layer.fan_in_fan_out else 1, keepdim=True)
    learnt = layer.lora_magnitude_vector["default"].weight.to("cpu", torch.float32).view_as(length)
    return (weights + added) * (learnt / length) - weights


def adapter_layers(model) -> dict:
    """Each layer of adapters by the name of the parameter that it adds to."""
    from peft.tuners.lora.layer import LoraLayer, ParamWrapper

    if not hasattr(model, "peft_config"):
        return {}
    layers = {}
    for name, layer in model.get_base_model().named_modules():
        if isinstance(layer, LoraLayer):
            layers[f"{plain(name)}.{layer.parameter_name if isinstance(layer, ParamWrapper) else 'weight'}"] = layer
    return layers
