"""Which model a directory holds, whatever it is called. Needs nothing; a copy of this file lies in each bundle."""

import hashlib
import json
from pathlib import Path

_SAMPLE_BYTES = 256


def fingerprint_of(model: Path) -> str:
    """A hash of config.json, and of each file of weights its header, its size, and the first bytes of each tensor: of another model, or
    another training of it, all are others, and no more than that is read of files of many gigabytes."""
    digest = hashlib.sha256()
    for path in sorted([*model.glob("*.safetensors"), *model.glob("config.json")]):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        if path.suffix == ".json":
            digest.update(hashlib.sha256(path.read_bytes()).hexdigest().encode())
            continue
        with path.open("rb") as file:
            size = file.read(8)
            # A header may lie about its length, which shows when the model is loaded.
            header = file.read(min(int.from_bytes(size, "little"), path.stat().st_size))
            digest.update(size + header)
            for offset in _tensors(header):
                file.seek(len(size) + len(header) + offset)
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def _tensors(header: bytes) -> list[int]:
    """Where each tensor begins; none of a header that is none."""
    try:
        return sorted(tensor["data_offsets"][0] for name, tensor in json.loads(header).items() if name != "__metadata__")
    except (ValueError, AttributeError, KeyError, TypeError, IndexError):
        return []
