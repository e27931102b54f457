"""How a training may end, as exit codes and as exceptions that carry a sentence for a person."""

DONE = 0
CRASH = 1
STOPPED = 10
BAD_INPUT = 20
CHECKPOINT_LOST = 21
OUT_OF_MEMORY = 30
DIVERGED = 31
DISK_FULL = 32
PARENT_GONE = 40
LEASE_LOST = 41


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


class LeaseLost(TrainerFailure):
    """Somebody else trains this run now, or may do so any moment."""

    code = LEASE_LOST
    kind = "lease_lost"


class Stopped(Exception):
    """The trainer was asked to stop and has saved."""
