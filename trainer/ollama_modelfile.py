"""python -m trainer.ollama_modelfile MODEL_DIRECTORY FILE.gguf: writes the Modelfile by which Ollama runs the GGUF of a model, beside it. Prints what could not be made
equal to the model's own chat template, a sentence a line (docs/ollama.md). Exit codes: failures.py."""

import argparse
import sys
from pathlib import Path

from .platform import libraries
from .platform.failures import DONE, BadInput


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m trainer.ollama_modelfile", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("gguf", type=Path)
    arguments = parser.parse_args()
    libraries.prepare_for_tokenizers()
    from .outputs.modelfile import write_modelfile

    try:
        print("\n".join(write_modelfile(arguments.model, arguments.gguf.name, arguments.gguf.parent)))
    except BadInput as failure:
        print(failure, file=sys.stderr)
        return failure.code
    return DONE


if __name__ == "__main__":
    sys.exit(main())
