"""Low-rank adapters: which layers get them, and which never do unless they are asked for."""

import re
from dataclasses import dataclass
from pathlib import Path

from ..platform.failures import BadInput, first_line
from ..runs.whole_checkpoints import ADAPTERS, load_adapters
from .language import language_prefix
from .token_rows import require_rows_of_both, rows_beside
from .whole_modules import ends_in, keep_in_fp32, tied_names, whole_modules

# Classes of transformers that choose experts.
_ROUTERS = re.compile(r"Router|Gating|MoE\w*Gate$")

_READ_PAST = {"mamba": ["dt_proj"], "falcon_mamba": ["dt_proj"], "longcat_flash": ["classifier"]}


@dataclass(frozen=True)
class Targets:
    """Names as peft takes them: `modules` are linear layers, `parameters` the tensors that hold a matrix for each expert."""

    modules: list[str]
    parameters: list[str]
    exclude: str | None
    # Some of it peft adapts as tensors, beside which it refuses dropout.
    as_tensors: bool


def add_lora(model, hyperparameters, start: Path | None = None, new_tokens: list[int] | None = None):
    """The model with trainable adapters on the layers that were chosen, or else on every linear layer and every expert of its
    language model: not on the layer of the output, not on what chooses experts, and not on what reads images. Beside them the
    modules that are to be trained whole, and the rows of new tokens.

    `start`: a folder with adapters of the same shape, as which they begin; `new_tokens`: their numbers. Raises BadInput for chosen names that no layer has, or that do not go together, and for DoRA on experts.
    """
    from peft import LoraConfig, get_peft_model

    targets = targets_of(model, hyperparameters.lora_target_modules)
    whole, is_tied = whole_modules(model, hyperparameters.modules_to_save or [], hyperparameters.lora_target_modules or [])
    rows, has_one_matrix = rows_beside(model, new_tokens or [], whole, targets.modules), bool(tied_names(model))
    config = LoraConfig(
        r=hyperparameters.lora_r,
        lora_alpha=hyperparameters.lora_alpha,
        # peft refuses dropout beside adapters on experts, also where it loads them: it is added below, to the layers that can have it.
        lora_dropout=0.0 if targets.as_tensors else hyperparameters.lora_dropout,
        target_modules=targets.modules,
        target_parameters=targets.parameters or None,
        exclude_modules=targets.exclude,
        modules_to_save=whole or None,
        ensure_weight_tying=is_tied,
        trainable_token_indices=rows or None,
        use_rslora=hyperparameters.use_rslora,
        use_dora=hyperparameters.use_dora,
        task_type="CAUSAL_LM",
    )
    if hyperparameters.use_dora and targets.as_tensors:
        raise BadInput(
            "hyperparameters.use_dora is true, and peft has no DoRA for experts, which are one tensor in this model. Set it to false, or name other layers in hyperparameters.lora_target_modules."
        )
    adapted = get_peft_model(model, config)
    keep_in_fp32(adapted)
    if rows:
        require_rows_of_both(adapted, has_one_matrix)
    # A card beside every adapter that is saved: nobody reads that of a checkpoint, and the finished model has one of ours.
    adapted.create_or_update_model_card = lambda output_dir: None
    if targets.as_tensors:
        drop_out(adapted, hyperparameters.lora_dropout)
    if start is not None:
        load_adapters(adapted, start / ADAPTERS)
    adapted.began_as_base = start is None
    return adapted


def holds_its_beginning(model) -> bool:
    """Whether a model that is trained is, without its adapters, what it began from."""
    return getattr(model, "began_as_base", False)


def drop_out(model, share: float) -> None:
    import torch
    from peft.tuners.lora.layer import LoraLayer, ParamWrapper

    for layer in model.modules():
        if isinstance(layer, LoraLayer) and not isinstance(layer, ParamWrapper) and share > 0:
            layer.lora_dropout["default"] = torch.nn.Dropout(share)


