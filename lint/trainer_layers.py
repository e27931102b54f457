"""python3 lint/trainer_layers.py, which `npm run lint` calls: holds the imports of trainer/ to its layers, those within functions included.

Needs nothing but Python: it runs before the trainer's environment is made. (import-linter, which knows layers, would have to be installed first.)
"""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

# The allowed arrows between the folders of trainer/, written down once. From top to bottom, each may use what stands below it; those of one line use
# nothing of each other. trainer/README.md says what each is for.
LAYERS = (
    ("tests",),
    ("entry points",),  # The files of trainer/ itself.
    ("retrieval", "exports", "trackers"),
    ("training", "validation", "serving"),
    ("evaluation", "outputs"),
    ("base_models",),
    ("runs",),
    ("tokens",),
    ("chats",),
    ("datasets",),
    ("platform", "bundle"),
)

ROOT = Path(__file__).resolve().parents[1]
HEIGHT = {folder: -line for line, folders in enumerate(LAYERS) for folder in folders}
# Of each file the name that it is imported by: of trainer/runs/__init__.py trainer.runs.
NAMES = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in sorted((ROOT / "trainer").rglob("*.py"))}


def imports(path: Path):
    """Line and name of each module of the trainer that a file imports, there or not."""
    parts = NAMES[path].split(".")
    package = parts if path.name == "__init__.py" else parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name.split(".")[0] == "trainer")
        elif isinstance(node, ast.ImportFrom) and (node.level or node.module.split(".")[0] == "trainer"):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            # From a folder come files: nothing else stands in its __init__.py.
            is_folder = Path(ROOT, *source.split(".")).is_dir()
            yield from ((node.lineno, f"{source}.{alias.name}" if is_folder else source) for alias in node.names)


def folder_of(name: str) -> str:
    folder = name.split(".")[1:2]
    return folder[0] if folder and Path(ROOT, "trainer", *folder).is_dir() else "entry points"


def problems():
    used: dict[str, set[str]] = {}
    for path, name in NAMES.items():
        used[name] = set()
        source = folder_of(name)
        if source not in HEIGHT:
            yield f"{path.relative_to(ROOT)}: the folder {source} is not among LAYERS in lint/trainer_layers.py. Say there what it may use."
            continue
        for line, target in dict.fromkeys(imports(path)):
            place, folder = f"{path.relative_to(ROOT)}:{line}", folder_of(target)
            if target not in NAMES.values():
                yield f"{place}: there is no {target}."
            elif folder != source and HEIGHT.get(folder, 0) >= HEIGHT[source]:
                yield f"{place}: {source} may not use {target}. It may use what stands below it in LAYERS of lint/trainer_layers.py."
            used[name].add(target)
    try:
        TopologicalSorter(used).prepare()
    except CycleError as error:
        yield f"A circle of files: {' -> '.join(reversed(error.args[1]))}. Move what both use into a file of its own."


found = list(problems())
print("\n".join(found) or f"The {len(NAMES)} files of trainer/ use what stands below them.", file=sys.stderr if found else sys.stdout)
sys.exit(1 if found else 0)
