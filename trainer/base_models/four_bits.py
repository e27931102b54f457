"""Weights in 4 bits, kept from one training to the next: to quantise a model takes most of the time that loading it does.

What is kept is what quantising gave, tensor by tensor, under a name that is the hash of all that decides it: <cache>/four-bits/<key>/. All else of the model
is loaded from its own files, as ever. Whoever removes what nobody has used for long goes by the time of the folder.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from ..bundle.fingerprint import fingerprint_of
from ..platform.events import Events, fsync
from ..platform.room import in_gb
from ..platform.safetensors_files import files_of
from ..runs.checkpoints import MANIFEST, sha256_of
from ..runs.going_on import arithmetic
from .file_facts import KnownModel, is_settled, state_of


FOLDER = "four-bits"
_WEIGHTS = "weights.safetensors"
_LARGEST_SHARE = 0.1  # Of what is free on the disk; src/runs/trainer-cache.ts has the same.
_RULE = 1  # Another one, where what is kept of a layer becomes another.


class _Damaged(Exception):
    """Why what is kept is not used."""


@dataclass(frozen=True)
class Layer:
    """One layer in 4 bits, as quantize_4bit of bitsandbytes gives it for `asked`."""

    asked: dict
    tensors: dict
    facts: dict


@contextmanager
def kept_in_4_bits(cache: Path | None, model: Path, events: Events | None) -> Iterator[None]:
    """While a model is loaded within this, its layers are not quantised where that was done before. Of several processes, the one with `events` keeps what was.

    On the CPU alone: a GPU quantises as fast as it reads. With a `cache` of None, all is quantised.
    """
    import torch

    if cache is None or torch.cuda.is_available():
        yield
        return
    with events.spans.of("weights_in_4_bits") if events else nullcontext():
        folder = cache / FOLDER / _key(cache, model)
    try:
        kept = _read(folder)
    except _Damaged as damage:
        kept = {}
        shutil.rmtree(folder, ignore_errors=True)
        if events:
            events.send("log", level="warning", message=f"The weights in 4 bits in {str(folder)!r} are not what was written there ({damage}): they are removed, and made again.")
    made: dict[str, Layer] = {}
    with _quantising(kept, made, events):
        yield
    if made and events:
        _keep(folder, {**kept, **made}, events)


def _key(cache: Path, model: Path) -> str:
    import torch

    known = KnownModel(cache, model)
    facts = {
        "rule": _RULE,
        "fingerprint": known.once("fingerprint", lambda: fingerprint_of(model)),
        # The fingerprint has the first bytes of each tensor.
        "weights": known.once("sha256 of weights", lambda: [sha256_of(file) for file in files_of(model)]),
        # The mean of the blocks' scales is a sum in as many parts as there are threads.
        "threads": torch.get_num_threads(),
        **arithmetic(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


@contextmanager
def _quantising(kept: dict[str, Layer], made: dict[str, Layer], events: Events | None) -> Iterator[None]:
    """transformers 5.23 quantises each weight by this operation, which knows its name, and bitsandbytes 0.50 by this function, which has its numbers."""
    from bitsandbytes import functional
    from transformers.integrations.bitsandbytes import Bnb4bitQuantize

    convert, quantize_4bit = Bnb4bitQuantize.convert, functional.quantize_4bit
    name: str | None = None

    def convert_by_name(self, input_dict, *arguments, **named):
        nonlocal name
        name = next(iter(input_dict)) if len(input_dict) == 1 else None
        try:
            return convert(self, input_dict, *arguments, **named)
        finally:
            name = None

    def quantize_once(weights, *arguments, **options):
        if name is None or arguments:
            return quantize_4bit(weights, *arguments, **options)
        asked = {"shape": list(weights.shape), "dtype": str(weights.dtype), **{option: str(value) for option, value in options.items()}}
        if name in kept and kept[name].asked == asked:
            return _quantised(kept[name])
        with events.spans.of("quantising") if events else nullcontext():
            quantised = quantize_4bit(weights, **options)
        made[name] = _layer_of(asked, *quantised)
        return quantised

    Bnb4bitQuantize.convert, functional.quantize_4bit = convert_by_name, quantize_once
    try:
        yield
    finally:
        Bnb4bitQuantize.convert, functional.quantize_4bit = convert, quantize_4bit


def _layer_of(asked: dict, data, state) -> Layer:
    tensors = {"data": data, "absmax": state.absmax, "code": state.code}
    facts = {"shape": list(state.shape), "blocksize": state.blocksize, "quant_type": state.quant_type, "dtype": _name(state.dtype)}
    if state.nested:
        tensors |= {"offset": state.offset, "nested_absmax": state.state2.absmax, "nested_code": state.state2.code}
        facts |= {"nested_blocksize": state.state2.blocksize, "nested_dtype": _name(state.state2.dtype)}
    return Layer(asked, tensors, facts)


def _quantised(layer: Layer):
    import torch
    from bitsandbytes.functional import QuantState

    tensors, facts = layer.tensors, layer.facts
    nested = None
    if "nested_absmax" in tensors:
        nested = QuantState(absmax=tensors["nested_absmax"], code=tensors["nested_code"], blocksize=facts["nested_blocksize"], dtype=getattr(torch, facts["nested_dtype"]))
    return tensors["data"], QuantState(
        absmax=tensors["absmax"],
        shape=torch.Size(facts["shape"]),
        code=tensors["code"],
        blocksize=facts["blocksize"],
        quant_type=facts["quant_type"],
        dtype=getattr(torch, facts["dtype"]),
        offset=tensors.get("offset"),
        state2=nested,
    )


def _name(dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _read(folder: Path) -> dict[str, Layer]:
    """The layers that are kept, mapped; none where nothing is. Raises _Damaged."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        _require_as_written(folder, manifest)
        layers = _layers_in(folder / _WEIGHTS)
        os.utime(folder)
    except Exception as error:
        if not folder.is_dir():
            return {}
        raise _Damaged(f"{Path(error.filename).name} is missing" if isinstance(error, FileNotFoundError) else str(error)) from error
    return layers


