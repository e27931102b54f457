"""The run file: everything that a training needs to know."""

import json
from copy import copy
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

from ..chats.forms import Choices
from ..platform.failures import BadInput
from ..platform.places import Places
from .checks import is_day, kinds_of, require_at_least, require_tokens, require_types
from .hyperparameters import OF_ADAPTERS, Hyperparameters, hyperparameters_of

PROTOCOL = 1
TASKS = ("train", "validate", "check")
TRAINING_TYPES = ("lora", "qlora", "standard", "rag", "dpo")
PACKED = ("qlora", "lora", "standard")
# Why the model is not divided over several GPUs.
_NOT_SHARDED = {
    "qlora": "whose weights in 4 bits bitsandbytes keeps whole on each GPU", "dpo": "whose pairs of answers are not computed with parts of a model yet", "rag": "which trains nothing",
}  # fmt: skip
ADAPTED = ("lora", "qlora")  # Trained so, the base stays as it is, and adapters beside its layers are trained.

START_KINDS = ("adapter", "checkpoint", "model")  # Low-rank adapters, a checkpoint of a training of all weights, or a model in the layout of Hugging Face.


@dataclass(frozen=True)
class RunFile:
    task: str
    run_id: int
    lease_epoch: int
    training_type: str
    model_name: str
    model_path: Path
    train: Path
    held_out: Path | None
    work_dir: Path
    output_dir: Path
    hyperparameters: Hyperparameters
    threads: int
    known_checkpoint_step: int | None
    max_rows_per_trait: int
    # Of an answer to a held-out question; None: many, and more where a model thinks first (generation.py).
    max_new_tokens: int | None = None
    save_share: float | None = None
    # Of the output's manifest, where whoever asks for validation knows it: the output may be another's by now.
    known_manifest_sha256: str | None = None
    # That train together, each on a GPU of its own, or with a part of `threads`.
    processes: int = 1
    # {"id", "name"} of each dataset that rows come from, for those who read the report.
    datasets: list | tuple = ()
    # Somebody gave the rows to hold out, so that measuring on them may cost something.
    held_out_is_chosen: bool = False
    # Of rag, where `model` writes text and answers: the model that makes the index. None: `model` makes it, and nothing answers.
    embedding_model_name: str | None = None
    embedding_model_path: Path | None = None
    # What it begins from, where that is not the base model as it is (outputs/start.py): a folder, what that is, what people call it, and its hash (start_identity).
    start_path: Path | None = None
    start_kind: str | None = None
    start_name: str | None = None
    start_sha256: str | None = None
    # The tokens that it has beyond those of the base model: the first of hyperparameters.new_tokens.
    start_new_tokens: list | None = None
    # YYYY-MM-DD: the day that chat templates take for today, so that the same rows are the same tokens on any other. None: whatever day it is.
    today: str | None = None
    # Where is kept what the next training with this model need not do again. None: nowhere.
    cache_dir: Path | None = None
    # After so many steps it measures, saves and stops, as if it had been told to: others are to be compared with it there. None: nowhere.
    hold_step: int | None = None
    # What must hold for the model to be promoted, and what the current version did (validation/gate.py has its form). None: nothing.
    gate: dict | None = None

    def __post_init__(self):
        require_types(self, lambda name: FIELDS.get(name, name))
        for name in ("run_id", "lease_epoch", "known_checkpoint_step"):
            require_at_least(0, getattr(self, name) or 0, name)
        for name in ("threads", "processes", "max_rows_per_trait", "max_new_tokens", "hold_step"):
            if getattr(self, name) is not None:
                require_at_least(1, getattr(self, name), FIELDS.get(name, name))
        if self.task not in TASKS:
            raise BadInput(f"task is {self.task!r}; it must be one of {', '.join(TASKS)}.")
        if self.training_type not in TRAINING_TYPES:
            raise BadInput(f"training_type is {self.training_type!r}; it must be one of {', '.join(TRAINING_TYPES)}.")
        if self.hyperparameters.weights is not None and self.trained_as != "standard":
            raise BadInput(f"hyperparameters.weights is {self.hyperparameters.weights!r}, and says in what all weights are trained; leave it out, or train with standard, or with dpo and finetuning_type full.")
        for name, left_out in OF_ADAPTERS.items():
            value = getattr(self.hyperparameters, name)
            if value != left_out and not self.has_adapter:
                raise BadInput(f"hyperparameters.{name} is {value!r}, and {self._chosen_type}, which trains no adapters; leave it out, or train with {' or '.join(ADAPTED)}.")
        if self.hyperparameters.finetuning_type != "lora" and not self.learns_preferences:
            raise BadInput(f"hyperparameters.finetuning_type is {self.hyperparameters.finetuning_type!r}, and training_type is {self.training_type!r}, which says itself what is trained; leave it out, or train with dpo.")
        if self.learns_preferences and self.hyperparameters.too_long == "split":
            raise BadInput("hyperparameters.too_long is 'split', and training_type is 'dpo': a pair of answers cannot be made several. Choose truncate or drop.")
        if self.learns_preferences and self.hyperparameters.train_on != "answers":
            raise BadInput(f"hyperparameters.train_on is {self.hyperparameters.train_on!r}, and training_type is 'dpo', which learns from pairs by their answers; leave it out.")
        if self.hyperparameters.packing and self.training_type not in PACKED:
            raise BadInput(f"hyperparameters.packing is True, and training_type is '{self.training_type}', whose {'pairs of answers' if self.learns_preferences else 'texts'} are not packed; set it to false, or train with {' or '.join(PACKED)}.")
        self._require_usable_tokens()
        if self.hyperparameters.is_sharded and self.training_type in _NOT_SHARDED:
            raise BadInput(f"hyperparameters.sharding is 'full', and training_type is '{self.training_type}', {_NOT_SHARDED[self.training_type]}; set it to none, or train with standard or lora.")
        if self.hyperparameters.is_sharded and self.processes == 1 and self.task == "train":
            raise BadInput("hyperparameters.sharding is 'full', and processes is 1, so that there is nothing to divide the model over. Give each run several GPUs (MTM_DEVICES_PER_RUN=2), or set sharding to none.")
        if self.save_share is not None and not 0 < self.save_share <= 1:
            raise BadInput(f"save_share is {self.save_share!r}; it must be above 0 and at most 1, or null.")
        if self.today is not None and not is_day(self.today):
            raise BadInput(f"today is {self.today!r}; it must be a day, as 2026-11-28, or null.")
        if not self.model_path.is_dir():
            raise BadInput(f"model.path is {str(self.model_path)!r}, which is no directory.")
        if (self.embedding_model_name is None) != (self.embedding_model_path is None):
            raise BadInput("embedding_model must have a name and a path, or be null.")
        if self.embedding_model_path is not None:
            if self.training_type != "rag":
                raise BadInput(f"embedding_model is {self.embedding_model_name!r}, and training_type is {self.training_type!r}: only rag makes an index. Leave it out.")
            if not self.embedding_model_path.is_dir():
                raise BadInput(f"embedding_model.path is {str(self.embedding_model_path)!r}, which is no directory.")
        self._require_start()
        # Where the base's files are, also of a run upon others (`upon`).
        object.__setattr__(self, "stored_path", self.model_path)
        # The adapter that its own go on from (`with_adapter`).
        object.__setattr__(self, "start_adapter", None)
        # As they are now.
        object.__setattr__(self, "places", Places(self.work_dir, self.work_dir / "checkpoints", self.output_dir.parent))

    def holds_at(self, step: int) -> bool:
        return self.hold_step is not None and step >= self.hold_step

    def upon(self, base: Path) -> "RunFile":
        """The same run, with the files of its base model in another folder."""
        other = copy(self)
        object.__setattr__(other, "model_path", base)
        return other

    def with_adapter(self, start: Path) -> "RunFile":
        """The same run, whose adapters begin as those of a folder."""
        other = copy(self)
        object.__setattr__(other, "start_adapter", start)
        return other

    def _require_start(self) -> None:
        given = (self.start_path, self.start_kind, self.start_name, self.start_sha256)
        require_tokens(self.start_new_tokens, FIELDS["start_new_tokens"])
        if all(value is None for value in given):
            return
        if None in given:
            raise BadInput("start must have a path, a kind, a name and a sha256, or be null.")
        if self.start_kind not in START_KINDS:
            raise BadInput(f"start.kind is {self.start_kind!r}; it must be one of {', '.join(START_KINDS)}.")
        if self.training_type == "rag":
            raise BadInput("There is a start, and training_type is 'rag', which trains nothing. Leave it out, or choose another training_type.")
        if not self.start_path.is_dir():
            raise BadInput(f"start.path is {str(self.start_path)!r}, which is no directory.")

    def _require_usable_tokens(self) -> None:
        own, of_start = self.new_tokens, self.start_new_tokens or []
        if own and self.training_type == "rag":
            raise BadInput(f"hyperparameters.new_tokens is {own!r}, and training_type is 'rag', which trains nothing; leave it out, or choose another training_type.")
        if own and not self.is_merged:
            raise BadInput(f"hyperparameters.new_tokens is {own!r}, and merge is False: the base model, upon which the adapter would be used, has not these tokens; set merge to true.")
        if own[: len(of_start)] != of_start:
            raise BadInput(f"hyperparameters.new_tokens is {self.hyperparameters.new_tokens!r}, and what the run begins from has the tokens {of_start!r} beyond those of its base model; name these first.")

    @property
    def new_tokens(self) -> list[str]:
        return self.hyperparameters.new_tokens or []

    @property
    def dataset_names(self) -> dict[int, str]:
        return {dataset["id"]: dataset["name"] for dataset in self.datasets}

    @property
    def choices(self) -> Choices:
        return Choices(self.hyperparameters.reasoning, self.hyperparameters.tool_calls, self.today, self.hyperparameters.train_on)

    @property
    def answers(self) -> bool:
        """Whether `model` is to answer from the index that another one makes."""
        return self.embedding_model_path is not None

    @property
    def embedder_name(self) -> str:
        """Of the model that makes the index of a rag run."""
        return self.embedding_model_name or self.model_name

    @property
    def embedder_path(self) -> Path:
        return self.embedding_model_path or self.model_path

    @property
    def is_merged(self) -> bool:
        """Whether the output holds a whole model, and not only the adapter."""
        return not self.has_adapter or self.hyperparameters.merge

    @property
    def learns_preferences(self) -> bool:
        """Whether each row is a pair of answers, one of which was chosen."""
        return self.training_type == "dpo"

    @property
    def refers_to_base(self) -> bool:
        """Whether what is preferred is measured against what the training begins from."""
        return self.learns_preferences and self.hyperparameters.loss_type != "orpo"

    @property
    def trained_as(self) -> str:
        """Which weights are trained, as the name of the training type that trains the same ones."""
        if not self.learns_preferences:
            return self.training_type
        chosen = self.hyperparameters.finetuning_type
        return "standard" if chosen == "full" else chosen

    @property
    def has_adapter(self) -> bool:
        return self.trained_as in ADAPTED

    @property
    def _chosen_type(self) -> str:
        return "finetuning_type is full" if self.learns_preferences else f"training_type is {self.training_type}"

    @property
    def adapter_upon(self) -> str | None:
        """Whether its adapters lie upon the base as it is, or upon other weights, which it began from. None: it has none."""
        if not self.has_adapter:
            return None
        return "base" if self.start_path is None or self.start_adapter else "start"

    @property
    def descent(self) -> dict:
        """What manifests say of what the run began from; nothing where that is the base model as it is."""
        tokens = {"new_tokens": self.new_tokens} if self.new_tokens else {}
        if self.start_path is None:
            return tokens
        return {**tokens, "started_from": {"name": self.start_name, "kind": self.start_kind, "sha256": self.start_sha256}, "adapter_upon": self.adapter_upon}


