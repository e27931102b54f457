"""What a checkpoint holds, as it is at a step, copied into the host's memory: it is written from there while the next steps change the weights."""

import copy
import random


class Kept:
    """In place of an optimizer or a schedule, for whoever asks for its state: as it was."""

    def __init__(self, state: dict):
        self._state = state

    def state_dict(self) -> dict:
        return self._state


def copy_of(trainer):
    """The Trainer as it is now, for nothing but `_save_checkpoint`, in which its own code finds what it writes: `weights` and `rng_states` are for whole_checkpoints.py.
    The model itself is not copied, nor what of it is not trained."""
    still, copies = copy.copy(trainer), {}
    still.state, still.control = copy.deepcopy(trainer.state), copy.copy(trainer.control)
    still.lr_scheduler = Kept(copy.deepcopy(trainer.lr_scheduler.state_dict()))
    still.optimizer = Kept(on_host(trainer.optimizer.state_dict(), copies))
    still.weights = _weights_of(trainer.model, copies)
    still.rng_states = _rng_states()
    return still


def on_host(value, copies: dict):
    """A copy of tensors within dictionaries and lists, in the host's memory; what is one tensor there is one here. `copies`: those that were made until now.

    (The stagers of torch.distributed.checkpoint copy bytes of storages, which takes five to ten times as long.)
    """
    import torch

    if isinstance(value, torch.Tensor):
        place = (value.data_ptr(), value.device, value.dtype, value.shape, value.stride())
        if place not in copies:
            copies[place] = value.detach().to("cpu", copy=True)
            copies[place].__dict__.update(value.__dict__)  # bitsandbytes notes there what it pages.
        return copies[place]
    if isinstance(value, dict):
        return {key: on_host(each, copies) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(on_host(each, copies) for each in value)
    return value


def _weights_of(model, copies: dict) -> dict:
    parameters = dict(model.named_parameters(remove_duplicate=False))
    # Of weights in 4 bits, state_dict makes what no checkpoint of adapters holds.
    state = parameters if hasattr(model, "peft_config") else model.state_dict()
    fixed = {name for name, parameter in parameters.items() if not parameter.requires_grad}
    return {name: tensor if name in fixed else on_host(tensor, copies) for name, tensor in state.items()}


def _rng_states() -> dict:
    """As the Trainer saves them, and reads them back."""
    import numpy
    import torch

    states = {"python": random.getstate(), "numpy": numpy.random.get_state(), "cpu": torch.random.get_rng_state()}
    return {**states, "cuda": torch.cuda.random.get_rng_state()} if torch.cuda.is_available() else states
