"""A sum over pieces of which only one is there at a time, with its gradients. (Imported where torch is loaded already.)"""

import torch


def sum_in_pieces(of_piece, parameters: list, hidden, *rest, at_once: int):
    """The sum of `of_piece(hidden, *rest)` over pieces of so many rows, as a tensor that knows its gradients for `hidden` and the
    `parameters` that it uses. They are made with the sum, while a piece is there: made later, each piece would be computed twice."""
    return _SumInPieces.apply(of_piece, at_once, rest, hidden, *parameters)


class _SumInPieces(torch.autograd.Function):
    @staticmethod
    def forward(context, of_piece, at_once, rest, hidden, *parameters):
        total, of_hidden = 0.0, torch.empty_like(hidden)
        of_parameters: list = [None] * len(parameters)
        for place in (slice(start, start + at_once) for start in range(0, len(hidden), at_once)):
            with torch.enable_grad():
                piece = hidden[place].detach().requires_grad_()
                part = of_piece(piece, *(each[place] for each in rest))
                gradients = torch.autograd.grad(part, [piece, *parameters], allow_unused=True)
            total, of_hidden[place] = total + part.detach(), gradients[0]
            of_parameters = [new if old is None else old if new is None else old.add_(new) for old, new in zip(of_parameters, gradients[1:])]
            del part, gradients
        context.gradients = of_hidden, *of_parameters
        return total

    @staticmethod
    def backward(context, scale):
        return None, None, None, *(None if gradient is None else gradient.mul_(scale.to(gradient.dtype)) for gradient in context.gradients)
