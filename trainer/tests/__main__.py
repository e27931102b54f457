import json
import os
import sys
import unittest
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TQDM_DISABLE="1")
suite = unittest.defaultTestLoader.discover(str(Path(__file__).parent), top_level_dir=str(Path(__file__).parents[2]))
result = unittest.TextTestRunner(verbosity=2).run(suite)
failed = len(result.failures) + len(result.errors) + len(result.skipped)
if len(sys.argv) > 1:
    failing = [f"{test}\n{trace}" for test, trace in result.failures + result.errors]
    Path(sys.argv[1]).write_text(json.dumps({"passed": result.testsRun - failed, "failed": failed, "failing": failing}))
sys.exit(0 if failed == 0 and result.testsRun > 0 else 1)
