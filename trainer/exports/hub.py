"""A run's published model in a repository of a Hugging Face hub, with its card."""

import json
import re
from pathlib import Path

from ..runs.checkpoints import MANIFEST, sha256_of
from .making import Made, Making

CARD = "README.md"
_FRONT = re.compile(r"\A---\n(.*?\n)---\n", re.DOTALL)
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
# What a card says to whoever has the folder, of any version.
_FOLDER = 'folder = "."  # That of the model.'


def make(making: Making, wanted: dict) -> Made:
    """Pushes what the manifest names, and nothing that lies beside it: the report has held-out rows. `wanted`: repository, revision (the branch), private."""
    from huggingface_hub import constants, get_token

    from ..outputs.push import MAIN, Target, push

    making.require_published()
    making.tell("pushing")
    target = Target(wanted["repository"], wanted["revision"], wanted["private"], constants.ENDPOINT)
    folder = making.run.output_dir
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    files = {name: folder / name for name in sorted(manifest["files"])}
    # The default branch is the one that is loaded by the repository's name.
    source = target.repository if target.branch == MAIN else None
    files[CARD] = _written(making.folder / CARD, card_for_hub((folder / CARD).read_text(encoding="utf-8"), source))
    manifest["files"][CARD] = {"sha256": sha256_of(files[CARD]), "bytes": files[CARD].stat().st_size}
    files[MANIFEST] = _written(making.folder / MANIFEST, json.dumps(manifest, indent=2, sort_keys=True))
    pushed = push(files, target, get_token(), lambda part: making.tell("pushing", part))
    return Made(files=[], verification=None, warnings=[], pushed=vars(pushed))


def card_for_hub(text: str, source: str | None) -> str:
    """The card as a hub takes it, and loads the model from `source`, where one is named. A hub refuses datasets and base models that are no names of repositories:
    ours are files of this service, and stand in the text."""
    import yaml

    found = _FRONT.match(text)
    front = yaml.safe_load(found[1]) if found else {}
    front.pop("datasets", None)
    bases = front.get("base_model", [])
    if not all(_REPOSITORY.fullmatch(base) for base in (bases if isinstance(bases, list) else [bases])):
        del front["base_model"]
    body = text[found.end() :] if found else text
    if source:
        body = body.replace(_FOLDER, f"folder = {json.dumps(source)}")
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n{body}"


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
