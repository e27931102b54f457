"""Muon for matrices, and AdamW for what is none. (Imported where torch is loaded already.)

Muon makes the step of a matrix the nearest orthogonal one, so it means nothing for vectors; and embeddings and the layer of the output learn
better without it (https://kellerjordan.github.io/posts/muon/). Its steps are made as large as those of AdamW
(https://arxiv.org/abs/2502.16982), so that one learning rate, and one weight decay, is right for both.
"""

import torch


def muon_of(model, lr: float, weight_decay: float) -> "MuonBesideAdamW":
    """The optimizer of all that is trained of a model."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    layers = [layer for layer in (inner.get_input_embeddings(), inner.get_output_embeddings()) if layer is not None]
    apart = {id(parameter) for layer in layers for name, parameter in layer.named_parameters() if "lora_" not in name}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    by_muon = [parameter for parameter in trained if parameter.ndim == 2 and id(parameter) not in apart]
    known = {id(parameter) for parameter in by_muon}
    others = [parameter for parameter in trained if id(parameter) not in known]
    return MuonBesideAdamW(by_muon, others, lr, weight_decay)


class MuonBesideAdamW(torch.optim.Optimizer):
    """Both of torch, as one: with one state, and one list of groups."""

    def __init__(self, matrices: list, others: list, lr: float, weight_decay: float):
        # Norms and biases are not drawn towards 0.
        decayed = [{"params": [each for each in others if (each.ndim > 1) == is_decayed], "weight_decay": weight_decay * is_decayed} for is_decayed in (True, False)]
        self._parts = (
            torch.optim.Muon([{"params": matrices}], lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(decayed, lr=lr, fused=True),
        )
        super().__init__([group for part in self._parts for group in part.param_groups], {})
        self._share()

    def __setstate__(self, state):
        super().__setstate__(state)
        self._share()

    def _share(self) -> None:
        """Groups and state of the whole are those of its parts, which make the steps."""
        groups = iter(self.param_groups)
        for part in self._parts:
            part.param_groups = [next(groups) for _ in part.param_groups]
            part.state = self.state

    def step(self, closure=None):
        for part in self._parts:
            part.step()
