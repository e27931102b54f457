#!/usr/bin/env bash
# huggingface_hub 2.4.0: hf_hub_download of a file of which a killed process had fetched a half.
#
# Guess: it goes on with a Range request, as its versions before 1.0 did and as its documentation of the cache (`.incomplete` files) suggests.
# Behaviour: each process fetches to a name of its own, so the next one begins at byte 0, and the half stays in the cache for ever: also
# when the file has come in since.
#
# Output seen:
#   the first process asked for: all of it, and was killed at 4194304 of 8388608 bytes
#   the second process asked for: all of it
#   left in the cache: 1 file of 4194304 bytes, beside the one of 8388608
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check huggingface_hub==2.4.0
cat > look.py <<'PY'
import hashlib
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SIZE, HALF = 8 * 2**20, 4 * 2**20
CONTENT = bytes(range(256)) * (SIZE // 256)
HASH, COMMIT = hashlib.sha256(CONTENT).hexdigest(), "1" * 40
NAME = "model.safetensors"
asked: list[str] = []
half_is_sent, go_on = threading.Event(), threading.Event()


class Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        begin = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.send_response(206 if begin else 200)
        for name, value in {"X-Repo-Commit": COMMIT, "ETag": f'"{HASH}"', "Content-Length": str(SIZE - begin), "Accept-Ranges": "bytes"}.items():
            self.send_header(name, value)
        self.end_headers()
        return begin

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        if not self.path.endswith(NAME):  # It asks for more than the file.
            self.send_error(404)
            return
        asked.append(self.headers.get("Range") or "all of it")
        begin = self.answer()
        self.wfile.write(CONTENT[begin:HALF])
        if len(asked) == 1:
            half_is_sent.set()
            go_on.wait()
            self.close_connection = True
            return
        self.wfile.write(CONTENT[max(begin, HALF) :])

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=server.serve_forever, daemon=True).start()
FETCH = f"""
import huggingface_hub.file_download as f
f.constants.DOWNLOAD_CHUNK_SIZE = {2**20}  # Else it holds back up to 10 MiB, and the file would be empty.
f.hf_hub_download('org/model', '{NAME}', cache_dir='cache')
"""
environment = {**os.environ, "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


BLOBS = Path("cache/models--org--model/blobs")


def parts() -> list[int]:
    return [path.stat().st_size for path in BLOBS.glob("*.incomplete")]


first = subprocess.Popen([sys.executable, "-c", FETCH], env=environment)
half_is_sent.wait(60)
while parts() != [HALF]:
    assert first.poll() is None
first.send_signal(signal.SIGKILL)
first.wait()
go_on.set()
print(f"the first process asked for: {asked[0]}, and was killed at {HALF} of {SIZE} bytes")
subprocess.run([sys.executable, "-c", FETCH], env=environment, check=True)
print(f"the second process asked for: {asked[1]}")
left, whole = parts(), (BLOBS / HASH).stat().st_size
print(f"left in the cache: {len(left)} file of {left[0] if left else 0} bytes, beside the one of {whole}")
assert asked[1:] == ["all of it"] and left == [HALF] and whole == SIZE, asked
PY
python/bin/python look.py
