"""Modules that are trained whole beside adapters, in float32: embeddings, the layer of the output, norms. (peft calls them modules_to_save.)"""

from functools import partial

from ..platform.failures import BadInput
from .language import language_prefix


def whole_modules(model, chosen: list[str], adapted: list[str]) -> tuple[list[str], bool]:
    """Their names within the model, as peft finds no other by them, and whether the embeddings' matrix stays that of the output as well.

    `chosen`: what names end with; `adapted`: the same of layers with adapters. Raises BadInput for names that no such module has, and for modules that have an adapter.
    """
    import torch
    from peft.utils.constants import EMBEDDING_LAYER_NAMES

    known = {name: layer for name, layer in model.named_modules() if _may_be_whole(model, name, layer)}
    found: dict[str, None] = {}
    for name in chosen:
        if not (named := [each for each in known if ends_in(each, name)]):
            if any(ends_in(each, name) and isinstance(layer, torch.nn.Linear) for each, layer in model.named_modules()):
                raise BadInput(f"hyperparameters.modules_to_save names {name!r}, a linear layer, which learns by an adapter. Name it in lora_target_modules, or train all weights (standard).")
            raise BadInput(f"hyperparameters.modules_to_save names {name!r}, and no module of the model that may be trained whole ends so: there are {', '.join(sorted({each.rpartition('.')[2] for each in known}))}.")
        found.update(dict.fromkeys(named))
    tied = tied_names(model)
    if is_tied := any(name in tied for name in found):
        # peft keeps them one by these names alone, and goes by the one of the embeddings.
        if odd := [name for name in tied if name.rpartition(".")[2] not in EMBEDDING_LAYER_NAMES]:
            raise BadInput(
                f"hyperparameters.modules_to_save names {' and '.join(repr(name) for name in found if name in tied)}, and {' and '.join(map(repr, tied))} are one matrix in this model, which peft does not keep one "
                f"where a layer is called {odd[0]!r}. Leave it out, or train all weights (standard)."
            )
        found = dict.fromkeys([*tied[:1], *(name for name in found if name not in tied)])
    for name in [*found, *(tied if is_tied else ())]:
        if any(ends_in(name, each) for each in adapted):
            raise BadInput(f"hyperparameters.lora_target_modules names {name.rpartition('.')[2]!r}, and modules_to_save has it trained whole. Leave it out of one of them.")
    return list(found), is_tied


def keep_in_fp32(adapted) -> None:
    """What is trained whole is kept in float32, as adapters are: steps are far below the resolution of bf16. It gives what the layers beside it compute in."""
    import torch
    from peft.utils.other import ModulesToSaveWrapper

    for wrapper in adapted.modules():
        if isinstance(wrapper, ModulesToSaveWrapper):
            given = next(wrapper.original_module.parameters()).dtype
            module = wrapper.modules_to_save["default"].to(torch.float32)
            if given != torch.float32:
                module.register_forward_pre_hook(_reading_fp32)
                module.register_forward_hook(partial(_giving, given))


def whole_parameters(model) -> dict:
    """What is trained whole of a model with adapters, by the names that its parameters have without."""
    from peft.utils.other import ModulesToSaveWrapper

    wrappers = [(name, layer.modules_to_save["default"]) for name, layer in model.get_base_model().named_modules() if isinstance(layer, ModulesToSaveWrapper)]
    return {f"{name}.{own}": parameter for name, module in wrappers for own, parameter in module.named_parameters()}


def _may_be_whole(model, name: str, layer) -> bool:
    """Of the language model and its output. Norms and the like have vectors alone."""
    import torch

    if layer is model.get_output_embeddings():
        return True
    own = list(layer.parameters(recurse=False))
    is_norm = bool(own) and all(parameter.ndim == 1 for parameter in own) and not list(layer.children())
    return name.startswith(language_prefix(model)) and (isinstance(layer, torch.nn.Embedding) or is_norm)


def tied_names(model) -> list[str]:
    """Of the embeddings and of the output, where both have the same matrix; else none."""
    layers = model.get_input_embeddings(), model.get_output_embeddings()
    if layers[1] is None or layers[0].weight is not layers[1].weight:
        return []
    return [next(name for name, each in model.named_modules() if each is layer) for layer in layers]


def _reading_fp32(module, arguments):
    return tuple(each.float() if each.is_floating_point() else each for each in arguments)


def _giving(dtype, module, arguments, output):
    return output.to(dtype)


def ends_in(name: str, ending: str) -> bool:
    """As peft goes by names: whether the last parts of one are those of `ending`."""
    return f".{name}".endswith(f".{ending}")
