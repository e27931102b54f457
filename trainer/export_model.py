"""python -m trainer.export_model RUN_FILE --work DIR --name NAME --quantization q8_0: makes a GGUF of the model that a run published, proves that it is the same
model, and leaves it in DIR/export. Tells how far it is as JSON lines on file descriptor 3; begun again, it goes on behind the last finished stage.

The packages of trainer/requirements-exports.txt must come first on PYTHONPATH.
"""

import argparse
import os
import shutil
import sys
import traceback
from dataclasses import replace
from pathlib import Path

from .base_models.base_in_16_bits import looked_at_upon_16_bits
from .datasets.rows import read_conversations
from .evaluation.held_out import by_trait
from .exports import conversion, quantising
from .exports.formats import GGUF
from .exports.llama_cpp import LlamaCpp
from .exports.proof import MOST_ANSWER_TOKENS, MOST_ROWS, Asked, prove
from .exports.stages import Stages
from .outputs.export import write_beside_weights
from .outputs.modelfile import write_modelfile
from .platform import libraries
from .platform.alone import alone_in
from .platform.events import Events, fsync
from .platform.failures import BadInput, as_failure
from .platform.memory import available_bytes
from .platform.room import require_room
from .platform.safetensors_files import files_of
from .platform.supervision import Commands, obey_stdin
from .runs.checkpoints import sha256_of
from .runs.run_file import RunFile, read_run_file
from .validation.validation import check_files

# Of the memory for a model in float32, beside what computing takes; its file in 16 bits is in memory as well.
_IN_FLOAT32 = 2.6


class Export:
    def __init__(self, run: RunFile, chosen: argparse.Namespace, events: Events):
        self.run, self.events = run, events
        self.name, self.folder, self.quantization = chosen.name, chosen.work, GGUF[chosen.quantization]
        self.file = f"{chosen.name}-{chosen.quantization}.gguf"

    def make(self) -> dict:
        stages = Stages(self.folder)
        self.require_published()
        with looked_at_upon_16_bits(self.run, self.events) as run:
            conversion.require_known(run.output_dir if run.is_merged else run.model_path)
            model = run.output_dir if run.is_merged else self.merged(run)
        weights = sum(path.stat().st_size for path in files_of(model))
        there = sum(path.stat().st_size for path in self.folder.glob("*.gguf*"))
        require_room([(self.folder, max(0, (1 if self.quantization.is_whole else 2) * weights - there), "the exported file")])
        self.tell("converting")
        whole = stages.made("f16.gguf", lambda draft: conversion.convert(model, draft, self.name))
        made = whole if self.quantization.is_whole else self.quantised(stages, whole)
        proof = self.proof(model, made)
        files, warnings = self.published(model, made, stages.sha256_of(made.name))
        return {"files": files, "verification": proof, "warnings": warnings}

    def require_published(self) -> None:
        """Raises BadInput where the model is not the one that the run published, as far as that is known."""
        errors = check_files(self.run, ())["errors"] if self.run.known_manifest_sha256 else []
        if errors:
            raise BadInput(f"The model in {str(self.run.output_dir)!r} is not as the run published it: {' '.join(errors)} Put it back, or start the run again.")

    def merged(self, run: RunFile) -> Path:
        """A folder with the whole model, where the run published the adapter alone."""
        from .base_models.adapters import add_trained_lora
        from .base_models.models import load_model, load_tokenizer
        from .outputs.merging import Trained

        self.tell("merging")
        target, draft = self.folder / "merged", self.folder / "merged.partial"
        if target.is_dir():
            return target
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        model, tokenizer = add_trained_lora(load_model(run.model_path), run.output_dir / "adapter"), load_tokenizer(run.output_dir)
        trained = Trained(model, run.model_path, run.hyperparameters.seed)
        trained.write(draft)
        whole = replace(run, hyperparameters=replace(run.hyperparameters, merge=True))
        write_beside_weights(whole.upon(run.model_path), draft, model, tokenizer, is_tied=not trained.untied)
        for path in draft.rglob("*"):
            if path.is_file():
                fsync(path)
        draft.rename(target)
        return target

    def quantised(self, stages: Stages, whole: Path) -> Path:
        self.tell("quantising")
        return stages.made(self.file, lambda draft: quantising.quantise(whole, draft, self.quantization, lambda part: self.tell("quantising", part)))

    def proof(self, directory: Path, made: Path) -> dict:
        import torch

        from .base_models.models import config_of, context_of, ends_of, load_model, load_tokenizer

        self.tell("verifying")
        torch.set_num_threads(self.run.threads)
        tokenizer = load_tokenizer(directory)
        context = context_of(config_of(directory))
        # Without held-out rows, those that were trained on do as well: it is not asked how good the model is.
        rows = read_conversations(self.run.held_out or self.run.train)
        asked = Asked.of(by_trait(rows, tokenizer, self.run.hyperparameters.max_length, context, MOST_ROWS, self.run.choices, self.run.dataset_names, []))
        if not asked.rows:
            raise BadInput("No row of the run has an answer, so the exported file could not be compared with its model. Start a run with rows that are held out.")
        longest = max(asked.longest, *(len(tokenizer(text)["input_ids"]) for text in asked.questions), 0)
        in_float32 = _IN_FLOAT32 * sum(path.stat().st_size for path in files_of(directory)) <= available_bytes()
        model = load_model(directory, dtype=torch.float32 if in_float32 else "auto", device="cpu")
        exported = LlamaCpp(made, longest + MOST_ANSWER_TOKENS + 1, self.run.threads)
        return prove(asked, model.eval(), tokenizer, ends_of(model, tokenizer), exported, self.quantization, lambda part: self.tell("verifying", part))

    def published(self, model: Path, made: Path, sha256: str) -> tuple[list[dict], list[str]]:
        """Puts the files together in a folder that the service moves to its place: with their sizes and hashes, and what Ollama's Modelfile cannot say of the model."""
        folder = self.folder / "export"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        os.link(made, folder / self.file)
        warnings = write_modelfile(model, self.file, folder)
        others = [path for path in sorted(folder.iterdir()) if path.name != self.file]
        for path in [*others, folder]:
            fsync(path)
        hashes = [(folder / self.file, sha256), *((path, sha256_of(path)) for path in others)]
        return [{"path": path.name, "bytes": path.stat().st_size, "sha256": hash} for path, hash in hashes], warnings

    def tell(self, stage: str, progress: float = 0.0) -> None:
        self.events.send("stage", stage=stage, progress=round(progress, 3))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m trainer.export_model", description=__doc__)
    parser.add_argument("run_file", type=Path, metavar="RUN_FILE")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--quantization", choices=GGUF, required=True)
    chosen = parser.parse_args()
    obey_stdin(Commands())
    events = Events(3)
    libraries.prepare()
    try:
        with alone_in(chosen.work):
            done = Export(read_run_file(chosen.run_file), chosen, events).make()
    except Exception as error:
        traceback.print_exc()
        failure = as_failure(error)
        events.send("failed", kind=failure.kind, message=str(failure), verification=getattr(failure, "found", None))
        sys.exit(failure.code)
    events.send("done", **done)


if __name__ == "__main__":
    main()
