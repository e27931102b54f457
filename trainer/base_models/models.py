"""Base models from a local directory: safetensors only, no code of the model's own."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

from ..chats.templates import ChatTemplate
from ..platform.failures import BadInput, first_line
from ..platform.safetensors_files import files_of
from ..tokens.tokens import default_template
from .base_config import class_of, last_line, whole_config

PROCESSOR_TEMPLATE = "chat_template.json"


def load_tokenizer(path: Path):
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False, use_fast=True)
    except Exception as error:
        alone = (path / "tokenizer.model").is_file() and not (path / "tokenizer.json").is_file()
        why = "it has tokenizer.model alone, and tokenizer.json is what is read here. Take a copy of the model that has one." if alone else first_line(error)
        raise BadInput(f"The tokenizer in {str(path)!r} does not load: {why}") from error
    if tokenizer.eos_token_id is None:
        raise BadInput(f"The tokenizer in {str(path)!r} has no token that ends a text, so a model could not learn when to stop. Set eos_token in its tokenizer_config.json.")
    if tokenizer.chat_template is None:
        tokenizer.chat_template = _template_of_processor(path) or default_template(tokenizer)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _template_of_processor(path: Path) -> str | None:
    """Of models that read images as well, the chat template may lie where only what makes their inputs looks for it."""
    try:
        found = json.loads((path / PROCESSOR_TEMPLATE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise BadInput(f"{str(path / PROCESSOR_TEMPLATE)!r} is no JSON: {error}. Take an undamaged copy of the model.") from error
    return found.get("chat_template") if isinstance(found, dict) else None


def computes_in_bf16() -> bool:
    """Whether the GPU, or the CPU where there is none, has instructions for it. Others write it out: with AVX2 alone, the products of matrices
    in a backward pass took 70 times as long as in float32 (1.6 against 120 GFLOP/s, torch 2.13). GPUs before Ampere have none."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def load_model(path: Path, dtype="auto", quantize: bool = False, device: str | None = None):
    """A language model, with whatever its architecture has beside it, on `device`, else on this process's GPU if there is one, with its weights in `dtype`,
    or in 4 bits. On the device "auto", its layers are on all GPUs. Its `not_loaded` are the tensors of its files that it has no place for.

    "auto" is the type that they are written in, or float32 on a machine that does not compute in bf16.
    """
    import torch

    if not any(path.glob("*.safetensors")):
        raise BadInput(f"The model in {str(path)!r} has no safetensors. Other formats can run code when loaded: convert it first.")
    in_bf16 = computes_in_bf16()
    options = {"dtype": torch.float32 if dtype == "auto" and not in_bf16 else dtype}
    if quantize:
        from transformers import BitsAndBytesConfig

        from .adapters import read_past

        computed_in = torch.bfloat16 if in_bf16 else torch.float32
        past = read_past(config_of(path).model_type)
        options = {
            "dtype": computed_in,
            "quantization_config": BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=computed_in,
                # With a list of its own, transformers leaves the output's layer to it as well.
                llm_int8_skip_modules=["lm_head", *past] if past else None,
            ),
        }
    try:
        model, loaded = class_of(path).from_pretrained(
            path,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # They are told below, by their names.
            device_map="auto" if device == "auto" else {"": device or (torch.cuda.current_device() if torch.cuda.is_available() else "cpu")},
            **options,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, IndexError) as error:
        raise BadInput(f"The model in {str(path)!r} does not load ({type(error).__name__}): {last_line(error)}. Take an undamaged copy of the model, or another one.") from error
    if mismatched := sorted([*loaded["mismatched_keys"], *(_of_other_shapes(model) if quantize else ())]):
        name, stored, wanted = mismatched[0]
        raise BadInput(
            f"The tensor {name} has the shape {list(stored)} in the files of the model in {str(path)!r}, and by its config.json {list(wanted)} ({len(mismatched)} of its tensors differ so). "
            "Take weights and config.json from the same model."
        )
    if missing := sorted(loaded["missing_keys"]):
        # transformers makes them up at random.
        raise BadInput(f"The files of the model in {str(path)!r} lack {len(missing)} of its tensors, such as {missing[0]}. Take an undamaged copy of the model.")
    model.not_loaded = sorted(loaded["unexpected_keys"])
    if quantize:
        keep_gradients_right(model)
    return model


