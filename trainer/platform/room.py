"""Whether the disk has room for what is going to be written, before it is begun."""

import shutil
from pathlib import Path

from .failures import DiskFull


def require_room(written: list[tuple[Path, int, str]]) -> None:
    """`written`: (where, bytes, what it is). Raises DiskFull where a disk has no room for all that is to lie on it."""
    of_disk: dict[int, tuple[Path, list[tuple[int, str]]]] = {}
    for path, size, what in written:
        folder = next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
        of_disk.setdefault(folder.stat().st_dev, (folder, []))[1].append((size, what))
    for folder, parts in of_disk.values():
        needed, free = sum(size for size, _ in parts), shutil.disk_usage(folder).free
        if free < needed:
            raise DiskFull(
                f"This run needs about {in_gb(needed)} on the disk of {folder} ({', '.join(what for _, what in parts)}), and {in_gb(free)} are free. "
                "Make room: the run goes on by itself once there is some."
            )


def in_gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB"
