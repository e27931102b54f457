"""The curves of a training as TensorBoard files: `tensorboard --logdir work_dir/tensorboard`."""

import time
from pathlib import Path

FLUSH_EVERY_S = 5.0  # It waits for the disk each time.


class TensorBoard:
    """Writes one file per claim. A training that goes on has TensorBoard forget the steps that are done again.

    Written by the calling thread: the library's own writing thread ends at a full disk, and whoever feeds it then hangs.
    """

    def __init__(self, directory: Path, lease_epoch: int, resumed_step: int | None):
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        directory.mkdir(parents=True, exist_ok=True)
        # The library puts the time first in the name, and TensorBoard reads files in the order of their names.
        self._writer = EventsWriter(str(directory / "events"), filename_suffix=f".e{lease_epoch}")
        if resumed_step is not None:
            start = SessionLog(status=SessionLog.SessionStatus.Value("START"))
            self._writer.write_event(Event(wall_time=time.time(), step=resumed_step + 1, session_log=start))
        self.flush()

    def add(self, step: int, scalars: dict[str, float | None]) -> None:
        """One point of each curve; of those that have no figure now, none."""
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items() if value is not None]
        self._writer.write_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
        if time.monotonic() - self._flushed >= FLUSH_EVERY_S:
            self.flush()

    def flush(self) -> None:
        self._writer.flush()
        self._flushed = time.monotonic()

    def close(self) -> None:
        self._writer.close()
