"""Rows of embeddings and of the output that are trained beside adapters, and nothing else of these: those of new tokens. (peft calls them trainable_token_indices.)"""

from ..platform.failures import BadInput
from .whole_modules import ends_in, tied_names


def rows_beside(model, ids: list[int], whole: list[str], adapted: list[str]) -> dict[str, list[int]]:
    """As peft's trainable_token_indices: of each matrix, by the name of its layer, the rows that are trained beside adapters. `whole`: what is trained whole, with those rows;
    `adapted`: what layers with adapters are called by. Raises BadInput where peft cannot train rows of a layer."""
    if not ids:
        return {}
    tied = tied_names(model)
    layers = {name: layer for name, layer in model.named_modules() if layer in (model.get_input_embeddings(), model.get_output_embeddings())}
    if tied and any(name in whole for name in tied):
        return {}
    for name, layer in layers.items():
        if any(ends_in(name, each) for each in adapted):
            raise BadInput(f"hyperparameters.lora_target_modules names {name.rpartition('.')[2]!r}, and new_tokens has rows of it trained. Leave it out, or name it in modules_to_save instead.")
        if getattr(layer, "bias", None) is not None and name not in whole:
            # peft 0.21.2 computes such a layer without its bias (TrainableTokensLayer.forward_adapters).
            raise BadInput(f"hyperparameters.new_tokens is given, and the layer {name!r} of the model adds a bias, of which peft trains no rows. Name it in modules_to_save, or train all weights (standard).")
    return {name: ids for name in ([tied[0]] if tied else layers) if name not in whole}


def require_rows_of_both(adapted, tied: bool) -> None:
    """Raises BadInput where the output of a model whose embeddings are the output as well does not go by their rows: peft goes by the model's configuration."""
    from peft.utils.other import TrainableTokensWrapper

    output = adapted.get_base_model().get_output_embeddings()
    if tied and not isinstance(output, TrainableTokensWrapper):
        raise BadInput("hyperparameters.new_tokens is given, and embeddings and output are one matrix in this model, of which peft does not train rows. Name embed_tokens in modules_to_save, or train all weights (standard).")


def trained_rows(model) -> dict:
    """Of a model with adapters: {name of a matrix: (the numbers of the rows that were trained by themselves, and these rows)}."""
    from peft.utils.other import TrainableTokensWrapper

    found = {}
    for name, layer in model.get_base_model().named_modules():
        if isinstance(layer, TrainableTokensWrapper) and layer.token_adapter.tied_adapter is None:
            found[f"{name}.weight"] = (layer.token_adapter.token_indices["default"], layer.token_adapter.trainable_tokens_delta["default"])
    return found
