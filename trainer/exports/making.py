"""What every format of exports is made with: the run's model, a folder to work in, and who hears how far it is."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ..outputs.export import write_beside_weights
from ..platform.events import Events, fsync
from ..platform.failures import BadInput
from ..runs.checkpoints import sha256_of
from ..runs.run_file import RunFile
from ..validation.validation import check_files


@dataclass(frozen=True)
class Made:
    """What an export came to. `files`: path, bytes and sha256 of each, in the folder `export`; `verification`: how they compare with their model, where they are another
    file than it; `warnings`: what they cannot show of it; `pushed`: what came of a push (trainer/outputs/push.py)."""

    files: list[dict]
    verification: dict | None
    warnings: list[str]
    pushed: dict | None = None


class Making:
    """`name`: what the files are called by; `folder`: of this export alone, which a later attempt goes on in."""

    def __init__(self, run: RunFile, folder: Path, name: str, events: Events):
        self.run, self.folder, self.name, self.events = run, folder, name, events

    def tell(self, stage: str, progress: float = 0.0) -> None:
        self.events.send("stage", stage=stage, progress=round(progress, 3))

    def require_published(self) -> None:
        """Raises BadInput where the model is not the one that the run published, as far as that is known."""
        errors = check_files(self.run, ())["errors"] if self.run.known_manifest_sha256 else []
        if errors:
            raise BadInput(f"The model in {str(self.run.output_dir)!r} is not as the run published it: {' '.join(errors)} Put it back, or start the run again.")

    def merged(self, run: RunFile) -> Path:
        """A folder with the whole model: the published one, or one that is made where the run published the adapter alone. `run`: upon a base in 16 bits."""
        from ..base_models.adapters import add_trained_lora
        from ..base_models.models import load_model, load_tokenizer
        from ..outputs.merging import Trained

        if run.is_merged:
            return run.output_dir
        self.tell("merging")

        def write(folder: Path) -> None:
            model, tokenizer = add_trained_lora(load_model(run.model_path), run.output_dir / "adapter"), load_tokenizer(run.output_dir)
            trained = Trained(model, run.model_path, run.hyperparameters.seed)
            trained.write(folder)
            whole = replace(run, hyperparameters=replace(run.hyperparameters, merge=True))
            write_beside_weights(whole.upon(run.model_path), folder, model, tokenizer, is_tied=not trained.untied)

        return self.once("merged", write)

    def once(self, name: str, write: Callable[[Path], None]) -> Path:
        """A folder that `write` fills, unless an earlier attempt did: it is whole and durable from the moment on that it has its name."""
        target, draft = self.folder / name, self.folder / f"{name}.partial"
        if target.is_dir():
            return target
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        write(draft)
        for path in [*draft.rglob("*"), draft]:
            fsync(path)
        draft.rename(target)
        fsync(self.folder)
        return target

    def fresh_export(self) -> Path:
        """An empty folder for what is published: the service moves it to its place."""
        folder = self.folder / "export"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder


def listed(folder: Path, known: dict[str, str]) -> list[dict]:
    """Makes the files of an export durable: path, bytes and sha256 of each, those whose hash is known first."""
    paths = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: (path.name not in known, path))
    for path in [*(path for path in paths if path.name not in known), folder]:
        fsync(path)
    return [{"path": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": known.get(path.name) or sha256_of(path)} for path in paths]
