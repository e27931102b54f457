"""What the libraries load and work out when it is first needed, each time in each process: for one that others are copies of, to have done it before."""

from importlib import import_module

from ..platform import libraries

# Of the architectures that most models have. Others are loaded when they are needed, in a twentieth of a second.
_ARCHITECTURES = ("llama", "mistral", "qwen2", "qwen3", "gemma3", "phi3")
_MODULES = (
    "encodings.cp437",  # Of the names in archives, as numpy and torch write them.
    "encodings.utf_8_sig",
    "matplotlib.backends.backend_agg",
    "numpy.ctypeslib",
    "peft.tuners.lora.bnb",
    "peft.utils.transformers_weight_conversion",
    "torch.utils.serialization",
    "transformers.integrations.bitsandbytes",
    *(f"transformers.models.{name}.modeling_{name}" for name in _ARCHITECTURES),
)


def load_late() -> None:
    """Loads it now. No model, no thread, no random number."""
    for name in _MODULES:
        import_module(name)
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    from PIL import Image

    from ..base_models import adapters, four_bits, language, models  # noqa: F401
    from ..outputs import merging  # noqa: F401
    from ..runs import token_cache, whole_checkpoints  # noqa: F401
    from . import each_process, first_step, looking_back, rehearsal  # noqa: F401

    # The formats of pictures.
    Image.preinit()
    # A thousand patterns are compiled for the first model, whichever it is.
    get_checkpoint_conversion_mapping("llama")
    libraries.versions()
