"""A model out of a GGUF file, as Ollama and llama.cpp have them: an ordinary directory with safetensors.

Its weights are what was left of them when they were quantized, in bf16: such a model can be trained, but is not quite the
one that its makers published.
"""

import json
import math
from pathlib import Path

# How llama.cpp names the ways in which texts are split before they become tokens (tokenizer.ggml.pre), and the expressions of
# the models' own tokenizer.json. The reading of GGUF does not look at it, and would split numbers otherwise than was learnt.
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SPLITS = {"llama-bpe": _WORDS % r"\p{N}{1,3}", "qwen2": _WORDS % r"\p{N}"}
_SINGLE_DIGITS = ("smollm",)
_AS_GPT2 = ("gpt-2", "default")

# Any text of everyday words. A model that knows no language has a loss of 10 and more on it, and one of 100 million parameters 3.
_EVERYDAY = "The capital of France is Paris. It is a large city, and many people come to see it every year."
_MOST_LOSS = 5.0


class NotConvertible(Exception):
    """A sentence with the remedy."""


def convert(gguf: Path, target: Path) -> None:
    """Writes the model into `target`. Raises NotConvertible for a family, or a tokenizer, that is not known well enough."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    split = _split_of(gguf)
    place = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    try:
        loaded = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.bfloat16)
        tokenizer = AutoTokenizer.from_pretrained(**place)
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        raise NotConvertible(f"The GGUF cannot be converted: {str(error).splitlines()[0]} Take the model from the Hugging Face hub.") from error
    _as_not_quantized(loaded).save_pretrained(target)
    if split is not None:
        tokenizer.backend_tokenizer.pre_tokenizer = split
    _save_tokenizer(tokenizer, loaded.config, target)
    require_language(target)


def _split_of(gguf: Path):
    """How texts are split before they become tokens; None where the reading of GGUF is right about it."""
    from gguf import GGUFReader
    from tokenizers import Regex, pre_tokenizers

    try:
        reader = GGUFReader(gguf)
    except (OSError, ValueError) as error:
        raise NotConvertible(f"{str(gguf)!r} is no GGUF that can be read: {error}. Take the model from the Hugging Face hub.") from error
    kind, name = _text(reader, "tokenizer.ggml.model"), _text(reader, "tokenizer.ggml.pre")
    bytes_of = lambda use_regex: pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)  # noqa: E731
    if kind == "llama":  # SentencePiece: it does not split.
        return None
    if kind == "gpt2" and name in _SPLITS:
        return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(_SPLITS[name]), "isolated"), bytes_of(False)])
    if kind == "gpt2" and name in _SINGLE_DIGITS:
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), bytes_of(True)])
    if kind == "gpt2" and name in _AS_GPT2:
        return bytes_of(True)
    known = ", ".join([*_SPLITS, *_SINGLE_DIGITS, *_AS_GPT2])
    raise NotConvertible(f"The GGUF has a tokenizer {kind!r} that splits texts as {name!r}, and known are: {known}. Take the model from the Hugging Face hub.")


def _text(reader, name: str) -> str | None:
    field = reader.get_field(name)
    return None if field is None else field.contents()


def _as_not_quantized(loaded):
    """The same weights in a model that was never quantized: the loaded one counts as quantized, and refuses to be saved."""
    import torch

    settings = {name: _decimal(value) for name, value in loaded.config.to_dict().items() if name not in ("quantization_config", "_name_or_path", "_model_name_or_path")}
    config = type(loaded.config)(**{**settings, "dtype": torch.bfloat16})
    with torch.device("meta"):
        model = type(loaded)(config)
    model.load_state_dict(loaded.state_dict(), strict=True, assign=True)
    model.tie_weights()
    return model


def _decimal(value):
    """GGUF has numbers in single precision: 1e-5 is read as 9.99999974e-06."""
    if isinstance(value, dict):
        return {name: _decimal(each) for name, each in value.items()}
    return float(f"{value:.7g}") if isinstance(value, float) and math.isfinite(value) else value


def _save_tokenizer(tokenizer, config, target: Path) -> None:
    tokenizer.save_pretrained(target)
    path = target / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    for name in ("local_files_only", "gguf_file", "is_local"):
        settings.pop(name, None)
    # The class of the family would set up its own way of splitting again.
    settings.update(tokenizer_class="PreTrainedTokenizerFast", model_max_length=config.max_position_embeddings)
    path.write_text(json.dumps(settings, indent=2), encoding="utf-8")


def require_language(path: Path) -> None:
    """Raises NotConvertible for a model that knows none: a conversion that went wrong still loads."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ids = AutoTokenizer.from_pretrained(path)(_EVERYDAY, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        loss = AutoModelForCausalLM.from_pretrained(path)(input_ids=ids, labels=ids).loss.item()
    if not loss < _MOST_LOSS:
        raise NotConvertible(f"The converted model does not work: its loss on a plain sentence is {loss:.1f}. Take the model from the Hugging Face hub.")
