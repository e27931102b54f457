#!/usr/bin/env bash
# pyarrow 26.0.1 on Linux: the threads of a process that imports it, and does nothing else.
#
# Guess: to import a library starts no thread; and where pyarrow's memory pool is that of mimalloc, jemalloc, which it carries as well, stays unused.
# Behaviour: the import starts a thread of jemalloc, "jemalloc_bg_thd", although the default pool is mimalloc's. Python's threading module does not know of it.
# A process that loads its libraries first and then forks for each piece of work (a forkserver that preloads, gunicorn's preload_app) forks with a second
# thread running from then on, which POSIX makes no promises for.
#
# Output seen:
#   before: 1 thread
#   after the import: 2 threads, one of them jemalloc_bg_thd; threading knows 1; the default memory pool is mimalloc
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet pyarrow==26.0.1
cat > look.py <<'PY'
import os
import threading
from pathlib import Path


def threads():
    return sorted(Path(f"/proc/self/task/{number}/comm").read_text().strip() for number in os.listdir("/proc/self/task"))


before = threads()
print(f"before: {len(before)} thread")
import pyarrow  # noqa: E402

pool = pyarrow.default_memory_pool().backend_name
after = threads()
print(f"after the import: {len(after)} threads, one of them {(set(after) - set(before)).pop()}; threading knows {threading.active_count()}; the default memory pool is {pool}")
assert len(before) == 1 and after.count("jemalloc_bg_thd") == 1 and len(after) == 2
assert threading.active_count() == 1 and pool == "mimalloc"
PY
python/bin/python look.py
