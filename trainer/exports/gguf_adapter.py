"""A trained adapter as a GGUF, for a GGUF of its base; llama.cpp loads both and is compared with the adapter upon the base."""

import os
from dataclasses import replace

from ..base_models.base_in_16_bits import looked_at_upon_16_bits
from ..outputs.modelfile import UponBase, write_modelfile
from ..platform import libraries
from ..platform.failures import BadInput
from ..platform.room import require_room
from ..platform.safetensors_files import weight_bytes
from . import conversion
from .adapter_conversion import convert_adapter, require_sayable
from .comparing import compared
from .formats import GGUF
from .llama_cpp import LlamaCpp
from .making import Made, Making, listed
from .stages import Stages

_BASE = "base.gguf"


def make(making: Making, wanted: dict) -> Made:
    """The packages of trainer/requirements-exports.txt must come first on PYTHONPATH. Whoever has the base has a GGUF of it, so that is made for the proof alone."""
    libraries.prepare()
    making.require_published()
    run, file = making.run, f"{making.name}-adapter.gguf"
    adapter = run.output_dir / "adapter"
    if run.adapter_upon != "base":
        why = "trained all weights" if run.adapter_upon is None else f"began from {run.start_name}, and its adapter lies upon those weights"
        raise BadInput(f"The run {why}: it has no adapter for a GGUF of {run.model_name}. Export the model as gguf instead.")
    require_sayable(adapter)
    stages = Stages(making.folder)
    # A merged run is looked at without its base.
    alone = replace(run, hyperparameters=replace(run.hyperparameters, merge=False))
    with looked_at_upon_16_bits(alone, making.events) as upon:
        base = upon.model_path
        conversion.require_known(base)
        require_room([(making.folder, weight_bytes(base), "the base as GGUF, which the adapter is proven upon")])
        making.tell("converting")
        whole = stages.made(_BASE, lambda draft: conversion.convert(base, draft, run.model_name))
        made = stages.made(file, lambda draft: convert_adapter(base, adapter, draft, making.name))
        proof = compared(making, base, GGUF["f16"].bounds, lambda context: LlamaCpp(whole, context, run.threads, made), adapter)
        folder = making.fresh_export()
        os.link(made, folder / file)
        told = write_modelfile(run.output_dir, _BASE, folder, UponBase(file, base))
    warnings = [f"The Modelfile takes the base from {_BASE} beside it: put a GGUF of {run.model_name} there, or write the name that Ollama has it by behind FROM.", *told]
    return Made(listed(folder, {file: stages.sha256_of(file)}), proof, warnings)
