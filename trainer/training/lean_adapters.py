"""Adapters that compute in the type of what they read. peft's own code makes copies of it in float32, four bytes for each number, of which most layers make several.

(Measured: docs/benchmarks.md, "The trainer". Imported where torch is loaded already.)
"""

import numpy
import torch
from peft.tuners.lora import Linear, LoraLayer

_STEPS = 1 << 16  # Dropout compares 16 random bits.


def make_lean(model, is_wanted: bool = True):
    """The model, whose adapters compute in the type of what they read while it trains, as far as they are A, B and dropout beside a linear layer. All others stay as they are."""
    for layer in model.modules() if is_wanted else ():
        if isinstance(layer, LoraLayer) and _is_plain(layer):
            layer.forward = _forward_of(layer, layer.forward)
    return model


def _is_plain(layer) -> bool:
    from peft.tuners.lora.bnb import Linear4bit

    names = layer.active_adapters
    if type(layer) not in (Linear, Linear4bit) or len(names) != 1 or names[0] not in layer.lora_A or layer.lora_variant:
        return False
    return layer.lora_B[names[0]].bias is None and type(layer.lora_dropout[names[0]]) in (torch.nn.Dropout, torch.nn.Identity)


def _forward_of(layer, own):
    [name] = layer.active_adapters
    first, second, dropout, scaling = layer.lora_A[name], layer.lora_B[name], getattr(layer.lora_dropout[name], "p", 0.0), layer.scaling[name]

    def forward(x, *arguments, **named):
        if not layer.training or layer.disable_adapters or layer.merged or arguments or named:
            return own(x, *arguments, **named)
        found = layer.base_layer(x)
        return _Beside.apply(found, x.to(found.dtype), first.weight, second.weight, dropout, scaling)

    return forward


class _Beside(torch.autograd.Function):
    """What a layer gave, and `scaling` times B A dropout(x) beside it."""

    @staticmethod
    def forward(context, found, x, first, second, dropout: float, scaling: float):
        flat, first, second = x.flatten(0, -2), first.to(x.dtype), second.to(x.dtype)
        kept = _kept(flat, dropout)
        context.scaling = scaling / (1 - dropout)
        with torch.autocast(x.device.type, enabled=False):
            left = _only(flat, kept)
            inner = left @ first.t()
            context.save_for_backward(left, first, second, kept, inner)
            return torch.addmm(found.flatten(0, -2), inner, second.t(), alpha=context.scaling).view_as(found)

    @staticmethod
    def backward(context, gradient):
        left, first, second, kept, inner = context.saved_tensors
        of_found = gradient.flatten(0, -2)
        of_inner = (of_found @ second).mul_(context.scaling)
        of_second = (of_found.t() @ inner).float().mul_(context.scaling)
        of_first = (of_inner.t() @ left).float()
        of_x = _only(of_inner @ first, kept).view(*gradient.shape[:-1], -1) if context.needs_input_grad[1] else None
        return gradient, of_x, of_first, of_second, None, None


def _kept(flat, dropout: float):
    """All bits for each number that dropout leaves, and none for the others; None where it leaves all. torch draws one by one, eight times as slowly, and multiplies
    by what it drew; here it draws what the others begin with."""
    if not dropout:
        return None
    drawn = numpy.random.SFC64(int(torch.randint(2**62, ()))).random_raw(-(-flat.numel() // 4)).view(numpy.uint16)[: flat.numel()]
    bits = -(drawn >= round(dropout * _STEPS)).view(numpy.int8).astype(f"int{8 * flat.itemsize}")
    return torch.from_numpy(bits).view(flat.shape)


def _only(numbers, kept):
    return numbers if kept is None else (numbers.view(kept.dtype) & kept).view(numbers.dtype)
