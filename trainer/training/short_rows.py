"""Attention of short rows, by products of whole matrices: on a CPU, torch's own takes longer for them, since it goes through each in blocks.

(Measured: docs/benchmarks.md, "The trainer". Imported where torch is loaded already.)
"""

import torch


def attention_at_once(query, key, value, sees, scaling: float | None):
    """Scaled dot product attention. Query, key and value are (rows, heads, tokens, numbers), of which key and value may have fewer heads;
    `sees`: which token sees which, (1, 1, tokens, tokens). Returns (rows, tokens, heads, numbers).

    Scores and their softmax are computed in float32, probabilities are kept in the type of the query.
    """
    hidden = torch.zeros(sees.shape, device=sees.device).masked_fill_(~sees, -torch.inf)
    return _AtOnce.apply(query, key, value, hidden, scaling or query.shape[-1] ** -0.5).transpose(1, 2)


class _AtOnce(torch.autograd.Function):
    """Query heads that share a key are laid behind each other, so that nothing is repeated."""

    @staticmethod
    def forward(context, query, key, value, hidden, scaling: float):
        rows, heads, length, _ = query.shape
        keys, together = key.shape[1], heads // key.shape[1]
        context.shapes, context.scaling = (query.shape, key.shape, value.shape), scaling
        with torch.autocast(query.device.type, enabled=False):
            query, key, value = (each.reshape(rows * keys, -1, each.shape[-1]) for each in (query, key, value))
            scores = torch.bmm(query.float(), key.float().transpose(1, 2)).view(rows * keys, together, length, length)
            shares = torch.softmax(scores.mul_(scaling).add_(hidden), dim=-1).to(value.dtype).view(rows * keys, -1, length)
            context.save_for_backward(query, key, value, shares)
            return torch.bmm(shares, value).view(rows, heads, length, -1)

    @staticmethod
    def backward(context, gradient):
        query, key, value, shares = context.saved_tensors
        gradient = gradient.reshape(len(query), -1, value.shape[-1])
        of_value = torch.bmm(shares.transpose(1, 2), gradient)
        # What the gradients of a token's shares have in common cancels out. Where nearly all is read from one token, little else is left: rounded, it would be noise.
        of_shares, whole = torch.bmm(gradient.float(), value.float().transpose(1, 2)), shares.float()
        whole.div_(whole.sum(dim=-1, keepdim=True))
        of_scores = torch.ops.aten._softmax_backward_data(of_shares, whole, -1, torch.float32).mul_(context.scaling).to(shares.dtype)
        found = torch.bmm(of_scores, key), torch.bmm(of_scores.transpose(1, 2), query), of_value
        return *(each.view(shape) for each, shape in zip(found, context.shapes)), None, None