def _require_as_written(folder: Path, manifest: dict) -> None:
    """Raises ValueError. A file that nobody has written to since is not read for that."""
    file = folder / _WEIGHTS
    state, now = state_of(file), time.time()
    if state == manifest["state"] and manifest["is_settled"]:
        return
    if state[0] != manifest["bytes"] or sha256_of(file) != manifest["sha256"]:
        raise ValueError("another size or hash")
    if is_settled([state], now) and state_of(file) == state:
        _write_manifest(folder, {**manifest, "state": state, "is_settled": True})


def _layers_in(file: Path) -> dict[str, Layer]:
    from safetensors import safe_open

    with safe_open(file, "pt") as opened:
        told = json.loads(opened.metadata()["layers"])
        return {
            name: Layer(each["asked"], {part: opened.get_tensor(f"{name}:{part}") for part in each["tensors"]}, each["facts"]) for name, each in told.items()
        }


def _keep(folder: Path, layers: dict[str, Layer], events: Events) -> None:
    """Whole or not at all. What cannot be kept is no reason to end a training."""
    size = sum(tensor.nbytes for layer in layers.values() for tensor in layer.tensors.values())
    draft = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        draft.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(draft.parent).free
        if size > _LARGEST_SHARE * free:
            raise OSError(None, f"they take {in_gb(size)}, more than a tenth of the {in_gb(free)} that are free")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        _write(draft, layers)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
        fsync(folder.parent)
    except Exception as error:  # noqa: BLE001
        shutil.rmtree(draft, ignore_errors=True)
        why = getattr(error, "strerror", None) or str(error)
        events.send("log", level="info", message=f"The weights in 4 bits are not kept for the next training with this model: {why}.")


def _write(draft: Path, layers: dict[str, Layer]) -> None:
    from safetensors.torch import save_file

    told = {name: {"asked": layer.asked, "tensors": list(layer.tensors), "facts": layer.facts} for name, layer in layers.items()}
    # Layers may share a table of codes, which is written for each.
    tensors = {f"{name}:{part}": tensor.clone() if "code" in part else tensor for name, layer in layers.items() for part, tensor in layer.tensors.items()}
    file = draft / _WEIGHTS
    file.touch()
    mode = file.stat().st_mode
    save_file(tensors, file, metadata={"layers": json.dumps(told)})
    # The library's own is for its owner alone, and other hosts may train as another user.
    file.chmod(mode)
    fsync(file)
    _write_manifest(draft, {"sha256": sha256_of(file), "bytes": file.stat().st_size, "state": state_of(file), "is_settled": False})


def _write_manifest(folder: Path, manifest: dict) -> None:
    draft = folder / f"{MANIFEST}.{os.getpid()}"
    draft.write_text(json.dumps(manifest), encoding="utf-8")
    fsync(draft)
    draft.rename(folder / MANIFEST)
    fsync(folder)
