"""How a model is trained: what may be chosen, and within which bounds."""

from dataclasses import MISSING, dataclass, fields

from ..chats.forms import REASONING, TOOL_CALLS
from ..datasets.rows import ON_BAD_ROWS
from ..platform.failures import BadInput
from ..tokens.batches import BATCHING
from ..tokens.encoding import TOO_LONG
from .checks import require_at_least, require_types, shown

# In what all weights are trained (standard).
WEIGHTS = ("fp32", "bf16")
# How a preference for one of two answers is learnt (dpo).
LOSS_TYPES = ("sigmoid", "ipo")


@dataclass(frozen=True)
class Hyperparameters:
    batch_size: int
    gradient_accumulation: int
    learning_rate: float
    epochs: int
    lora_r: int
    lora_alpha: int
    lora_dropout: float
    max_length: int
    seed: int
    save_steps: int
    max_steps: int | None
    too_long: str = "truncate"
    batching: str = "random"
    chunk_tokens: int = 200
    chunk_overlap: int = 20
    # Steps between evaluations on held-out rows; None: so that it costs little. 0: never.
    eval_steps: int | None = None
    # Evaluations without a better one after which training ends; None: it goes on to its last step.
    early_stopping_patience: int | None = None
    compile: bool = False
    merge: bool = True
    # Names of the layers that get adapters, as peft takes them; None: every linear layer but the output's.
    lora_target_modules: list | None = None
    # Activations are computed again where gradients need them, and not kept: less memory, more time, the same result.
    activation_checkpointing: bool = False
    # In what all weights are trained: None: in fp32, unless a GPU has no room for that.
    weights: str | None = None
    # What is done with thoughts and calls of tools that the chat template cannot show, and with rows that it cannot show at all.
    reasoning: str = "inline"
    tool_calls: str = "refuse"
    on_bad_rows: str = "refuse"
    # Of dpo: how far the model may go from its base for what is preferred, the less the higher.
    beta: float = 0.1
    loss_type: str = "sigmoid"

    @property
    def evaluation_is_chosen(self) -> bool:
        return self.eval_steps is not None or self.early_stopping_patience is not None

    def __post_init__(self):
        require_types(self, lambda name: f"hyperparameters.{name}")
        for name, known in (("batching", BATCHING), ("too_long", TOO_LONG), ("reasoning", REASONING), ("tool_calls", TOOL_CALLS), ("on_bad_rows", ON_BAD_ROWS), ("weights", (None, *WEIGHTS)), ("loss_type", LOSS_TYPES)):
            if getattr(self, name) not in known:
                raise BadInput(f"hyperparameters.{name} is {getattr(self, name)!r}; it must be one of {', '.join(map(shown, known))}.")
        if not 0 <= self.chunk_overlap < self.chunk_tokens / 2:
            raise BadInput(f"hyperparameters.chunk_overlap is {self.chunk_overlap!r}; it must be from 0 to less than half of chunk_tokens ({self.chunk_tokens!r}).")
        for name in ("batch_size", "gradient_accumulation", "epochs", "lora_r", "lora_alpha", "max_length", "save_steps"):
            require_at_least(1, getattr(self, name), f"hyperparameters.{name}")
        if not 0 <= self.seed < 2**32:
            raise BadInput(f"hyperparameters.seed is {self.seed!r}; it must be from 0 to {2**32 - 1}.")
        if not 0 < self.learning_rate <= 1:
            raise BadInput(f"hyperparameters.learning_rate is {self.learning_rate!r}; it must be above 0 and at most 1.")
        if not 0 < self.beta <= 10:
            raise BadInput(f"hyperparameters.beta is {self.beta!r}; it must be above 0 and at most 10.")
        if not 0 <= self.lora_dropout < 1:
            raise BadInput(f"hyperparameters.lora_dropout is {self.lora_dropout!r}; it must be from 0 to less than 1, where all is dropped and nothing learnt.")
        if self.lora_target_modules is not None and not (self.lora_target_modules and all(isinstance(name, str) and name for name in self.lora_target_modules)):
            raise BadInput(f"hyperparameters.lora_target_modules is {self.lora_target_modules!r}; it must be a list of names of layers, or null.")
        if self.max_steps is not None and self.max_steps < 1:
            raise BadInput(f"hyperparameters.max_steps is {self.max_steps!r}; it must be at least 1, or null.")
        if self.eval_steps is not None and self.eval_steps < 0:
            raise BadInput(f"hyperparameters.eval_steps is {self.eval_steps!r}; it must be at least 1, 0 for never, or null.")
        if self.early_stopping_patience is not None and self.early_stopping_patience < 1:
            raise BadInput(f"hyperparameters.early_stopping_patience is {self.early_stopping_patience!r}; it must be at least 1, or null.")
        if self.early_stopping_patience is not None and self.eval_steps == 0:
            raise BadInput("hyperparameters.eval_steps is 0, so that early_stopping_patience would see no evaluation; leave one of them out.")


def hyperparameters_of(given: dict) -> Hyperparameters:
    """Raises BadInput for one that is unknown, missing, of a wrong type, or out of range."""
    if not isinstance(given, dict):
        raise BadInput(f"hyperparameters is {given!r}; it must be an object.")
    known = {field.name: field.default for field in fields(Hyperparameters)}
    for name in sorted(set(given) - set(known)):
        raise BadInput(f"hyperparameters.{name} is unknown; known are {', '.join(sorted(known))}.")
    for name in known:
        if name not in given and known[name] is MISSING:
            raise BadInput(f"hyperparameters.{name} is missing.")
    return Hyperparameters(**given)
