"""python -m trainer.import_gguf FILE --cache DIR --name ORG/NAME --revision HASH: makes a model of a Hugging Face cache directory
from a GGUF file, as Ollama's store has them. The revision says which file it was."""

import argparse
import sys
import tempfile
from pathlib import Path

from .gguf_model import NotConvertible, convert


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m trainer.import_gguf", description=__doc__)
    parser.add_argument("gguf", type=Path, metavar="FILE")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--revision", required=True)
    chosen = parser.parse_args()
    folder = chosen.cache / ("models--" + chosen.name.replace("/", "--"))
    snapshot = folder / "snapshots" / chosen.revision
    if not snapshot.is_dir():
        chosen.cache.mkdir(parents=True, exist_ok=True)
        # Aside, and moved in whole: a cache never shows half a model.
        with tempfile.TemporaryDirectory(dir=chosen.cache, prefix=".importing-") as scratch:
            print(f"Converting {chosen.gguf} to safetensors.", file=sys.stderr, flush=True)
            try:
                convert(chosen.gguf, Path(scratch) / "model")
            except NotConvertible as error:
                raise SystemExit(str(error)) from None
            publish(Path(scratch) / "model", snapshot)
    reference = folder / "refs" / "main"
    reference.parent.mkdir(exist_ok=True)
    reference.write_text(chosen.revision, encoding="utf-8")
    print(chosen.name)


def publish(model: Path, snapshot: Path) -> None:
    snapshot.parent.mkdir(parents=True, exist_ok=True)
    try:
        model.rename(snapshot)
    except OSError:
        if not snapshot.is_dir():  # Another one, who was faster, made the same.
            raise


if __name__ == "__main__":
    main()
