"""An exported file, loaded, beside its model, on rows of the run."""

from collections.abc import Callable
from pathlib import Path

from ..datasets.rows import read_conversations
from ..evaluation.held_out import by_trait
from ..platform.failures import BadInput
from ..platform.memory import available_bytes
from ..platform.safetensors_files import weight_bytes
from .formats import Bounds
from .making import Making
from .proof import MOST_ANSWER_TOKENS, MOST_ROWS, Asked, Exported, prove

# Of the memory for a model in float32, beside what computing takes; its file in 16 bits is in memory as well.
_IN_FLOAT32 = 2.6


def compared(making: Making, model: Path, bounds: Bounds, load: Callable[[int], Exported], adapter: Path | None = None) -> dict:
    """What was found. `load`: loads what was exported, for so many tokens at a time; `adapter`: peft's folder, which lies upon `model`. Raises NotTheSame (proof.py)."""
    import torch

    from ..base_models.adapters import add_trained_lora
    from ..base_models.models import config_of, context_of, ends_of, load_model, load_tokenizer

    run = making.run
    making.tell("verifying")
    torch.set_num_threads(run.threads)
    tokenizer = load_tokenizer(model)
    # Without held-out rows, those that were trained on do as well: it is not asked how good the model is.
    rows = read_conversations(run.held_out or run.train)
    context = context_of(config_of(model))
    asked = Asked.of(by_trait(rows, tokenizer, run.hyperparameters.max_length, context, MOST_ROWS, run.choices, run.dataset_names, []))
    if not asked.rows:
        raise BadInput("No row of the run has an answer, so the exported file could not be compared with its model. Start a run with rows that are held out.")
    longest = max(asked.longest, *(len(tokenizer(text)["input_ids"]) for text in asked.questions), 0)
    in_float32 = _IN_FLOAT32 * weight_bytes(model) <= available_bytes()
    loaded = load_model(model, dtype=torch.float32 if in_float32 else "auto", device="cpu")
    if adapter:
        loaded = add_trained_lora(loaded, adapter)
    exported = load(longest + MOST_ANSWER_TOKENS + 1)
    return prove(asked, loaded.eval(), tokenizer, ends_of(loaded, tokenizer), exported, bounds, lambda part: making.tell("verifying", part))
