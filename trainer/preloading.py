"""What is loaded before copies are made of a process (warm.py), and what must not have happened by then."""

import ctypes
import gc
import os
import sys
from pathlib import Path

from .platform import libraries

_PACKAGE = Path(__file__).parent
_CUDA_ERROR_NOT_INITIALIZED = 3


class CannotFork(Exception):
    """Copies of this process could not be used. The message says why."""


class Origin:
    """What the libraries of this process were loaded from: other packages, or other code of ours, ask for another process."""

    def __init__(self):
        self._then = self._now()

    def change(self) -> str | None:
        """What is not what it was when this was made; None, where all is."""
        now = self._now()
        changed = sorted(path for path in now.keys() | self._then.keys() if now.get(path) != self._then.get(path))
        return f"{changed[0]} has changed since the libraries were loaded" if changed else None

    @staticmethod
    def _now() -> dict[str, int]:
        # To install, update or remove a package changes the folder of all packages. That of the project changes with whatever lies in it.
        folders = [path for path in sys.path if path and Path(path).resolve() != _PACKAGE.parent]
        code = [str(path) for path in _PACKAGE.rglob("*.py") if "tests" not in path.parts]
        return {path: _changed_at(path) for path in [sys.executable, *folders, *code]}


def _changed_at(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def load(what: str) -> dict[str, str | None]:
    """Loads what commands of a kind need: `trainings`, `answers` (query.py) or `tokenizers`. Raises CannotFork.

    Returns the environment variables that libraries have set meanwhile, as they do in every process that loads them.
    """
    if what == "tokenizers":
        libraries.prepare_for_tokenizers()
    else:
        libraries.prepare()
        # To ask whether there is a GPU must not initialise CUDA: https://docs.pytorch.org/docs/stable/notes/multiprocessing.html
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    before = dict(os.environ)
    gc.disable()
    if what == "tokenizers":
        load_for_tokenizers()
    else:
        import torch

        if torch.version.hip:
            raise CannotFork("nobody has looked at how copies of a process use a GPU through ROCm")
        if what == "answers" or torch.cuda.is_available():
            load_for_answers()
        else:
            load_for_trainings()
    _require_no_gpu()
    # Memory in which the collector writes is not shared with the copies.
    gc.freeze()
    gc.enable()
    return {name: os.environ.get(name) for name in before.keys() | os.environ.keys() if before.get(name) != os.environ.get(name)}


def load_for_tokenizers() -> None:
    from transformers import AutoTokenizer  # noqa: F401

    from . import row_tokens, template_facts, token_lengths  # noqa: F401


def load_for_answers() -> None:
    """Also what trainings have where there is a GPU: bitsandbytes initialises CUDA there when it is imported, and so do peft and the Trainer, which import it."""
    from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer  # noqa: F401

    from .bundle import query  # noqa: F401


def load_for_trainings() -> None:
    libraries.load()
    import matplotlib.figure  # noqa: F401
    import tensorboardX.event_file_writer  # noqa: F401

    # Not pyarrow: it starts a thread (of jemalloc).
    from . import tasks  # noqa: F401
    from .base_models import models  # noqa: F401
    from .evaluation import evaluation  # noqa: F401
    from .outputs import export, report  # noqa: F401
    from .retrieval import indexing, retrieval  # noqa: F401
    from .training import after_each_step, training  # noqa: F401
    from .training.loaded_late import load_late
    from .validation import validation  # noqa: F401

    load_late()


def _require_no_gpu() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        raise CannotFork("CUDA was initialised while the libraries were loaded")
    try:
        # What is not loaded is not loaded by this either.
        driver = ctypes.CDLL("libcuda.so.1", mode=os.RTLD_NOLOAD | os.RTLD_NOW)
    except OSError:
        driver = None
    if driver is not None and driver.cuDeviceGetCount(ctypes.byref(ctypes.c_int())) != _CUDA_ERROR_NOT_INITIALIZED:
        raise CannotFork("the CUDA driver was initialised while the libraries were loaded (cuInit)")
    if device := next((target for target in _open_files() if target.startswith(("/dev/nvidia-uvm", "/dev/kfd"))), None):
        raise CannotFork(f"{device} was opened while the libraries were loaded")


def _open_files() -> list[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue  # That of the listing itself.
    return found


def draw_anew() -> None:
    """For a copy: the random numbers of no other one, as in fresh processes, which draw their seeds. (Python's own generator does so by itself after a fork.)"""
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if torch := sys.modules.get("torch"):
        torch.default_generator.seed()
