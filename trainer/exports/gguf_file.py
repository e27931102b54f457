"""A model as a GGUF, with a Modelfile for Ollama; llama.cpp loads it and is compared with the model."""

import os
from pathlib import Path

from ..base_models.base_in_16_bits import looked_at_upon_16_bits
from ..outputs.modelfile import write_modelfile
from ..platform import libraries
from ..platform.room import require_room
from ..platform.safetensors_files import weight_bytes
from . import conversion, quantising
from .comparing import compared
from .formats import GGUF, Quantization
from .llama_cpp import LlamaCpp
from .making import Made, Making, listed
from .stages import Stages


def make(making: Making, wanted: dict) -> Made:
    """`wanted`: quantization. The packages of trainer/requirements-exports.txt must come first on PYTHONPATH."""
    libraries.prepare()
    quantization, file = GGUF[wanted["quantization"]], f"{making.name}-{wanted['quantization']}.gguf"
    stages = Stages(making.folder)
    making.require_published()
    with looked_at_upon_16_bits(making.run, making.events) as run:
        conversion.require_known(run.output_dir if run.is_merged else run.model_path)
        model = making.merged(run)
    weights = weight_bytes(model)
    there = sum(path.stat().st_size for path in making.folder.glob("*.gguf*"))
    require_room([(making.folder, max(0, (1 if quantization.is_whole else 2) * weights - there), "the exported file")])
    making.tell("converting")
    made = stages.made("f16.gguf", lambda draft: conversion.convert(model, draft, making.name))
    if not quantization.is_whole:
        making.tell("quantising")
        made = _quantised(making, stages, made, file, quantization)
    proof = compared(making, model, quantization.bounds, lambda context: LlamaCpp(made, context, making.run.threads))
    files, warnings = _published(making, model, made, file, stages.sha256_of(made.name))
    return Made(files, proof, warnings)


def _quantised(making: Making, stages: Stages, whole: Path, file: str, quantization: Quantization) -> Path:
    return stages.made(file, lambda draft: quantising.quantise(whole, draft, quantization, lambda part: making.tell("quantising", part)))


def _published(making: Making, model: Path, made: Path, file: str, sha256: str) -> tuple[list[dict], list[str]]:
    """The files with their sizes and hashes, and what Ollama's Modelfile cannot say of the model."""
    folder = making.fresh_export()
    os.link(made, folder / file)
    warnings = write_modelfile(model, file, folder)
    return listed(folder, {file: sha256}), warnings