# Where the fields of a RunFile stand in the file, if not at the top under their own names.
FIELDS = {
    "model_name": "model.name",
    "model_path": "model.path",
    "embedding_model_name": "embedding_model.name",
    "embedding_model_path": "embedding_model.path",
    "start_path": "start.path",
    "start_kind": "start.kind",
    "start_name": "start.name",
    "start_sha256": "start.sha256",
    "start_new_tokens": "start.new_tokens",
    "train": "data.train",
    "held_out": "data.held_out",
    "datasets": "data.datasets",
    "held_out_is_chosen": "data.held_out_is_chosen",
    "max_rows_per_trait": "validation.max_rows_per_trait",
    "max_new_tokens": "validation.max_new_tokens",
}


def read_run_file(path: Path) -> RunFile:
    """Reads and checks a run file; raises BadInput with a sentence that names the field."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"The run file {str(path)!r} does not exist.") from None
    except OSError as error:
        raise BadInput(f"The run file {str(path)!r} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise BadInput(f"The run file {str(path)!r} is no JSON: {error}.") from None
    return run_file_of(given)


def run_file_of(given: dict) -> RunFile:
    if not isinstance(given, dict):
        raise BadInput(f"The run file is {given!r}; it must be an object.")
    if given.get("protocol") != PROTOCOL:
        raise BadInput(f"protocol is {given.get('protocol')!r}; this trainer speaks {PROTOCOL}. Use the trainer of the same version.")

    values = {field.name: _at(given, FIELDS.get(field.name, field.name), field) for field in fields(RunFile)}
    return RunFile(**{**values, "hyperparameters": hyperparameters_of(values["hyperparameters"])})


def _at(given: dict, place: str, field):
    value = given
    for name in place.split("."):
        if value is None and field.default is not MISSING:
            return field.default  # A part of what was left out as a whole.
        if not isinstance(value, dict) or (name not in value and field.default is MISSING):
            raise BadInput(f"The run file has no field {place}.")
        value = value.get(name, field.default)
    return (Path(value) if value else None) if isinstance(value, str) and Path in kinds_of(field) else value
