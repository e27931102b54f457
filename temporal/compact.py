"""Gives the disk back what of a SQLite file is free, where that is much. Prints the bytes before and after, or nothing where it left the file alone.

VACUUM writes the file anew beside it and then over it, under SQLite's journal: whoever is killed in between leaves the one or the other.
"""

import os
import shutil
import sqlite3
import sys

LEAST_FREE_BYTES = int(sys.argv[2])
LEAST_FREE_SHARE = 0.3


def main(path: str) -> None:
    with sqlite3.connect(path, timeout=5, isolation_level=None) as database:
        [page], [pages], [free] = (
            database.execute(f"PRAGMA {name}").fetchone() for name in ("page_size", "page_count", "freelist_count")
        )
        before, unused = page * pages, page * free
        if unused < LEAST_FREE_BYTES or unused < LEAST_FREE_SHARE * before:
            return
        # The new file, and what its journal has of the old one.
        if shutil.disk_usage(os.path.dirname(path)).free < 2 * (before - unused) + unused:
            sys.exit("there is too little free disk to write it anew")
        os.environ["SQLITE_TMPDIR"] = os.path.dirname(path)
        print("begun", before, unused, flush=True)
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    print("done", before, os.path.getsize(path), flush=True)


main(sys.argv[1])
