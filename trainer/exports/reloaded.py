"""An exported folder that transformers has loaded, in a process that knows nothing of how it was made."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from .proof import Said

_loaded: tuple = ()


class Reloaded:
    """An Exported (proof.py)."""

    def __init__(self, folder: Path, threads: int):
        self._process = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_load, initargs=(folder, threads))

    def __enter__(self) -> "Reloaded":
        return self

    def __exit__(self, *_) -> None:
        self._process.shutdown()

    def tokens_of(self, text: str) -> list[int]:
        return self._process.submit(_tokens_of, text).result()

    def goes_on(self, ids: list[int], most: int) -> Said:
        return self._process.submit(_goes_on, ids, most).result()

    def losses_of(self, ids: list[int], places: list[int]) -> dict[int, float]:
        return self._process.submit(_losses_of, ids, places).result()


def _load(folder: Path, threads: int) -> None:
    """As whoever is given the folder does."""
    global _loaded
    import torch
    from transformers import AutoTokenizer

    from ..base_models.base_config import class_of

    torch.set_num_threads(threads)
    _loaded = class_of(folder).from_pretrained(folder, device_map={"": "cpu"}).eval(), AutoTokenizer.from_pretrained(folder)


def _tokens_of(text: str) -> list[int]:
    return _loaded[1](text, add_special_tokens=False)["input_ids"]


def _goes_on(ids: list[int], most: int) -> Said:
    import torch

    model = _loaded[0]
    with torch.inference_mode():
        said = model.generate(torch.tensor([ids]), max_new_tokens=most, do_sample=False)[0, len(ids) :].tolist()
    ends = model.generation_config.eos_token_id
    return Said(said, bool(said) and said[-1] in (ends if isinstance(ends, list) else [ends]))


def _losses_of(ids: list[int], places: list[int]) -> dict[int, float]:
    import torch

    with torch.inference_mode():
        likely = _loaded[0](torch.tensor([ids])).logits[0].float().log_softmax(-1)
    return {place: -float(likely[place - 1, ids[place]]) for place in places}
