"""python -m trainer.import_gguf FILE --cache DIR --name ORG/NAME --sha256 HEX: makes a model of a Hugging Face cache directory from a
GGUF file, as Ollama's store has them. Its revision is the file's sha256."""

import argparse
import os
import sys
from pathlib import Path

from .base_models import model_cache
from .base_models.gguf_model import convert
from .platform.failures import BadInput
from .runs.checkpoints import sha256_of


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m trainer.import_gguf", description=__doc__)
    parser.add_argument("gguf", type=Path, metavar="FILE")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--sha256", required=True)
    chosen = parser.parse_args()
    os.environ.update(HF_HUB_OFFLINE="1", TQDM_DISABLE="1")
    folder = model_cache.folder_of(chosen.cache, chosen.name)
    if (folder / "snapshots" / chosen.sha256).is_dir():
        model_cache.make_main(folder, chosen.sha256)
    else:
        with model_cache.scratch_in(chosen.cache) as scratch:
            try:
                model_cache.put(made(chosen.gguf, chosen.sha256, scratch), folder, chosen.sha256)
            except BadInput as error:
                raise SystemExit(str(error)) from None
    print(chosen.name)


def made(gguf: Path, sha256: str, scratch: Path) -> Path:
    if sha256_of(gguf) != sha256:
        raise BadInput(f"{str(gguf)!r} is damaged: it has not the sha256 that its name says. Get it again, with `ollama pull`.")
    print(f"Converting {gguf} to safetensors ({gguf.stat().st_size / 1e9:.1f} GB; about half a minute for each 0.1).", file=sys.stderr, flush=True)
    # The library wants the ending, and looks for other files beside it.
    (scratch / "gguf").mkdir()
    named = scratch / "gguf" / "model.gguf"
    named.symlink_to(gguf.absolute())
    convert(named, scratch / "model")
    return scratch / "model"


if __name__ == "__main__":
    main()
