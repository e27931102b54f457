"""AdamW for weights of two bytes: nothing that is learnt is lost to rounding. (Imported where torch is loaded already.)

A step changes a weight by less than the distance to the next number of bf16, most often, and rounding to the nearest would undo it.
Here the next number is taken as often as the change is a part of that distance, so that many steps add up to what they are in
float32. With gradients and a state in bf16 as well a weight takes 8 bytes, where float32 takes 16: 8 billion take 64 GB.

torchao's AdamW rounds so too. It draws from the generator that dropout draws from, which differs between processes, and compiles.
"""

import hashlib

import torch

from ..outputs.rounding import to_bf16

SLICE = 2**24  # Weights at a time: in float32 they take some hundreds of megabytes beside the model.


class RoundedAdamW(torch.optim.Optimizer):
    """AdamW as torch has it. What it draws follows from `seed`, the step and the place of a tensor among all: the same in every process,
    and in a training that was interrupted."""

    def __init__(self, params, lr: float, betas=(0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0, seed: int = 0):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})
        self._seed = seed

    @torch.no_grad()
    def step(self, closure=None):
        number = 0
        for group in self.param_groups:
            for parameter in group["params"]:
                number += 1
                if parameter.grad is not None:
                    self._step(parameter, group, number)

    def _step(self, parameter, group: dict, number: int) -> None:
        state = self.state[parameter]
        if not state:
            state.update(step=0, exp_avg=torch.zeros_like(parameter), exp_avg_sq=torch.zeros_like(parameter))
        state["step"] += 1
        # Of a seed, the generator of the CPU takes 32 bits: those of a hash are all of it.
        seed = hashlib.sha256(f"{self._seed} {state['step']} {number}".encode()).digest()
        generator = torch.Generator(parameter.device).manual_seed(int.from_bytes(seed[:8], "little") >> 1)
        tensors = (parameter.data.view(-1), parameter.grad.reshape(-1), state["exp_avg"].view(-1), state["exp_avg_sq"].view(-1))
        for weights, gradients, first, second in zip(*(tensor.split(SLICE) for tensor in tensors)):
            _step_of(weights, gradients.float(), first, second, group, state["step"], generator)


def _step_of(weights, gradients, first, second, group: dict, step: int, generator) -> None:
    beta1, beta2 = group["betas"]
    mean = first.float().lerp_(gradients, 1 - beta1)
    square = second.float().lerp_(gradients.square_(), 1 - beta2)
    changed = weights.float().mul_(1 - group["lr"] * group["weight_decay"])
    changed.addcdiv_(mean, square.sqrt().div_((1 - beta2**step) ** 0.5).add_(group["eps"]), value=-group["lr"] / (1 - beta1**step))
    if weights.dtype != torch.bfloat16:
        first.copy_(mean), second.copy_(square), weights.copy_(changed)
        return
    drawn = torch.randint(-(2**31), 2**31, weights.shape, generator=generator, device=weights.device, dtype=torch.int32)
    first.copy_(mean)  # A tenth of it is new in each step, which is far above what rounding takes.
    second.copy_(to_bf16(square, drawn & 0xFFFF))
    weights.copy_(to_bf16(changed, drawn >> 16 & 0xFFFF))
