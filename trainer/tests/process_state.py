"""python -m trainer.tests.process_state: what a process of the trainer has from whoever started it, and what its libraries found there, as a JSON object."""

import ctypes
import fcntl
import gc
import json
import locale
import logging
import multiprocessing
import os
import random
import resource
import signal
import sys
import threading
import warnings
from pathlib import Path

_OF_STATUS = ("Umask", "Uid", "Gid", "FDSize", "Groups", "Threads", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "NoNewPrivs", "Seccomp", "Cpus_allowed", "Mems_allowed", "CoreDumping", "THP_enabled")
_OF_GLIBC = 0b11 << 31
_PR_GET_PDEATHSIG = 2


def at_start() -> dict:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    # A fresh one has sockets there, of which both ends read and write, and a copy pipes.
    fds = {}
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            fds[fd] = {"inherited": os.get_inheritable(fd), "mode": fcntl.fcntl(fd, fcntl.F_GETFL) & (os.O_APPEND | os.O_NONBLOCK)}
        except OSError:
            continue  # That of the listing itself.
    return {
        # Without those that glibc takes for itself when a thread is first made: there was one of OpenBLAS, which ends before a fork.
        "caught": f"{int(status['SigCgt'], 16) & ~_OF_GLIBC:x}",
        "status": {name: status[name].strip() for name in status if name in _OF_STATUS or name.startswith("Cap")},
        "limits": Path("/proc/self/limits").read_text(),
        "kernel_environ": sorted(Path("/proc/self/environ").read_text().split("\0")),
        "oom_score_adj": Path("/proc/self/oom_score_adj").read_text(),
        "coredump_filter": Path("/proc/self/coredump_filter").read_text(),
        "cgroup": Path("/proc/self/cgroup").read_text(),
        "command_line": Path("/proc/self/cmdline").read_bytes().replace(b"\0", b" ").decode().strip(),
        "fds": fds,
        "environ": dict(os.environ),
        "leads_group": os.getpgrp() == os.getpid(),
        "leads_session": os.getsid(0) == os.getpid(),
        "working_directory": os.getcwd(),
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "scheduler": os.sched_getscheduler(0),
        "affinity": sorted(os.sched_getaffinity(0)),
        "limits_of_python": [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")],
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "path": sys.path,
        "flags": {name: getattr(sys.flags, name) for name in dir(sys.flags) if not name.startswith(("_", "n_", "count", "index"))},
        "main": [sys.modules["__main__"].__name__, sys.modules["__main__"].__spec__.name, sys.modules["__main__"].__file__],
        "streams": [[stream.encoding, stream.errors, stream.line_buffering, stream.write_through, stream.fileno()] for stream in (sys.stdin, sys.stdout, sys.stderr)],
        "handlers": {number.name: str(signal.getsignal(number)).partition(" at ")[0] for number in signal.valid_signals() if isinstance(number, signal.Signals)},
        "wakes": signal.set_wakeup_fd(-1),
        "timers": signal.getitimer(signal.ITIMER_REAL),
        "threads": [thread.name for thread in threading.enumerate()],
        "main_thread": threading.main_thread() is threading.current_thread(),
        "collector": [gc.isenabled(), gc.get_threshold(), gc.get_debug()],
        "locale": locale.setlocale(locale.LC_ALL),
        "recursion": sys.getrecursionlimit(),
        "traced": [sys.gettrace(), sys.getprofile()],
        "hash": sys.hash_info.algorithm,
        "logging": [logging.root.level, len(logging.root.handlers)],
        "multiprocessing": [multiprocessing.current_process().name, multiprocessing.parent_process(), multiprocessing.get_start_method()],
    }


def with_libraries() -> dict:
    from .. import preloading
    from ..platform import libraries

    libraries.prepare()
    preloading.load_for_trainings()
    import numpy
    import torch
    from numpy._core import _multiarray_umath

    # How many threads each would take, and none is there yet but those of OpenBLAS, which it starts when it is loaded.
    blas = ctypes.CDLL(_multiarray_umath.__file__)
    of_blas = next(getattr(blas, name)() for name in ("scipy_openblas_get_num_threads64_", "openblas_get_num_threads64_", "scipy_openblas_get_num_threads") if hasattr(blas, name))
    return {
        "environ": dict(os.environ),
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads(), of_blas],
        "of_python": [thread.name for thread in threading.enumerate()],
        "torch": [str(torch.get_default_dtype()), torch.are_deterministic_algorithms_enabled(), torch.is_grad_enabled(),
                  torch.get_float32_matmul_precision(), torch.backends.mkldnn.enabled, torch.cuda.is_initialized(), torch.is_inference_mode_enabled()],
        "parallel": torch.__config__.parallel_info(),
        "numpy": [numpy.geterr(), numpy.random.get_bit_generator().__class__.__name__],
        "warnings": sorted(map(str, warnings.filters)),
        "collector": gc.isenabled(),
        "handlers": {number.name: str(signal.getsignal(number)).partition(" at ")[0] for number in signal.valid_signals() if isinstance(number, signal.Signals)},
        "product": torch.ones(64, 64).matmul(torch.ones(64, 64)).sum().item(),
    }


def drawn() -> dict:
    """Which must not be the same in two processes."""
    import numpy
    import torch

    return {"torch": torch.rand(1).item(), "seed": torch.initial_seed(), "random": random.random(), "numpy": numpy.random.random(), "unnamed": next(__import__("tempfile")._get_candidate_names())}


if __name__ == "__main__":
    state = {"at_start": at_start(), "with_libraries": with_libraries()}
    print(json.dumps({"state": state, "drawn": drawn(), "dies_with": ctypes.CDLL(None).prctl(_PR_GET_PDEATHSIG, ctypes.byref(number := ctypes.c_int())) or number.value}))
