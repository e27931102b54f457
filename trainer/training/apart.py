"""Whether rows that are laid end to end are read each by itself, by the model that is trained: tried on a few tokens."""

from contextlib import contextmanager

from ..platform.failures import BadInput
from ..tokens.batches import Rank
from ..tokens.encoding import IGNORED
from ..tokens.packing import collate_packed, parts_of
from .looking_back import class_name

_KNOWN_LAYERS = {"full_attention", "sliding_attention"}
_LENGTHS, _SHARED = (9, 12, 6), 2
_WINDOW = 3  # How far a layer looks back meanwhile that does not look at all: less than a row of this try.
_AS_EQUAL = 0.1  # Of the logits of a row, as a length: sums in another order differed by up to 0.03 in bf16 (SmolLM2), rows that saw each other by 0.2 and more.

_REMEDY = "Set hyperparameters.packing to false, or take another model."


def require_apart(model, loss, lean: bool = False) -> None:
    """Raises BadInput, by name, for a model whose rows cannot be packed: for its layers, its own attention, or a loss that is no sum over tokens; or, whatever the reason, where
    its logits of packed rows are others than those of each row alone. `lean`: as `row_by_row` takes it."""
    import torch

    from .packed_attention import layout_of, row_by_row

    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    config = inner.config.get_text_config()
    if others := sorted(set(getattr(config, "layer_types", None) or ()) - _KNOWN_LAYERS):
        raise BadInput(f"hyperparameters.packing is true, and the base model ({class_name(model)}) has layers of the kind {', '.join(others)}, in which rows that are laid end to end would see each other. {_REMEDY}")
    if not loss.is_of_each_token:
        raise BadInput(f"hyperparameters.packing is true, and the loss of the base model ({class_name(model)}) is no sum over tokens, so that a row would count otherwise among others. {_REMEDY}")
    if config._attn_implementation != "sdpa":
        raise BadInput(f"hyperparameters.packing is true, and the base model ({class_name(model)}) computes attention by code of its own ({config._attn_implementation}), which cannot be told where a row ends. {_REMEDY}")
    rows = [_row(length, number) for number, length in enumerate(_LENGTHS)]
    [(sequence, shared, lengths)] = parts_of(collate_packed(0, Rank(), sum(_LENGTHS))(rows))
    places = [[*range(shared), *(shared + sum(lengths[:number]) - number * shared + place for place in range(length - shared))] for number, length in enumerate(lengths)]
    sequence = {name: sequence[name].to(inner.device) for name in ("input_ids", "position_ids")}
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad(), _looking_back(inner, config):
            alone = [inner(input_ids=torch.tensor([row["input_ids"]], device=inner.device), use_cache=False).logits[0].float() for row in rows]
            try:
                with row_by_row(model, layout_of(shared, lengths, inner.device), lean):
                    packed = inner(**sequence, use_cache=False).logits[0].float()
            except (LookupError, TypeError, ValueError, AttributeError, AssertionError, RuntimeError) as error:
                raise BadInput(f"hyperparameters.packing is true, and the code of the base model ({class_name(model)}) does not read packed rows: {type(error).__name__}: {str(error)[:300]}. {_REMEDY}") from error
    finally:
        model.train(was_training)
    for own, found in zip(alone, places):
        if (packed[found] - own).norm() > _AS_EQUAL * own.norm():
            raise BadInput(f"hyperparameters.packing is true, and rows that are laid end to end see each other in the base model ({class_name(model)}), or lose their places: its logits are others than those of each row alone. {_REMEDY}")


def _row(length: int, number: int) -> dict:
    """Its tokens are another row's at its beginning alone."""
    ids = [place if place < _SHARED else 3 + (7 * place + 5 * number) % 19 for place in range(length)]
    return {"input_ids": ids, "labels": [IGNORED] * (_SHARED + 1) + ids[_SHARED + 1 :]}


@contextmanager
def _looking_back(inner, config):
    """Layers that look so far back look less far meanwhile: a row of this try is longer than that."""
    limited = [each for each in (config, *inner.modules()) if isinstance(getattr(each, "sliding_window", None), int)]
    before = [each.sliding_window for each in limited]
    for each in limited:
        each.sliding_window = _WINDOW
    try:
        yield
    finally:
        for each, window in zip(limited, before):
            each.sliding_window = window
