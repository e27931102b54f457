"""Fetches files of a hub to this disk: goes on at the byte where it stopped, and believes nothing whose hash is not the hub's.

`hf_hub_download` is not used: since 1.0 it fetches to a file of a name that no other process finds, and removes it when it fails, so nothing resumes;
it checks no hashes; what it fetches by xet has no byte at which to go on. `http_get` keeps up to 10 MiB in memory, which a kill or a torn connection loses.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import constants, get_hf_file_metadata, get_session, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

from ..platform.failures import BadInput
from .hub import HubAway, HubFile, Offer, away, in_words

# What is on the disk for certain is at most so much behind what was fetched. A kill of processes loses nothing, a loss of power no more than this.
FLUSH_BYTES = 16 * 2**20
_READ_BYTES = 2**20


def hash_of(path: Path, file: HubFile) -> str:
    """As the hub has it of this file: SHA-256, or what git calls a blob of this content."""
    digest = hashlib.sha256()
    if len(file.hash) == 40:
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as content:
        while chunk := content.read(_READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def is_right(path: Path, file: HubFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size and hash_of(path, file) == file.hash


def fetch(offer: Offer, file: HubFile, target: Path, told: Callable[[int], None]) -> None:
    """Puts a file at `target`, whole and right. `told`: gets how many bytes of it are there. Raises BadInput where it is wrong again when fetched anew."""
    part = target.with_name(f"{target.name}.part")
    wrong = []
    while len(wrong) < 2:
        _fetch_rest(offer, file, part, told)
        if is_right(part, file):
            part.rename(target)
            return
        wrong.append(f"{part.stat().st_size} bytes with {hash_of(part, file)}")
        part.unlink()
        told(0)
    raise BadInput(
        f"{file.name} of {offer.name} is not what the hub says: it is to be {file.size} bytes with the hash {file.hash}, and came twice otherwise "
        f"({', then '.join(wrong)}). Whoever keeps the hub, or the mirror in HF_ENDPOINT, has to look at it; resume the download then."
    )


def _fetch_rest(offer: Offer, file: HubFile, part: Path, told: Callable[[int], None]) -> None:
    # Unbuffered: what was received is the kernel's, and stays when this process is killed.
    with part.open("ab", buffering=0) as output:
        if output.tell() > file.size:
            output.truncate(0)
        if output.tell() == file.size:
            return
        flushed = output.tell()
        try:
            for chunk in _chunks_of(offer, file, output):
                rest = memoryview(chunk)
                while rest:  # A write may take a part alone.
                    rest = rest[output.write(rest) :]
                told(output.tell())
                if output.tell() > file.size:
                    return
                if output.tell() - flushed >= FLUSH_BYTES:
                    os.fsync(output.fileno())
                    flushed = output.tell()
        finally:
            os.fsync(output.fileno())
        if output.tell() < file.size:
            raise HubAway(f"The hub ended {file.name} after {output.tell()} of {file.size} bytes.")


def _chunks_of(offer: Offer, file: HubFile, output):
    """What `output` lacks of a file, as it comes. Where the server knows no ranges, `output` is emptied and all of it comes."""
    headers = build_hf_headers()
    # Compressed, it would have other bytes than those that ranges count.
    headers["Accept-Encoding"] = "identity"
    url = hf_hub_url(offer.name, file.name, revision=offer.commit)
    with in_words(offer.name, offer.commit):
        location = get_hf_file_metadata(url, headers=headers).location
    is_hub = _origin(location) == _origin(url)
    if not is_hub:
        # The token is the hub's alone, and a signed address needs none.
        headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
    if output.tell() > 0:
        headers["Range"] = f"bytes={output.tell()}-"
    host = urlsplit(location).netloc.rpartition("@")[2]
    try:
        with get_session().stream("GET", location, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT) as response:
            with in_words(offer.name, offer.commit) if is_hub else _elsewhere(host):
                hf_raise_for_status(response)
            if output.tell() > 0 and response.status_code != 206:
                output.truncate(0)
            yield from response.iter_raw()
    except httpx2.HTTPError as error:
        raise away(host, error) from None


@contextlib.contextmanager
def _elsewhere(host: str):
    """Another host says no to an address that the hub gave: such run out, and the hub gives another one."""
    try:
        yield
    except HfHubHTTPError as error:
        raise HubAway(f"{host}, to which the hub leads, answers with HTTP {error.response.status_code}.") from None


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)
