"""What a GGUF file says of its model that transformers does not read from it, or not exactly."""

from pathlib import Path

from ..platform.failures import BadInput

# Of the tokenizers that GGUF calls gpt2: how they split a text, where transformers does so by the file's own word.
_SPLIT_BY_LIBRARY = {"llama-bpe", "llama3", "llama-v3", "falcon3", "smaug-bpe", "tekken", "qwen2", "deepseek-r1-qwen", "qwen35", "gpt-4o", "gpt-2", "lfm2"}
_DIGITS_ONE_BY_ONE = {"smollm"}
# The frequencies of Llama 3.1 and later, as a tensor: how much each is slowed down.
_ROPE_FACTORS = "rope_freqs.weight"
_LLAMA3 = {"rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}


def not_convertible(why: str) -> BadInput:
    return BadInput(f"{why} Take the model's own files in safetensors instead: `hf download ORG/NAME`.")


class GgufFile:
    """Raises BadInput for a file that is none."""

    def __init__(self, path: Path):
        from gguf import GGUFReader

        self.path = path
        try:
            reader = GGUFReader(path)
            self.values = {name: field.contents() for name, field in reader.fields.items() if field.types and field.types[0].name != "ARRAY"}
            self.family = self.values["general.architecture"]
        except Exception as error:
            raise BadInput(f"{path.resolve().name} is no GGUF file that can be read ({error}). Get it again.") from error
        self.tensors = {tensor.name: tensor for tensor in reader.tensors}

    def of_family(self, key: str):
        return self.values.get(f"{self.family}.{key}")

    def corrected(self, read):
        """The configuration that was read, for a model that is saved."""
        import torch

        given = {name: shortest(value) for name, value in read.to_dict().items() if name not in ("_model_name_or_path", "quantization_config")}
        config = type(read).from_dict({**given, "dtype": torch.bfloat16})
        scaling = self.rope_scaling(config)
        if scaling:
            config.rope_parameters = {**config.rope_parameters, **scaling}
        return config

    def rope_scaling(self, config) -> dict | None:
        """How the model reaches beyond the length that it began with; transformers leaves that out."""
        if _ROPE_FACTORS in self.tensors:
            return self.slowed_down(config)
        kind, rope = self.of_family("rope.scaling.type"), getattr(config, "rope_parameters", None) or {}
        if kind in (None, "none") or rope.get("rope_type", "default") != "default":
            return None
        if kind not in ("linear", "yarn") or "rope_theta" not in rope:
            raise not_convertible(f"Its positions are scaled in the way {kind!r}, which is not known here.")
        original = self.of_family("rope.scaling.original_context_length")
        return {"rope_type": kind, "factor": shortest(self.of_family("rope.scaling.factor"))} | ({"original_max_position_embeddings": original} if original else {})

    def slowed_down(self, config) -> dict:
        import numpy
        from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

        factors = numpy.array(self.tensors[_ROPE_FACTORS].data, dtype=numpy.float64)
        # Written as quotients in single precision: 31.999998 was 32.
        scaling = {**_LLAMA3, "factor": float(f"{factors.max():.5g}")}
        theta = config.rope_parameters["rope_theta"]
        plain = theta ** -(numpy.arange(0, 2 * len(factors), 2) / (2 * len(factors)))
        config = type(config).from_dict({**config.to_dict(), "rope_parameters": {"rope_theta": theta, **scaling}})
        frequencies, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
        if not numpy.allclose(plain / factors, frequencies.numpy(), rtol=1e-4):
            raise not_convertible(f"Its {_ROPE_FACTORS} is not that of Llama 3.")
        return scaling

    def require_all_numbers(self, parameters: int) -> None:
        """A tensor that was passed over would be missing without a word, and one that is missing would be random."""
        numbers = sum(int(tensor.n_elements) for name, tensor in self.tensors.items() if name != _ROPE_FACTORS)
        if numbers != parameters:
            raise not_convertible(
                f"The GGUF file has {numbers} numbers, and a model of the family {self.family!r} {parameters}: it has parts that cannot be converted "
                "(it sees or hears as well, for example)."
            )

    def tokenizer(self, model_max_length: int | None):
        from tokenizers import normalizers, pre_tokenizers
        from transformers import AutoTokenizer, PreTrainedTokenizerFast

        kind, split = self.values.get("tokenizer.ggml.model"), self.values.get("tokenizer.ggml.pre")
        if kind == "gpt2" and split not in _SPLIT_BY_LIBRARY | _DIGITS_ONE_BY_ONE:
            raise ValueError(f"its tokenizer splits texts in the way {split!r}, which is not known here")
        read = AutoTokenizer.from_pretrained(self.path.parent, gguf_file=self.path.name)
        backend = read.backend_tokenizer
        if split in _DIGITS_ONE_BY_ONE:
            backend.pre_tokenizer = pre_tokenizers.Sequence(
                [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
            )
        if split == "qwen2":
            backend.normalizer = normalizers.NFC()
        names = ("bos_token", "eos_token", "unk_token", "pad_token", "chat_template")
        kept = {name: getattr(read, name) for name in names if getattr(read, name) is not None}
        # A fresh one: that which was read remembers where, and as what.
        return PreTrainedTokenizerFast(tokenizer_object=backend, **kept, **({"model_max_length": model_max_length} if model_max_length else {}))

    def card(self) -> str:
        licence = self.values.get("general.license")
        front = f"---\nlicense: {licence}\n---\n" if licence else ""
        return f"{front}# {self.values.get('general.name', 'A model')}\n\nConverted from a GGUF file; its weights are dequantised to bf16, and not those that the model was published with.\n"


def shortest(value):
    """A number of 32 bits as it was written before: 0.00001, not 0.000009999999747378752."""
    import numpy

    if isinstance(value, dict):
        return {name: shortest(part) for name, part in value.items()}
    return float(str(numpy.float32(value))) if isinstance(value, float) and numpy.float32(value) == value else value
