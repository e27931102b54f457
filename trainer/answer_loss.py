"""The loss of the answers, with logits for them alone: of prompts and padding nothing is learnt, and a vocabulary is wide."""

from .encoding import IGNORED


def is_plain(model) -> bool:
    """Whether the model's loss is the cross entropy of its logits and nothing else, as it is but for some mixtures of experts."""
    return getattr(model, "loss_type", None) == "ForCausalLM" and not getattr(model.config, "output_router_logits", False)


def answer_loss(model, head, inputs: dict, tokens):
    """The cross entropy of the tokens that have a label, summed and divided by `tokens`, of which there may be more in the
    batch's step. `head` is the layer that makes the logits; it gets no other positions.

    Value and gradients are those of the loss of transformers, but for the rounding of sums.
    """
    import torch

    inputs = dict(inputs)
    # Padding is on the right, where no token that counts looks. Without a mask for it attention is computed by the kernels that
    # know causal attention alone: they are faster, and on a GPU the ones whose gradients are the same every time.
    inputs.pop("attention_mask", None)
    # Each position says the next token; the last one has none.
    targets = torch.nn.functional.pad(inputs.pop("labels")[:, 1:], (0, 1), value=IGNORED)
    learnt = targets != IGNORED
    narrow = head.register_forward_pre_hook(lambda _, arguments: (arguments[0][learnt].unsqueeze(0), *arguments[1:]))
    try:
        logits = model(**inputs).logits.squeeze(0)
    finally:
        narrow.remove()
    return torch.nn.functional.cross_entropy(logits.float(), targets[learnt], reduction="sum") / tokens
