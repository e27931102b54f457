#!/usr/bin/env bash
# safetensors 0.8.0: save_file, with a umask of 022, to a new name, to a file that others may write, and to a link.
#
# Guess: a file is written as open() writes it: a new one with the mode that the umask leaves (0644), an existing one keeps its mode, and a link is followed.
# Behaviour: each of them is a new file of mode 0600, which takes the place of what was there: whoever shares a model or a checkpoint by a group cannot read
# it, an existing file loses its mode, and a link becomes a file beside what it led to. (It is written under another name and renamed.) The bytes of save(),
# written by open(), have the usual mode.
#
# Output seen:
#   a new file: 0600
#   the bytes of save(): 0644
#   a file of mode 0664, written again: 0600
#   a link: is none any more, 0600; what it led to holds its old tensor
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet safetensors==0.8.0 numpy==2.4.6
cat > look.py <<'PY'
import os
import stat
from pathlib import Path

import numpy
from safetensors.numpy import load_file, save, save_file

os.umask(0o022)
zeros, ones = ({"weight": numpy.full(3, value, "float32")} for value in (0, 1))


def mode(name):
    return f"{stat.S_IMODE(Path(name).stat().st_mode):04o}"


save_file(zeros, "new")
Path("bytes").write_bytes(save(zeros))
Path("shared").touch()
Path("shared").chmod(0o664)
save_file(zeros, "shared")
Path("link").symlink_to("bytes")
save_file(ones, "link")
kept = load_file("bytes")["weight"].tolist() == [0, 0, 0]
print(f"a new file: {mode('new')}")
print(f"the bytes of save(): {mode('bytes')}")
print(f"a file of mode 0664, written again: {mode('shared')}")
print(f"a link: {'is one' if Path('link').is_symlink() else 'is none any more'}, {mode('link')}; what it led to {'holds its old tensor' if kept else 'was written'}")
assert [mode(name) for name in ("new", "bytes", "shared", "link")] == ["0600", "0644", "0600", "0600"]
assert kept and not Path("link").is_symlink()
PY
python/bin/python look.py
