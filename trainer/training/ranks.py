"""Several processes for one training: one on each GPU, or a few that share the CPU.

Rank 0 is the process that was started. It alone reports, evaluates, saves and decides; the others are its children, take their
rows of each batch, and add up gradients with it. So the rows of a step are the same with any number of processes.
"""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from datetime import timedelta
from multiprocessing.connection import wait
from pathlib import Path

from ..platform.events import Events
from ..platform.failures import TrainerFailure, as_failure, failure_of
from ..platform.supervision import die_with_parent
from ..tokens.batches import Rank

# A process that waits for the others may wait while rank 0 evaluates and saves. Their death is noticed otherwise, and at once.
_LONGEST_WAIT = timedelta(days=1)
# How long rank 0, which lost the connection, waits for whoever ended it to be gone.
_GONE_WITHIN_S = 10.0


class Others:
    """The processes beside rank 0, from the start of a training to its end. None, where it has one process.

    `task(*arguments, rank)` is what each of them does. When one of them ends in another way than by returning, rank 0 says so
    and ends as well, whatever it is waiting for.
    """

    def __init__(self, count: int, events: Events, task, *arguments):
        context = multiprocessing.get_context("spawn")
        self._events = events
        self._over = threading.Lock()
        self._processes = []
        for number in range(1, count):
            heard, tell = context.Pipe(duplex=False)
            process = context.Process(target=_take_part, args=(tell, task, arguments, Rank(number, count)), daemon=True, name=f"rank {number}")
            self._processes.append((process, heard, tell))

    def __enter__(self) -> "Others":
        for process, _, tell in self._processes:
            process.start()
            tell.close()
        if self._processes:
            threading.Thread(target=self._watch, daemon=True, name="ranks").start()
        return self

    def __exit__(self, kind, error, _) -> None:
        if not self._processes:
            return
        with self._over:
            # A connection that broke says less than the process at its other end.
            failure = self._failure(_GONE_WITHIN_S) if isinstance(error, RuntimeError) and not isinstance(error, TrainerFailure) else None
            for process, _, _ in self._processes:
                if error is not None:
                    process.kill()
                process.join()
            self._processes = []
        if failure is not None:
            raise failure from error

    def _watch(self) -> None:
        while waited_for := [process.sentinel for process, _, _ in self._processes if process.exitcode is None]:
            wait(waited_for)
            with self._over:
                if failure := self._failure(0):
                    self._events.send("error", **{"class": failure.kind, "message": str(failure)})
                    os._exit(failure.code)

    def _failure(self, within_s: float) -> TrainerFailure | None:
        """Of the process that ended badly, if there is one."""
        ending = wait([process.sentinel for process, _, _ in self._processes], within_s)
        for process, heard, _ in self._processes:
            if process.sentinel not in ending:
                continue
            # Its files are closed, this one among them, a moment before it can be asked how it ended: the more memory it had, the longer.
            process.join()
            if not process.exitcode:
                continue
            try:
                return failure_of(*heard.recv())
            except EOFError:
                how = f"signal {-process.exitcode}" if process.exitcode < 0 else f"exit code {process.exitcode}"
                return TrainerFailure(f"Process {process.name.removeprefix('rank ')} of the {len(self._processes) + 1} of this training ended by {how}.")
        return None


def _take_part(tell, task, arguments, rank: Rank) -> None:
    # Rank 0 hears of both, and all of them stop at the same step.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _die_with_parent()
    try:
        task(*arguments, rank)
    except BaseException as error:  # noqa: BLE001: rank 0 reports it.
        traceback.print_exc()
        failure = as_failure(error)
        tell.send((failure.kind, str(failure)))
        os._exit(failure.code)


def _die_with_parent() -> None:
    die_with_parent()
    parent = multiprocessing.parent_process()

    def watch() -> None:
        parent.join()
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="parent").start()


def join(rank: Rank, meeting_place: Path, threads: int) -> None:
    """Meets the other processes at a file that is not there yet. To be called before anything of accelerate is."""
    if rank.count == 1:
        return
    import torch
    import torch.distributed as distributed

    # What accelerate looks at, to see that it is one of several. It would choose a number of threads, unless one is named.
    number, count = str(rank.number), str(rank.count)
    os.environ.update(RANK=number, LOCAL_RANK=number, WORLD_SIZE=count, LOCAL_WORLD_SIZE=count, OMP_NUM_THREADS=str(threads))
    if sys.platform == "linux":
        # All of them are on this machine, whose own name may mean nothing, as in a container.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(rank.number)
    store = distributed.FileStore(str(meeting_place), rank.count)
    distributed.init_process_group("cuda:nccl,cpu:gloo" if on_gpu else "gloo", store=store, rank=rank.number, world_size=rank.count, timeout=_LONGEST_WAIT)


def saved_by_all(rank: Rank) -> list:
    """The callbacks that come before the one that vouches for a checkpoint: each process writes a part of it."""
    from transformers import TrainerCallback

    class SavedByAll(TrainerCallback):
        def on_save(self, args, state, control, **_):
            import torch

            torch.distributed.barrier()

    return [SavedByAll()] if rank.count > 1 else []


_DECIDED, _ASKED = range(2)


def ask_others(without_adapters: bool) -> None:
    """Has the other processes compute the losses on held-out rows, before they hear what is decided. To be called by rank 0 alone."""
    _told_by_one(_ASKED, without_adapters, False)


def _told_by_one(*words: int) -> list[int]:
    """What rank 0 says, whatever the others say."""
    import torch

    told = torch.tensor(words, dtype=torch.uint8)
    torch.distributed.broadcast(told, src=0)
    return told.tolist()


def decided_by_one(rank: Rank, held_out=None) -> list:
    """The callbacks that come after the one of rank 0 which decides whether to save or to stop: all do as it says. Meanwhile it may ask them
    to compute the losses of `held_out` (ask_others)."""
    from transformers import TrainerCallback

    class DecidedByOne(TrainerCallback):
        """Wherever rank 0 may have evaluated."""

        def on_train_begin(self, args, state, control, model=None, **_):
            while (told := _told_by_one(_DECIDED, control.should_save, control.should_training_stop))[0] == _ASKED:
                held_out.losses(model, without_adapters=bool(told[1]))
            control.should_save, control.should_training_stop = map(bool, told[1:])
            return control

        on_log = on_save = on_train_begin

    return [DecidedByOne()] if rank.count > 1 else []