def targets_of(model, chosen: list[str] | None) -> Targets:
    """Raises BadInput for chosen names that no layer has."""
    prefix, output = language_prefix(model), output_name(model)
    experts = expert_parameters(model)
    renamed = names_of_old(model) if experts else {}
    # What is beside the language model gets no gradient from texts.
    exclude = rf"(?!{re.escape(prefix)}|{re.escape(str(output))}$).*" if prefix else None
    if chosen is None:
        # peft takes these names for those of experts wherever the layer is, so a layer beside experts that has one gets no adapter.
        layers = [name for name in linear_layers(model) if _leaf(name) not in renamed and _takes(model, _leaf(name))]
        return Targets(shortest_names(model, layers, prefix), sorted({_ending(name) for name in experts}), exclude, bool(experts))
    layers = linear_layers(model, of_all_kinds=True)
    modules, parameters = [], []
    for name in chosen:
        if any(ends_in(parameter, name) for parameter in experts):
            parameters.append(name)
        elif _leaf(name) in renamed or any(ends_in(layer, name) for layer in layers):
            modules.append(name)
        else:
            known = sorted({_leaf(layer) for layer in layers} | {_ending(parameter) for parameter in experts} | renamed.keys())
            raise BadInput(f"hyperparameters.lora_target_modules names {name!r}, and no linear layer of the model ends so: there are {', '.join(known)}.")
    return Targets(modules, parameters, exclude, bool(parameters) or any(_leaf(name) in renamed for name in modules))


def shortest_names(model, layers: list[str], prefix: str) -> list[str]:
    """Their last parts, by which peft finds them; whole names where another layer's ends so as well, as those of layers that are numbered do."""
    chosen = set(layers)
    others = {_leaf(name) for name, _ in model.named_modules() if name.startswith(prefix) and name not in chosen}
    return sorted({name if _leaf(name) in others else _leaf(name) for name in layers})


def linear_layers(model, of_all_kinds: bool = False) -> list[str]:
    """Names of the layers of the language model that multiply by a matrix: but for the one of the output and for those that
    choose experts, unless `of_all_kinds`. (In transformers those are of a class of their own, or within one.)"""
    import torch
    from transformers.pytorch_utils import Conv1D

    prefix, output = language_prefix(model), output_name(model)
    found, routers = [], []
    for name, layer in model.named_modules():
        kind = type(layer)
        if _ROUTERS.search(kind.__name__):
            routers.append(f"{name}.")
        if of_all_kinds and isinstance(layer, (torch.nn.Linear, Conv1D)) and (name == output or name.startswith(prefix)):
            found.append(name)
        elif isinstance(layer, (torch.nn.Linear, Conv1D)):
            # One number for each token says how much an expert counts.
            chooses = f"{name}.".startswith(tuple(routers)) or getattr(layer, "out_features", None) == 1
            if name.startswith(prefix) and name != output and not chooses:
                found.append(name)
    return found


def expert_parameters(model) -> list[str]:
    """Names of the tensors that hold a matrix for each expert, in the language model."""
    prefix = language_prefix(model)
    return [
        f"{name}.{parameter}"
        for name, layer in model.named_modules()
        if "Experts" in type(layer).__name__ and name.startswith(prefix)
        for parameter, tensor in layer.named_parameters(recurse=False)
        if tensor.ndim == 3
    ]


def names_of_old(model) -> dict[str, str]:
    """Of a mixture of experts: the names that its layers had when each expert had layers of its own, by which peft still knows them
    (gate_proj and up_proj, for what is gate_up_proj of all experts)."""
    from peft.utils import transformers_weight_conversion as conversion

    pattern = conversion._MODEL_TO_CONVERSION_PATTERN.get(model.config.model_type)
    return conversion._MOE_TARGET_MODULE_MAPPING.get(pattern, {})


def read_past(model_type: str) -> list[str]:
    """Layers whose weights are read by what is not the layer (in transformers' own code): they can have neither an adapter nor 4 bits."""
    return _READ_PAST.get(model_type, [])


def _takes(model, name: str) -> bool:
    """Not a layer whose weights another one reads past it, as Mamba's kernels do: it has no effect, and peft refuses the ones that it knows."""
    from peft import LoraConfig
    from peft.tuners.tuners_utils import _check_lora_target_modules_mamba

    if name in read_past(model.config.model_type):
        return False
    try:
        _check_lora_target_modules_mamba(LoraConfig(), model, name)
    except ValueError:
        return False
    return True


def output_name(model) -> str | None:
    output = model.get_output_embeddings()
    return next((name for name, layer in model.named_modules() if layer is output), None)


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _ending(name: str) -> str:
    """experts.gate_up_proj: what peft compares with the end of a parameter's name."""
    return ".".join(name.split(".")[-2:])


def add_trained_lora(model, adapter: Path):
    """The model with the adapter of a directory upon it."""
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, adapter)
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"The adapter in {str(adapter)!r} does not load: {first_line(error)}") from error
