"""A directory of transformers as a GGUF in 16 bits, by llama.cpp's own converter."""

import json
from pathlib import Path

from ..platform.failures import BadInput, first_line

# How the tokenizers that GGUF calls gpt2 split a text, by the steps of Hugging Face's. The converter knows tokenizers by a hash of what they make
# of one text, so it knows none with a vocabulary of its own, though it splits as another does. That the tokens are equal is proven afterwards.
_LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SPLITS = {
    (("ByteLevel", True),): "gpt-2",
    (("Digits", True), ("ByteLevel", True)): "smollm",
    (("Split", _LLAMA3), ("ByteLevel", False)): "llama-bpe",
    (("Split", _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")), ("ByteLevel", False)): "qwen2",
}


def require_known(model: Path) -> None:
    """Raises BadInput for an architecture that llama.cpp's converter does not know: before anything is made."""
    from conversion import TEXT_MODEL_MAP

    names = json.loads((model / "config.json").read_text(encoding="utf-8")).get("architectures") or []
    if not any(name in TEXT_MODEL_MAP for name in names):
        called = ", ".join(names) or "of no name"
        raise BadInput(f"The model's architecture is {called}, which llama.cpp's converter does not know: there is no GGUF of it. Use the trained model in safetensors instead.")


def convert(model: Path, target: Path, name: str) -> None:
    """Writes the GGUF, which says that it is called `name`, with its weights in 16 bits. Raises BadInput where the converter refuses the model."""
    import torch
    from conversion import ModelBase, ModelType, get_model_architecture, get_model_class
    from gguf import LlamaFileType

    kind = get_model_class(get_model_architecture(ModelBase.load_hparams(model, False), ModelType.TEXT))
    try:
        with torch.inference_mode():
            conversion = kind(model, LlamaFileType.MOSTLY_F16, target, model_name=name)
            known = conversion.get_vocab_base_pre
            conversion.get_vocab_base_pre = lambda tokenizer: _split_of(known, tokenizer)
            conversion.write()
    except (NotImplementedError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise BadInput(f"llama.cpp's converter refuses the model ({first_line(error)}). Use the trained model in safetensors instead.") from error


def _split_of(known, tokenizer) -> str:
    try:
        return known(tokenizer)
    except NotImplementedError:
        if split := _SPLITS.get(_steps_of(tokenizer)):
            return split
        raise


def _steps_of(tokenizer) -> tuple:
    """The steps by which a tokenizer splits texts, each with the one choice that matters."""
    told = json.loads(tokenizer.backend_tokenizer.to_str())["pre_tokenizer"] or {}
    steps = told.get("pretokenizers", [told])
    return tuple((step.get("type"), _choice_of(step)) for step in steps)


def _choice_of(step: dict):
    match step.get("type"):
        case "Split":
            return step["pattern"].get("Regex")
        case "Digits":
            return step["individual_digits"]
    return step.get("use_regex")