def _of_other_shapes(model) -> Iterator[tuple[str, tuple, tuple]]:
    """Weights in 4 bits that are not of the shape of their layer, which transformers does not look at: their names, and both shapes."""
    import bitsandbytes

    for name, layer in model.named_modules():
        if isinstance(layer, bitsandbytes.nn.Linear4bit):
            state, wanted = getattr(layer.weight, "quant_state", None), (layer.out_features, layer.in_features)
            if state is not None and tuple(state.shape) != wanted:
                yield f"{name}.weight", tuple(state.shape), wanted


def config_of(path: Path):
    """The part of a model's config.json that is about text."""
    return whole_config(path).get_text_config()


def context_of(config) -> int | float:
    """How many tokens the model reads at most: math.inf where it has no such limit."""
    return getattr(config.get_text_config(), "max_position_embeddings", None) or math.inf


def ends_of(model, tokenizer) -> list[int]:
    """The tokens that end what the model says: those that it knows, and those that end answers and calls in its chat template, which it
    is trained to end by. Models that were never trained for chats often have a template, and know the end of a text alone."""
    given = model.generation_config.eos_token_id
    known = given if isinstance(given, list) else [given]
    if not all(isinstance(end, int | None) for end in known):
        raise BadInput(f"The model's eos_token_id is {given!r} (in its generation_config.json, or else in its config.json); it must be a whole number, or a list of them.")
    ends = [*known, tokenizer.eos_token_id, *ChatTemplate(tokenizer).ends()]
    return sorted({end for end in ends if end is not None})


def require_fit(path: Path, tokenizer, rows: list[dict], max_length: int) -> None:
    """Raises BadInput for examples that the model cannot read: more tokens at once than it knows places, or tokens that it has not."""
    import numpy

    config = config_of(path)
    context = context_of(config)
    longer = [len(row["input_ids"]) for row in rows if len(row["input_ids"]) > context]
    if longer:
        raise BadInput(
            f"hyperparameters.max_length is {max_length}, and the model reads at most {context} tokens at once (max_position_embeddings in its config.json): "
            f"{len(longer)} of {len(rows)} examples have more, up to {max(longer)}. Set max_length to {context} or less."
        )
    highest = max(tokenizer.pad_token_id, max(int(numpy.max(row["input_ids"])) for row in rows))
    if highest >= getattr(config, "vocab_size", math.inf):
        raise BadInput(
            f"The tokenizer in {str(path)!r} writes {tokenizer.convert_ids_to_tokens(highest)!r} as token {highest}, and the model knows tokens up to "
            f"{config.vocab_size - 1} (vocab_size in its config.json). Take both from the same model."
        )


def require_numbers(path: Path) -> None:
    """Raises BadInput for weights that are NaN or infinite. In the files: quantising would hide what is no number."""
    import torch
    from safetensors import SafetensorError, safe_open

    for file in files_of(path):
        try:
            with safe_open(file, "pt") as tensors:
                for name in tensors.keys():
                    tensor = tensors.get_tensor(name)
                    if tensor.dtype in (torch.float32, torch.float16, torch.bfloat16) and not torch.isfinite(tensor).all():
                        raise BadInput(f"The weights {name} in {str(file)!r} have values that are NaN or infinite. Take an undamaged copy of the model.")
        except SafetensorError as error:
            raise BadInput(f"The weights in {str(file)!r} do not read: {first_line(error)}. Take an undamaged copy of the model.") from error


def keep_gradients_right(model) -> None:
    """bitsandbytes 0.50.2 on CPUs with AVX512-BF16: a forward pass in eval() without gradients repacks the weights in
    place, and every gradient after it is wrong. Without the faster path they stay right. tests/test_gradients.py holds
    this; the attribute is private, so the version is pinned."""
    import bitsandbytes

    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False


def parameters_of(model) -> tuple[int, int]:
    """How many weights are trained, and how many there are. Of 4 bits, two are in each byte of a tensor."""
    counts = [(p.requires_grad, math.prod(p.quant_state.shape) if getattr(p, "quant_state", None) else p.numel()) for p in model.parameters()]
    return sum(count for is_trained, count in counts if is_trained), sum(count for _, count in counts)
