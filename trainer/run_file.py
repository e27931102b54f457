"""The run file: everything that a training needs to know."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

from .batches import BATCHING
from .encoding import TOO_LONG
from .failures import BadInput

PROTOCOL = 1
TASKS = ("train", "validate", "check")
TRAINING_TYPES = ("qlora", "standard", "rag")


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

    @property
    def evaluation_is_chosen(self) -> bool:
        return self.eval_steps is not None or self.early_stopping_patience is not None

    def __post_init__(self):
        if self.batching not in BATCHING:
            raise BadInput(f"hyperparameters.batching is {self.batching!r}; it must be one of {', '.join(BATCHING)}.")
        if self.too_long not in TOO_LONG:
            raise BadInput(f"hyperparameters.too_long is {self.too_long!r}; it must be one of {', '.join(TOO_LONG)}.")
        if not 0 <= self.chunk_overlap < self.chunk_tokens / 2:
            raise BadInput(f"hyperparameters.chunk_overlap is {self.chunk_overlap!r}; it must be from 0 to less than half of chunk_tokens ({self.chunk_tokens!r}).")
        if not isinstance(self.merge, bool):
            raise BadInput(f"hyperparameters.merge is {self.merge!r}; it must be true or false.")
        for name in ("batch_size", "gradient_accumulation", "epochs", "lora_r", "lora_alpha", "max_length", "save_steps"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise BadInput(f"hyperparameters.{name} is {value!r}; it must be a whole number of at least 1.")
        if not 0 < self.learning_rate <= 1:
            raise BadInput(f"hyperparameters.learning_rate is {self.learning_rate!r}; it must be above 0 and at most 1.")
        if not 0 <= self.lora_dropout <= 1:
            raise BadInput(f"hyperparameters.lora_dropout is {self.lora_dropout!r}; it must be from 0 to 1.")
        if self.max_steps is not None and self.max_steps < 1:
            raise BadInput(f"hyperparameters.max_steps is {self.max_steps!r}; it must be at least 1, or null.")
        if self.eval_steps is not None and self.eval_steps < 0:
            raise BadInput(f"hyperparameters.eval_steps is {self.eval_steps!r}; it must be at least 1, 0 for never, or null.")
        if self.early_stopping_patience is not None and self.early_stopping_patience < 1:
            raise BadInput(f"hyperparameters.early_stopping_patience is {self.early_stopping_patience!r}; it must be at least 1, or null.")
        if self.early_stopping_patience is not None and self.eval_steps == 0:
            raise BadInput("hyperparameters.eval_steps is 0, so that early_stopping_patience would see no evaluation; leave one of them out.")
        if not isinstance(self.compile, bool):
            raise BadInput(f"hyperparameters.compile is {self.compile!r}; it must be true or false.")


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
    # Of the output's manifest, where whoever asks for validation knows it: the output may be another's by now.
    known_manifest_sha256: str | None
    # By the dataset_id of rows, for those who read the report.
    dataset_names: dict[int, str]
    save_share: float | None
    max_rows_per_trait: int
    max_new_tokens: int

    def __post_init__(self):
        if self.task not in TASKS:
            raise BadInput(f"task is {self.task!r}; it must be one of {', '.join(TASKS)}.")
        if self.training_type not in TRAINING_TYPES:
            raise BadInput(f"training_type is {self.training_type!r}; it must be one of {', '.join(TRAINING_TYPES)}.")
        if self.save_share is not None and not 0 < self.save_share <= 1:
            raise BadInput(f"save_share is {self.save_share!r}; it must be above 0 and at most 1, or null.")
        if not self.model_path.is_dir():
            raise BadInput(f"model.path is {str(self.model_path)!r}, which is no directory.")

    @property
    def is_merged(self) -> bool:
        """Whether the output holds a whole model, and not only the adapter."""
        return self.training_type != "qlora" or self.hyperparameters.merge


def read_run_file(path: Path) -> RunFile:
    """Reads and checks a run file; raises BadInput with a sentence that names the field."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"The run file {str(path)!r} does not exist.") from None
    except ValueError as error:
        raise BadInput(f"The run file {str(path)!r} is no JSON: {error}.") from None
    try:
        if given["protocol"] != PROTOCOL:
            raise BadInput(f"protocol is {given['protocol']!r}; this trainer speaks {PROTOCOL}. Use the trainer of the same version.")
        names = {field.name for field in fields(Hyperparameters)}
        unknown = set(given["hyperparameters"]) - names
        if unknown:
            raise BadInput(f"hyperparameters.{sorted(unknown)[0]} is unknown; known are {', '.join(sorted(names))}.")
        held_out = given["data"]["held_out"]
        return RunFile(
            task=given["task"],
            run_id=given["run_id"],
            lease_epoch=given["lease_epoch"],
            training_type=given["training_type"],
            model_name=given["model"]["name"],
            model_path=Path(given["model"]["path"]),
            train=Path(given["data"]["train"]),
            held_out=Path(held_out) if held_out else None,
            work_dir=Path(given["work_dir"]),
            output_dir=Path(given["output_dir"]),
            hyperparameters=Hyperparameters(**given["hyperparameters"]),
            threads=given["threads"],
            known_checkpoint_step=given["known_checkpoint_step"],
            known_manifest_sha256=given.get("known_manifest_sha256"),
            dataset_names={dataset["id"]: dataset["name"] for dataset in given["data"].get("datasets", [])},
            save_share=given.get("save_share"),
            max_rows_per_trait=given["validation"]["max_rows_per_trait"],
            max_new_tokens=given["validation"]["max_new_tokens"],
        )
    except KeyError as error:
        raise BadInput(f"The run file {str(path)!r} has no field {error}.") from None
    except TypeError as error:
        raise BadInput(f"The run file {str(path)!r} has a field of a wrong type: {error}.") from None
