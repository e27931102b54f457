"""A model out of a GGUF file, as Ollama and llama.cpp have them: an ordinary directory with safetensors.

Its weights are what was left of them when they were quantized, in bf16: such a model can be trained, but is not quite the
one that its makers published.
"""

import contextlib
import math
from pathlib import Path

from ..platform.failures import BadInput
from .gguf_metadata import GgufFile, not_convertible
from .published_form import as_published

# Everyday English, which a model that was read rightly expects, and one that was not finds as likely as noise.
SENTENCE = "The capital of France is Paris. It is a large city, and many people live there. The capital of Germany is Berlin."
# Of the loss of guessing. Models of 100 million parameters have about a fifth.
MOST_LOSS = 0.6


def convert(path: Path, target: Path) -> None:
    """Writes weights in bf16, configuration, tokenizer with chat template, and a card into `target`. Raises BadInput for what cannot be read rightly."""
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    file = GgufFile(path)
    with told_by_family(file):
        loaded = AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
        )
        config = file.corrected(loaded.config)
        # A fresh model: the loaded one counts as quantised and refuses to be saved. Its weights are the loaded ones themselves.
        with torch.device("meta"):
            model = type(loaded)(config)
        model.load_state_dict(loaded.state_dict(), strict=True, assign=True)
        model.tie_weights()
    file.require_all_numbers(sum(parameter.numel() for parameter in model.parameters()))
    model.save_pretrained(target)
    with told_by_family(file):
        tokenizer = file.tokenizer(model_max_length=getattr(config, "max_position_embeddings", None))
    tokenizer.save_pretrained(target)
    as_published(target)
    (target / "README.md").write_text(file.card(), encoding="utf-8")
    require_language(target)


@contextlib.contextmanager
def told_by_family(file: GgufFile):
    """What the libraries raise for a family that they do not read, in a sentence."""
    try:
        yield
    except (BadInput, MemoryError):
        raise
    except Exception as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise not_convertible(f"GGUF of the family {file.family!r} cannot be converted for training ({why}).") from error


def require_language(path: Path) -> None:
    """A conversion that went wrong still loads; it just knows nothing."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForCausalLM.from_pretrained(path)
    ids = tokenizer(SENTENCE, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        loss = float(model(input_ids=ids, labels=ids).loss)
    if not loss < MOST_LOSS * math.log(model.config.get_text_config().vocab_size):
        raise not_convertible(f"The converted model does not work: English is as good as noise to it (loss {loss:.1f}).")
