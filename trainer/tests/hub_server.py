"""A hub on loopback that takes pushes, as Hugging Face's does: repositories, what is to be sent, LFS, and commits.

python -m trainer.tests.hub_server is one in a process of its own (tests/support/push-hub.ts): each line of its standard input sets some of its fields, as JSON, and is
answered with what it has.
"""

import base64
import contextlib
import hashlib
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

TOKEN, READER = "hf_writes", "hf_reads"


class Hub:
    """`repositories`: of each its commits, each a dict of contents by path; a branch other than main is one of its own, called ORG/NAME@BRANCH. `fails`: answers to give in place of others, by method and path;
    `before_commit` is called when a commit arrives. `most_objects`: it does not answer who sends more of them, until it may have more."""

    def __init__(self):
        self.repositories: dict[str, list[dict[str, bytes]]] = {}
        self.visibility: dict[str, str | None] = {}
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []
        # Of a commit that is looked at by its number.
        self.last_branch = ""
        self.fails: dict[str, int] = {}
        self.says = "no"
        self.before_commit = lambda: None
        self.most_objects = sys.maxsize
        self.turn = threading.Condition()
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
        status, said = (status, {"error": self.of.says}) if status else self._done(path, body)
        content = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status == 429:
            self.send_header("Retry-After", "7")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        # Who was killed meanwhile hears nothing.
        with contextlib.suppress(BrokenPipeError):
            self.wfile.write(content)

    def _done(self, path: str, body: bytes) -> tuple[int, dict]:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if path.startswith("/objects/"):
            digest = hashlib.sha256(body).hexdigest()
            with self.of.turn:
                self.of.turn.wait_for(lambda: len(self.of.objects) < self.of.most_objects)
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
            return self._looked_at(json.loads(body)["content"])
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/branch/([^/]+)", path):
            name = f"{found[1]}@{found[2]}"
            if name in self.of.repositories:
                return 409, {"error": "Reference already exists"}
            self.of.repositories[name] = self.of.repositories[found[1]][-1:]
            return 200, {}
        if re.fullmatch(r"/api/models/[^/]+/[^/]+/preupload/[^/]+", path):
            files = [{"path": each["path"], "uploadMode": "lfs" if is_lfs(each["path"]) else "regular", "shouldIgnore": False} for each in json.loads(body)["files"]]
            return 200, {"files": files}
        if re.fullmatch(r"/[^/]+/[^/]+\.git/info/lfs/objects/batch", path):
            objects = [{**each, **({} if each["oid"] in self.of.objects else {"actions": {"upload": {"href": f"{self.of.address}/objects/{each['oid']}"}}})} for each in json.loads(body)["objects"]]
            return 200, {"objects": objects, "transfer": "basic"}
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/([^/]+)", path):
            return self._committed(self._branch(found[1], found[2]), [json.loads(line) for line in body.splitlines()])
        if (found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/([^/]+)", path)) and found[1] in self.of.repositories:
            return self._state_of(found[1], found[2])
        return 404, {"error": "Repository not found"}

    def _branch(self, name: str, branch: str) -> str:
        return name if branch == "main" else f"{name}@{branch}"

    def _looked_at(self, card: str) -> tuple[int, dict]:
        """A hub takes names of repositories alone for what a model was made from, as this one says it."""
        front = yaml.safe_load(card.split("---\n")[1]) if card.startswith("---\n") else {}
        named = {"base_model": front.get("base_model", []), "datasets[0]": front.get("datasets", [])}
        wrong = [f'"{field}" with value "{value}" is not valid.' for field, values in named.items() for value in ([values] if isinstance(values, str) else values) if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", value)]
        return (400 if wrong else 200), {"error": " ".join(wrong), "errors": [{"message": each} for each in wrong], "warnings": []}

    def _state_of(self, name: str, revision: str) -> tuple[int, dict]:
        is_commit = len(revision) == 40
        commits = self.of.repositories[self.of.last_branch if is_commit else self._branch(name, revision)]
        number = int(revision) if is_commit else len(commits) - 1
        is_private = self.of.visibility.get(name) == "private"
        return 200, {"id": name, "private": is_private, "sha": f"{number:040d}", "siblings": [_sibling(*each) for each in commits[number].items()]}

    def _committed(self, name: str, lines: list[dict]) -> tuple[int, dict]:
        self.of.before_commit()
        commits, self.of.last_branch = self.of.repositories[name], name
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


def main() -> None:
    hub = Hub()
    print(json.dumps({"address": hub.address}), flush=True)
    for line in sys.stdin:
        with hub.turn:
            for name, value in json.loads(line).items():
                setattr(hub, name, value)
            hub.turn.notify_all()
        newest = {name: {path: hashlib.sha256(content).hexdigest() for path, content in commits[-1].items()} for name, commits in hub.repositories.items()}
        cards = {name: commits[-1].get("README.md", b"").decode() for name, commits in hub.repositories.items()}
        print(json.dumps({"newest": newest, "cards": cards, "visibility": hub.visibility, "asked": hub.asked}), flush=True)


if __name__ == "__main__":
    main()
