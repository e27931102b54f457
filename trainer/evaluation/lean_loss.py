"""The loss of tokens, with its gradients made in the same pass over the logits. (Imported where torch is loaded already.)"""

import torch


def losses_of_tokens(logits, labels):
    """The cross entropy of each token, in float32: of logits (tokens, vocabulary) and labels (tokens). What is kept for the backward pass has the type of the logits."""
    return _Losses.apply(logits, labels)


class _Losses(torch.autograd.Function):
    @staticmethod
    def forward(context, logits, labels):
        tokens = torch.arange(len(labels), device=labels.device)
        shares = torch.log_softmax(logits.float(), dim=-1)
        losses = -shares[tokens, labels]
        # Of a loss by its logits: the probabilities, less one at the label.
        shares.exp_()[tokens, labels] -= 1
        context.gradient = shares.to(logits.dtype)
        return losses

    @staticmethod
    def backward(context, scale):
        return context.gradient * scale.to(context.gradient.dtype).unsqueeze(1), None
