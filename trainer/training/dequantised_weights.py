"""Weights in 4 bits that are dequantised once, and not for each use in each step.

A CPU multiplies by numbers of 16 or 32 bits. bitsandbytes makes them of those in 4 bits in every forward and backward pass, and forgets them: that saves memory, and takes 7 % of the time of a
step (docs/benchmarks.md, "The trainer"). What is computed is the same to the bit. (Imported where torch is loaded already.)
"""

import math

import torch

from ..platform.memory import available_bytes

# Of all of a model's together: those of half a billion weights in 16 bits. MOST_DEQUANTISED_BYTES in src/estimates/memory.ts is the same.
MOST_BYTES = 10**9
_MOST_SHARE = 0.1  # Of the memory that can be had.


def keep_dequantised(model, most_bytes: int | None = None):
    """The model, whose linear layers in 4 bits have their weights at hand in the type that they compute in, where it is on the CPU and all of them together take no more than
    `most_bytes`, by default MOST_BYTES or a tenth of the memory that can be had."""
    from bitsandbytes.nn import Linear4bit

    if most_bytes is None:
        most_bytes = min(MOST_BYTES, int(_MOST_SHARE * available_bytes()))
    layers = [layer for layer in model.modules() if isinstance(layer, Linear4bit) and layer.weight.device.type == "cpu"]
    if sum(math.prod(layer.weight.quant_state.shape) * layer.weight.quant_state.dtype.itemsize for layer in layers) <= most_bytes:
        for layer in layers:
            layer.forward = _forward_of(layer, layer.forward)
    return model


def _forward_of(layer, own):
    from bitsandbytes.functional import dequantize_4bit

    made_of, whole = layer.weight.data, dequantize_4bit(layer.weight.data, layer.weight.quant_state)

    def forward(x):
        # Whoever changes the layer, as peft's merging does, gives it other numbers in 4 bits.
        if layer.weight.data.data_ptr() != made_of.data_ptr() or layer.compute_dtype != whole.dtype:
            return own(x)
        bias = None if layer.bias is None else layer.bias.to(whole.dtype)
        return torch.nn.functional.linear(x.to(whole.dtype), whole, bias).to(x.dtype)

    return forward
