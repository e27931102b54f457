"""A hub on loopback that takes pushes, as Hugging Face's does: repositories, what is to be sent, LFS, and commits."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN, READER = "hf_writes", "hf_reads"


class Hub:
    """`repositories`: of each its commits, each a dict of contents by path. `fails`: answers to give in place of others, by method and path;
    `before_commit` is called when a commit arrives."""

    def __init__(self):
        self.repositories: dict[str, list[dict[str, bytes]]] = {}
        self.visibility: dict[str, str | None] = {}
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.fails: dict[str, int] = {}
        self.before_commit = lambda: None
        hub = self

        class Handler(_Handler):
            of = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def is_lfs(path: str) -> bool:
    return path.endswith((".safetensors", ".gguf"))


class _Handler(BaseHTTPRequestHandler):
    of: Hub

    def log_message(self, *_given) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        self.of.asked.append(f"{self.command} {path}")
        status = next((status for begin, status in self.of.fails.items() if f"{self.command} {path}".startswith(begin)), None)
        status, said = (status, {"error": "no"}) if status else self._done(path, body)
        content = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _done(self, path: str, body: bytes) -> tuple[int, dict]:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if path.startswith("/objects/"):
            digest = hashlib.sha256(body).hexdigest()
            self.of.objects[digest] = body
            return (200, {}) if path.endswith(digest) else (400, {})
        if token not in (TOKEN, READER):
            return 401, {"error": "Invalid credentials"}
        if self.command == "POST" and token == READER:
            return 403, {"error": "Forbidden"}
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            if name in self.of.repositories:
                return 409, {"error": "You already created this model repo", "url": f"{self.of.address}/{name}"}
            self.of.repositories[name], self.of.visibility[name] = [{".gitattributes": b"*.safetensors filter=lfs\n"}], asked.get("visibility")
            return 200, {"url": f"{self.of.address}/{name}"}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", path):
            files = [{"path": each["path"], "uploadMode": "lfs" if is_lfs(each["path"]) else "regular", "shouldIgnore": False} for each in json.loads(body)["files"]]
            return 200, {"files": files}
        if re.fullmatch(r"/[^/]+/[^/]+\.git/info/lfs/objects/batch", path):
            objects = [{**each, **({} if each["oid"] in self.of.objects else {"actions": {"upload": {"href": f"{self.of.address}/objects/{each['oid']}"}}})} for each in json.loads(body)["objects"]]
            return 200, {"objects": objects, "transfer": "basic"}
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", path):
            return self._committed(found[1], [json.loads(line) for line in body.splitlines()])
        if (found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(\d+))?", path)) and found[1] in self.of.repositories:
            commits = self.of.repositories[found[1]]
            number = int(found[2]) if found[2] else len(commits) - 1
            return 200, {"id": found[1], "private": self.of.visibility.get(found[1]) == "private", "sha": f"{number:040d}", "siblings": [_sibling(*each) for each in commits[number].items()]}
        return 404, {"error": "Repository not found"}

    def _committed(self, name: str, lines: list[dict]) -> tuple[int, dict]:
        self.of.before_commit()
        commits = self.of.repositories[name]
        if lines[0]["value"].get("parentCommit") not in (None, f"{len(commits) - 1:040d}"):
            return 412, {"error": "A commit has happened since. Please refresh and try again."}
        files = dict(commits[-1])
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.of.objects[value["oid"]]
            else:
                del files[value["path"]]
        commits.append(files)
        return 200, {"commitUrl": f"{self.of.address}/{name}/commit/{len(commits) - 1:040d}", "commitOid": f"{len(commits) - 1:040d}"}


def _sibling(path: str, content: bytes) -> dict:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    lfs = {"lfs": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}} if is_lfs(path) else {}
    return {"rfilename": path, "size": len(content), "blobId": blob, **lfs}
