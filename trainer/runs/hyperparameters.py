"""How a model is trained: what may be chosen, and within which bounds."""

import math
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields

from ..chats.forms import REASONING, TOOL_CALLS, TRAIN_ON
from ..datasets.rows import ON_BAD_ROWS
from ..platform.failures import BadInput
from ..tokens.batches import BATCHING
from ..tokens.encoding import TOO_LONG
from .checks import require_at_least, require_tokens, require_types, require_within, shown

# In what all weights are trained (standard).
WEIGHTS = ("fp32", "bf16")
# How a preference for one of two answers is learnt (dpo).
LOSS_TYPES = ("sigmoid", "ipo", "orpo")
# What learns it: adapters beside the base as it is, or beside the base in 4 bits, or all weights.
FINETUNING_TYPES = ("lora", "qlora", "full")
# What of a model each of several GPUs has: all of it, or a part, and what it computes with meanwhile (FSDP2).
SHARDING = ("none", "full")

# How the learning rate goes on behind the warm-up (optimisation.py has each).
LR_SCHEDULERS = ("cosine", "linear", "constant", "constant_with_warmup", "warmup_stable_decay")
OPTIMIZERS = ("adamw", "adamw_8bit", "paged_adamw_8bit", "adafactor", "lion", "muon")
# What only adapters have, and what of it is the same as leaving it out.
OF_ADAPTERS = {"modules_to_save": None, "use_rslora": False, "use_dora": False, "loraplus_lr_ratio": None}


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
    # Whether the rows of a step are laid end to end, each read by itself, in place of batches that are padded.
    packing: bool = False
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
    # Names of embeddings, of the layer of the output, or of norms that are trained whole beside adapters; None: none of them.
    modules_to_save: list | None = None
    # Tokens that the vocabulary of the base lacks, and that the run's has (outputs/new_tokens.py); None: none.
    new_tokens: list | None = None
    # Activations are computed again where gradients need them, and not kept: less memory, more time, the same result.
    activation_checkpointing: bool = False
    # In what all weights are trained: None: in fp32, unless a GPU has no room for that.
    weights: str | None = None
    # What is done with thoughts and calls of tools that the chat template cannot show, and with rows that it cannot show at all.
    reasoning: str = "inline"
    tool_calls: str = "refuse"
    on_bad_rows: str = "refuse"
    lr_scheduler: str = "cosine"
    # Steps in which the learning rate rises, or their share of all; None of both: 3 %.
    warmup_steps: int | None = None
    warmup_ratio: float | None = None
    weight_decay: float = 0.0
    # Longer gradients are shortened to it; 0: never.
    max_grad_norm: float = 1.0
    # None: AdamW, in 8 bits where adapters on 4 bits are trained on a GPU.
    optimizer: str | None = None
    use_rslora: bool = False
    use_dora: bool = False
    # How much faster the second matrix of an adapter learns than the first; None: it does not.
    loraplus_lr_ratio: float | None = None
    neftune_noise_alpha: float | None = None
    train_on: str = "answers"
    # Of dpo: how far the model may go from its base for what is preferred, the less the higher; with orpo, how much the preference counts beside the chosen answer.
    beta: float = 0.1
    loss_type: str = "sigmoid"
    finetuning_type: str = "lora"
    # Whether weights, gradients and the optimizer's state are divided over several GPUs (full), in place of being on each.
    sharding: str = "none"

    @property
    def is_sharded(self) -> bool:
        return self.sharding == "full"

    @property
    def evaluation_is_chosen(self) -> bool:
        return self.eval_steps is not None or self.early_stopping_patience is not None

    def __post_init__(self):
        require_types(self, lambda name: f"hyperparameters.{name}")
        for name, known in (("batching", BATCHING), ("too_long", TOO_LONG), ("reasoning", REASONING), ("tool_calls", TOOL_CALLS), ("on_bad_rows", ON_BAD_ROWS), ("weights", (None, *WEIGHTS)), ("lr_scheduler", LR_SCHEDULERS), ("optimizer", (None, *OPTIMIZERS)), ("train_on", TRAIN_ON), ("loss_type", LOSS_TYPES), ("finetuning_type", FINETUNING_TYPES), ("sharding", SHARDING)):
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
        for field, of in (("lora_target_modules", "layers"), ("modules_to_save", "modules")):
            names = getattr(self, field)
            if names is not None and not (names and all(isinstance(name, str) and name for name in names)):
                raise BadInput(f"hyperparameters.{field} is {names!r}; it must be a list of names of {of}, or null.")
        require_tokens(self.new_tokens, "hyperparameters.new_tokens")
        if self.max_steps is not None and self.max_steps < 1:
            raise BadInput(f"hyperparameters.max_steps is {self.max_steps!r}; it must be at least 1, or null.")
        if self.eval_steps is not None and self.eval_steps < 0:
            raise BadInput(f"hyperparameters.eval_steps is {self.eval_steps!r}; it must be at least 1, 0 for never, or null.")
        if self.early_stopping_patience is not None and self.early_stopping_patience < 1:
            raise BadInput(f"hyperparameters.early_stopping_patience is {self.early_stopping_patience!r}; it must be at least 1, or null.")
        if self.early_stopping_patience is not None and self.eval_steps == 0:
            raise BadInput("hyperparameters.eval_steps is 0, so that early_stopping_patience would see no evaluation; leave one of them out.")
        for name, least, most in (("warmup_ratio", 0, 1), ("weight_decay", 0, 1), ("max_grad_norm", 0, math.inf), ("loraplus_lr_ratio", 1, math.inf)):
            require_within(least, most, getattr(self, name), f"hyperparameters.{name}")
        require_within(0, math.inf, self.warmup_steps, "hyperparameters.warmup_steps")
        if self.neftune_noise_alpha is not None and not 0 < self.neftune_noise_alpha < math.inf:
            raise BadInput(f"hyperparameters.neftune_noise_alpha is {self.neftune_noise_alpha!r}; it must be above 0, or null for no noise.")
        for refused in self._refused_together():
            raise BadInput(refused)

    def _refused_together(self) -> Iterator[str]:
        """Why some of what is chosen cannot be chosen with the rest. (src/commands/runs/refused-together.ts refuses the same, before a run begins.)"""
        if self.warmup_steps is not None and self.warmup_ratio is not None:
            yield f"hyperparameters.warmup_steps is {self.warmup_steps} and warmup_ratio is {self.warmup_ratio}, which say the same in two ways; leave one of them out."
        warmup = {name: getattr(self, name) for name in ("warmup_steps", "warmup_ratio") if getattr(self, name)}
        if self.lr_scheduler == "constant" and warmup:
            [(name, value)] = warmup.items()
            yield f'hyperparameters.{name} is {value}, and lr_scheduler is constant, which has no warm-up; leave it out, or set lr_scheduler to constant_with_warmup.'
        if self.weights == "bf16" and self.optimizer not in (None, "adamw"):
            yield f"hyperparameters.optimizer is {self.optimizer}, and weights is bf16, where only adamw loses nothing in rounding; set one of them to null."
        if self.packing and self.neftune_noise_alpha is not None:
            yield f"hyperparameters.neftune_noise_alpha is {self.neftune_noise_alpha}, and packing is true: its noise is the less the more tokens are read at once, so that it would be another one; leave one of them out."
        if self.packing and self.compile:
            yield "hyperparameters.compile is true, and packing is true, with which each step has sequences of other lengths, and would be compiled anew; set one of them to false."
        if self.is_sharded and self.optimizer not in (None, "adamw"):
            yield f"hyperparameters.optimizer is {self.optimizer}, and sharding is full, where only adamw makes its steps with a part of each matrix; set one of them to null or none."
        if self.is_sharded and self.weights == "bf16":
            yield "hyperparameters.weights is bf16, and sharding is full, which divides weights of float32 over the GPUs; set weights to null, or sharding to none."
        if self.is_sharded and self.use_dora:
            yield "hyperparameters.use_dora is true, and sharding is full: DoRA measures the length of whole rows, of which each GPU has a part; set one of them to false or none."
        if self.is_sharded and self.compile:
            yield "hyperparameters.compile is true, and sharding is full, which gathers the weights of each layer while it computes; set compile to false, or sharding to none."
        if self.is_sharded and self.packing:
            yield "hyperparameters.packing is true, and sharding is full, with which packed rows are not computed yet; set packing to false, or sharding to none."
        if self.is_sharded and self.modules_to_save:
            yield f"hyperparameters.modules_to_save is {self.modules_to_save!r}, and sharding is full, which does not divide what is trained whole beside adapters yet; leave it out, or set sharding to none."
        if self.is_sharded and self.new_tokens:
            yield f"hyperparameters.new_tokens is {self.new_tokens!r}, and sharding is full, with which new tokens are not learnt yet; leave them out, or set sharding to none."
        if self.optimizer == "muon" and self.loraplus_lr_ratio is not None:
            yield f"hyperparameters.loraplus_lr_ratio is {self.loraplus_lr_ratio}, and optimizer is muon, which sets the size of each matrix's step itself; leave one of them out."


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
