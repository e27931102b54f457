"""The libraries of every training and validation. Loading them takes longer than many a run."""

import gc
import os
import sys
from functools import cache

# Nothing is ever fetched: what a run needs is on this machine, or the run says what is missing. No bars in the log.
_SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TQDM_DISABLE": "1",
    # bitsandbytes gets ready to compile kernels that are not used here, which takes a quarter of the time of all imports.
    "TORCHDYNAMO_DISABLE": "1",
}


def prepare() -> None:
    """Sets what the libraries read from the environment when they are loaded."""
    os.environ.update(_SETTINGS)


def allow_compiling() -> None:
    """For a training with torch.compile. Before torch is loaded."""
    os.environ.pop("TORCHDYNAMO_DISABLE", None)


def load() -> None:
    """Loads what takes longest. The garbage collector is off meanwhile: it would look through the new objects again and
    again, a fifth of the time of all imports, and none of them is garbage."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        import torch  # noqa: F401
        from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer  # noqa: F401
    finally:
        # What is here now stays, so that it need not be looked at later either.
        gc.freeze()
        if was_on:
            gc.enable()


def prepare_for_tokenizers() -> None:
    """Where nothing but tokenizers is wanted. Without torch, which transformers would load as well: it takes most of the time, and a tokenizer does the
    same without it."""
    # That there is no torch is what transformers would say.
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", TRANSFORMERS_NO_ADVISORY_WARNINGS="1")
    # For whoever looks it is not installed.
    sys.modules.setdefault("torch", None)


@cache
def versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "peft", "accelerate", "bitsandbytes", "tokenizers")}


def leave(code: int) -> None:
    """Ends this process at once. To take down what the libraries built up takes a third of a second, and serves nobody."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
