import json
import os
import sys
import time
import unittest
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TQDM_DISABLE="1")


class Timed(unittest.TextTestResult):
    """Keeps how long each test took."""

    tests: list[dict] = []

    def startTest(self, test):
        self._began = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        self.tests.append({"name": test.id(), "seconds": time.monotonic() - self._began})
        super().stopTest(test)


suite = unittest.defaultTestLoader.discover(str(Path(__file__).parent), top_level_dir=str(Path(__file__).parents[2]))
result = unittest.TextTestRunner(verbosity=2, resultclass=Timed).run(suite)
failed = len(result.failures) + len(result.errors) + len(result.skipped)
if len(sys.argv) > 1:
    failing = [f"{test}\n{trace}" for test, trace in result.failures + result.errors]
    counts = {"passed": result.testsRun - failed, "failed": failed, "failing": failing, "tests": Timed.tests}
    Path(sys.argv[1]).write_text(json.dumps(counts))
sys.exit(0 if failed == 0 and result.testsRun > 0 else 1)
