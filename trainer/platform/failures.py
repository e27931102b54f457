"""How a training may end, as exit codes and as exceptions that carry a sentence for a person."""

import errno

DONE = 0
CRASH = 1
STOPPED = 10
BAD_INPUT = 20
CHECKPOINT_LOST = 21
OUT_OF_MEMORY = 30
DIVERGED = 31
DISK_FULL = 32
MACHINE = 33
PARENT_GONE = 40
LEASE_LOST = 41

MEANINGS = {
    DONE: "done",
    CRASH: "crashed; the traceback is on standard error",
    2: "the command line is wrong",
    STOPPED: "stopped when asked, after saving a checkpoint",
    BAD_INPUT: "bad input: run file, data or model",
    CHECKPOINT_LOST: "a checkpoint was known and none verifies",
    OUT_OF_MEMORY: "out of memory",
    DIVERGED: "the loss or gradient became NaN or infinite, or the loss stayed far worse than guessing",
    DISK_FULL: "the disk is full",
    MACHINE: "the disk or the machine failed; the same again may succeed",
    PARENT_GONE: "whoever started it is gone",
    LEASE_LOST: "its lease ran out, or another worker trains the run",
}


class TrainerFailure(Exception):
    """Ends the trainer with `code`; `kind` is the class in the `error` event."""

    code = CRASH
    kind = "crash"


class BadInput(TrainerFailure):
    code = BAD_INPUT
    kind = "bad_input"


class CheckpointLost(TrainerFailure):
    code = CHECKPOINT_LOST
    kind = "checkpoint_lost"


class OutOfMemory(TrainerFailure):
    code = OUT_OF_MEMORY
    kind = "out_of_memory"


class Diverged(TrainerFailure):
    code = DIVERGED
    kind = "diverged"


class DiskFull(TrainerFailure):
    code = DISK_FULL
    kind = "disk_full"


class MachineFailed(TrainerFailure):
    """The disk has errors, or the machine lacks something. It says nothing about what was asked, nor about any file."""

    code = MACHINE
    kind = "machine"


class LeaseLost(TrainerFailure):
    """Somebody else trains this run now, or may do so any moment."""

    code = LEASE_LOST
    kind = "lease_lost"


class Stopped(Exception):
    """The trainer was asked to stop and has saved."""


def failure_of(kind: str, message: str) -> TrainerFailure:
    """One that another process reported, by its class and its sentence."""
    return next((failure for failure in TrainerFailure.__subclasses__() if failure.kind == kind), TrainerFailure)(message)


# How the libraries say it, beside their own exceptions: torch's allocator for the CPU, CUDA and cuBLAS; safetensors and torch.save.
_NO_MEMORY = ("can't allocate memory", "not enough memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
_NO_ROOM = ("No space left on device", "StorageFull", "PytorchStreamWriter failed", "unexpected pos")


_OF_THE_MACHINE = {
    errno.EIO: "The disk has errors",
    errno.ESTALE: "The network disk lost a file that was open",
    errno.EMFILE: "This process has too many files open",
    errno.ENFILE: "This machine has too many files open",
    errno.ETIMEDOUT: "The disk did not answer in time",
    errno.ENOTCONN: "The network disk is not connected",
}


def lacks_memory(error: BaseException) -> bool:
    """Whether that is what went wrong. It says nothing about what was computed."""
    return isinstance(as_failure(error), OutOfMemory)


def is_of_the_machine(error: BaseException) -> bool:
    """Whether that went wrong, or memory lacked: what could not be read or computed may be well."""
    return isinstance(as_failure(error), (OutOfMemory, MachineFailed))


def _of_the_machine(error: BaseException | None) -> str | None:
    """What the machine lacked, where that is behind an error: libraries, and we, put sentences of their own before it."""
    while error is not None:
        for number, sentence in _OF_THE_MACHINE.items():
            # Rust, in safetensors and tokenizers, has words alone.
            if (isinstance(error, OSError) and error.errno == number) or f"(os error {number})" in str(error):
                return f"{sentence} ({' '.join(str(error).split())[:300]})."
        error = error.__cause__ or error.__context__
    return None


def as_failure(error: BaseException) -> TrainerFailure:
    if not isinstance(error, LeaseLost) and (machine := _of_the_machine(error)):
        return MachineFailed(machine)
    if isinstance(error, TrainerFailure):
        return error
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or any(sign in str(error) for sign in _NO_MEMORY):
        return OutOfMemory("The training did not fit into memory. Use a smaller batch_size with more gradient_accumulation, a smaller max_length, or activation_checkpointing.")
    if (isinstance(error, OSError) and error.errno == errno.ENOSPC) or any(sign in str(error) for sign in _NO_ROOM):
        return DiskFull("The disk is full. Make room: the run goes on by itself from its last checkpoint once there is some.")
    if any(kind.__name__ == "TorchDynamoException" for kind in type(error).__mro__):
        return TrainerFailure(f"torch.compile failed: {' '.join(str(error).split())[:300]}. Leave out hyperparameters.compile, or set it to false.")
    if isinstance(error, ValueError) and not isinstance(error, UnicodeError):
        return BadInput(f"The training cannot be done as asked: {error}")
    return TrainerFailure(f"{type(error).__name__}: {error}")


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
