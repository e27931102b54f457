"""Attention of rows that are laid end to end (tokens/packing.py): each row sees itself, and what it shares with the others, and nothing else.

All else of a model reads each token by itself, so rows need no padding there. Attention gets them as it always does, as batches of rows
of about the same length. (Imported where torch is loaded already.)
"""

from contextlib import contextmanager
from dataclasses import dataclass

import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_utils import AttentionInterface

from ..tokens.packing import parts_of
from .short_rows import attention_at_once

_NAME = "row_by_row"  # Not known among the functions that make masks, so that none is made.
_LEAST_SHARE = 0.5  # A row that is shorter than so much of the longest of its batch begins another one.
_SHORT = 256  # Rows of up to so many tokens are attended at once where that is asked for: of longer ones it would take much memory.
_OF_OTHER_ATTENTION = {"is_causal", "position_bias", "softcap", "s_aux", "cache"}  # What some models ask of it that short_rows.py does not know.


@dataclass(frozen=True)
class Layout:
    """Where the tokens of a sequence stand in batches of rows that are padded on the right, which are laid end to end themselves."""

    # Of each batch, how many rows, and of how many tokens.
    shapes: list[tuple[int, int]]
    # Of each place in the batches, its token in the sequence; of padding any.
    token_of: torch.Tensor
    # Of each token its place in the batches; of what is shared that in the first row.
    place_of: torch.Tensor
    # Of each row the places of what is shared: (rows, tokens).
    shared_places: torch.Tensor


def layout_of(shared: int, lengths: list[int], device) -> Layout:
    """Of a sequence in which the first `shared` tokens are of all rows, which have so many tokens with them."""
    starts, end = [], shared
    for length in lengths:
        starts.append(end)
        end += length - shared
    batches: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if not batches or lengths[row] < _LEAST_SHARE * lengths[batches[-1][0]]:
            batches.append([])
        batches[-1].append(row)
    token_of, place_of, shared_places, shapes = [], [0] * end, [], []
    for batch in batches:
        longest = lengths[batch[0]]
        shapes.append((len(batch), longest))
        for row in batch:
            place, own = len(token_of), range(starts[row], starts[row] + lengths[row] - shared)
            token_of += [*range(shared), *own, *[0] * (longest - lengths[row])]
            place_of[own.start : own.stop] = range(place + shared, place + lengths[row])
            shared_places.append(list(range(place, place + shared)))
    place_of[:shared] = shared_places[0]
    token_of, place_of, shared_places = (torch.tensor(each, dtype=torch.int64, device=device) for each in (token_of, place_of, shared_places))
    return Layout(shapes, token_of, place_of, shared_places)


def laid_out(batch: dict) -> list[tuple[dict, Layout]]:
    """The sequences of a batch of `collate_packed`, each with its layout."""
    return [(sequence, layout_of(shared, lengths, sequence["input_ids"].device)) for sequence, shared, lengths in parts_of(batch)]


_current: Layout | None = None
_is_lean = False


@contextmanager
def row_by_row(model, layout: Layout, lean: bool = False):
    """What the model reads meanwhile is one sequence of this layout. To be left behind the backward pass alone, in which activations may be computed again.
    `lean`: short rows are attended at once (short_rows.py)."""
    global _current, _is_lean
    config = _config_of(model)
    before, config._attn_implementation, _current, _is_lean = config._attn_implementation, _NAME, layout, lean
    try:
        yield
    finally:
        config._attn_implementation, _current, _is_lean = before, None, False


def _config_of(model):
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return inner.config.get_text_config()


def _attention(module, query, key, value, attention_mask, dropout: float = 0.0, scaling: float | None = None, sliding_window: int | None = None, **others):
    """As transformers calls it: tensors are (1, heads, tokens, numbers); returns (1, tokens, heads, numbers)."""
    layout, attended, start = _current, [], 0
    at_once = _is_lean and not dropout and getattr(module, "is_causal", True) and not _OF_OTHER_ATTENTION.intersection(others)
    # Of weights in float32, what is turned by its places comes in that type, and sdpa would make the others' of it later.
    read = [each.to(value.dtype) for each in (query, key, value)] if at_once else (query, key, value)
    spread = [_Spread.apply(each[0].transpose(0, 1), layout) for each in read]
    for rows, length in layout.shapes:
        batch = [each[start : start + rows * length].unflatten(0, (rows, length)).transpose(1, 2) for each in spread]
        looks_back = sliding_window if sliding_window is not None and length > sliding_window else None
        if at_once and length <= _SHORT:
            found = attention_at_once(*batch, _window(length, looks_back or length, query.device), scaling)
        else:
            mask = None if looks_back is None else _window(length, looks_back, query.device)
            found = sdpa_attention_forward(module, *batch, mask, dropout=dropout, scaling=scaling, **others)[0]
        attended.append(found.flatten(0, 1))
        start += rows * length
    return _Gathered.apply(attended[0] if len(attended) == 1 else torch.cat(attended), layout).unsqueeze(0), None


AttentionInterface.register(_NAME, _attention)


def _window(length: int, looks_back: int, device):
    """Each token sees itself and those before it, so many in all."""
    place = torch.arange(length, device=device)
    back = place[:, None] - place
    return ((back >= 0) & (back < looks_back))[None, None]


class _Spread(torch.autograd.Function):
    """From the sequence to batches: (tokens, heads, numbers) to (places, heads, numbers). Without sums over repeated indices, whose order a GPU does not keep."""

    @staticmethod
    def forward(context, tokens, layout: Layout):
        context.layout = layout
        return tokens.index_select(0, layout.token_of)

    @staticmethod
    def backward(context, gradient):
        layout = context.layout
        rows, shared = layout.shared_places.shape
        found = gradient.index_select(0, layout.place_of)
        if shared and rows > 1:
            found[:shared] = gradient.index_select(0, layout.shared_places.flatten()).unflatten(0, (rows, shared)).sum(0)
        return found, None


class _Gathered(torch.autograd.Function):
    """The way back, of which padding has no part."""

    @staticmethod
    def forward(context, places, layout: Layout):
        context.layout, context.places = layout, len(places)
        return places.index_select(0, layout.place_of)

    @staticmethod
    def backward(context, gradient):
        spread = gradient.new_zeros(context.places, *gradient.shape[1:])
        return spread.index_copy_(0, context.layout.place_of, gradient), None
