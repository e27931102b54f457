"""Steps in turn with those of another trainer: a line on standard input lets one step be taken, a line of JSON tells of it."""

import json
import os
import resource
import sys
import time


class Turns:
    def wait(self):
        if not sys.stdin.readline():
            os._exit(0)  # It was the last one.
        self.since, self.cpu_since = time.perf_counter(), time.process_time()

    def took(self, tokens: int, loss: float):
        """`tokens`: of all steps until now, without padding."""
        seconds, cpu = time.perf_counter() - self.since, time.process_time() - self.cpu_since
        print(json.dumps({"tokens": tokens, "loss": loss, "seconds": seconds, "cpuSeconds": cpu, "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)
        self.wait()
