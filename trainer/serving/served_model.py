"""A model in memory that answers: a base, and adapters upon it that share it."""

from collections import OrderedDict
from functools import cached_property
from pathlib import Path

from ..base_models.models import computes_in_bf16, context_of, ends_of, load_model, load_tokenizer
from ..chats.templates import ChatTemplate
from ..platform.failures import BadInput, OutOfMemory, first_line
from ..platform.memory import available_bytes
from ..platform.room import in_gb
from ..platform.safetensors_files import files_of
from ..runs.whole_checkpoints import load_weights
from .batch import keeps_what_it_read, takes_several
from .calls import marks_of
from .form import Forms

# What is left to everything else on the machine: answering is no reason to end a training.
LEFT_FREE_BYTES = 1 << 30
_MOST_ADAPTERS = 8


class ServedModel:
    """`weights`: a checkpoint of a training of all weights, which has them by the names in memory.

    Raises BadInput where the files do not load, or the model writes no text step by step, and OutOfMemory where it has no room now.
    """

    def __init__(self, path: Path, weights: Path | None = None, device: str | None = None):
        self.tokenizer = load_tokenizer(path)
        _require_room(weights or path, device)
        self.model = load_model(path, device=device).eval()
        if weights is not None:
            load_weights(self.model, weights)
        if not keeps_what_it_read(self.model):
            raise BadInput(f"The model in {str(path)!r} ({self.model.config.model_type}) keeps what it has read in a form of its own, which cannot answer here.")
        self.template = ChatTemplate(self.tokenizer)
        self.context = context_of(self.model.config)
        self.ends = set(ends_of(self.model, self.tokenizer))
        self.takes_several = takes_several(self.model)
        self.forms = Forms(self.tokenizer, self.model.get_output_embeddings().weight.shape[0], self.ends)
        # The same model: its layers have the adapters.
        self._adapted = None
        self._adapters: OrderedDict[str, str] = OrderedDict()
        self._loaded = 0
        self._used: str | None = None

    @cached_property
    def call_marks(self):
        return marks_of(self.template)

    def use(self, adapter: str | None) -> None:
        """From now on it is the base alone, or with the adapter of this directory. Raises BadInput for one that does not load."""
        if adapter == self._used:
            return
        if adapter is None:
            self._adapted.base_model.disable_adapter_layers()
        else:
            name = self._adapters.get(adapter) or self._load(adapter)
            self._adapters.move_to_end(adapter)
            self._adapted.base_model.enable_adapter_layers()
            self._adapted.set_adapter(name)
        self._used = adapter

    def _load(self, adapter: str) -> str:
        from peft import PeftModel

        self._loaded += 1
        name = f"adapter_{self._loaded}"
        try:
            if self._adapted is None:
                self._adapted = PeftModel.from_pretrained(self.model, adapter, adapter_name=name).eval()
            else:
                self._adapted.load_adapter(adapter, adapter_name=name)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise BadInput(f"The adapter in {adapter!r} does not load upon its base: {first_line(error)}") from error
        self._adapters[adapter] = name
        if len(self._adapters) > _MOST_ADAPTERS:
            _, oldest = self._adapters.popitem(last=False)
            self._adapted.delete_adapter(oldest)
        return name


def _require_room(path: Path, device: str | None) -> None:
    """Of the host's memory alone: that of a GPU says so by itself."""
    if device not in (None, "cpu"):
        return
    size = sum(file.stat().st_size for file in files_of(path)) * (1 if computes_in_bf16() else 2)
    free = available_bytes()
    if free < size + LEFT_FREE_BYTES:
        raise OutOfMemory(f"The model takes {in_gb(size)} of memory, and {in_gb(max(0, free - LEFT_FREE_BYTES))} can be had beside what runs. Ask again when less does, or a smaller model.")
