"""python -m trainer.tests.table [ARCHITECTURE ...]: the table of docs/models.md. Each architecture, tiny, with random weights, is trained, stopped, resumed, exported,
validated and loaded again, with adapters on 4 bits (qlora) and with all weights (standard)."""

import io
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from ..datasets.rows import read_conversations
from ..platform.failures import Stopped
from ..runs.run_file import read_run_file
from .architectures import ARCHITECTURES, Architecture, make
from .support import HYPERPARAMETERS, Recorder, few_words, stop_at, train_here, write_run_file

TYPES = ("qlora", "standard")
STEPS = 4
# Of logits, between the merged model in bf16 and its base with the adapter beside it: less than what the adapter changes, by which it would differ
# if it were missing, or in another place. (Experts are chosen by small differences.)
MOST_APART, CLOSE = 0.8, 1e-4


def main() -> None:
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    chosen = [each for each in ARCHITECTURES if each.model_type in sys.argv[1:] or len(sys.argv) == 1]
    print("| model_type | class | tensors in the files | qlora | standard |\n|---|---|---|---|---|")
    failed = 0
    for architecture in chosen:
        with tempfile.TemporaryDirectory() as folder:
            base = Path(folder) / "base"
            with redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
                make(architecture, base)
            found = [outcome(architecture, base, Path(folder), training_type) for training_type in TYPES]
            failed += sum(not each.startswith("yes") for each in found)
            print(f"| {' | '.join([f'`{architecture.model_type}`', *about(base), *found])} |", flush=True)
    if failed:
        sys.exit(f"{failed} of {len(chosen) * len(TYPES)} did not go all the way.")


def about(base: Path) -> list[str]:
    from transformers import AutoConfig

    from ..platform.safetensors_files import files_of, header_of

    return [f"`{AutoConfig.from_pretrained(base).architectures[0]}`", str(sum(len(header_of(file).tensors) for file in files_of(base)))]


def outcome(architecture: Architecture, base: Path, folder: Path, training_type: str) -> str:
    """"yes", or what went wrong."""
    try:
        return go_all_the_way(base, folder / training_type, training_type)
    except Exception as error:  # noqa: BLE001: it goes into the table.
        return f"no: {type(error).__name__}: {' '.join(str(error).split())[:160]}"


@few_words
def go_all_the_way(base: Path, folder: Path, training_type: str, in_16_bits: Path | None = None) -> str:
    """`in_16_bits`: of a base that is stored in fewer, the same model, in whose layout the export is to be."""
    from ..validation.validation import validate

    changes = {
        "training_type": training_type,
        "model": {"name": f"tiny/{base.name}", "path": str(base)},
        "hyperparameters": {**HYPERPARAMETERS, "max_steps": STEPS, "eval_steps": STEPS},
    }
    whole, resumed = _folder(folder / "whole"), _folder(folder / "resumed")
    result, events = train_here(whole, **changes)
    try:
        train_here(resumed, stop_at(2), **changes)
    except Stopped:
        pass
    again, _ = train_here(resumed, lease_epoch=2, **changes)
    if again["weights_sha256"] != result["weights_sha256"]:
        return "no: resumed, it ends with other weights"
    run = read_run_file(write_run_file(whole, **{**changes, "task": "validate"}))
    found = validate(run, read_conversations(run.held_out), Recorder())
    if not found["valid"]:
        return f"no: {found['summary']}"
    difference = compared(in_16_bits or base, whole / "output", training_type)
    steps = [event["loss"] for event in events.of("step")]
    if not steps[-1] < steps[0] + 0.2:
        return f"no: the loss went from {steps[0]:.2f} to {steps[-1]:.2f}"
    return "yes" if difference is None else f"no: {difference}"


def described(model: Path) -> dict[str, tuple]:
    """Name, type and shape of each tensor in the files."""
    from ..platform.safetensors_files import files_of, header_of

    return {name: (each.dtype, each.shape) for file in files_of(model) for name, each in header_of(file).tensors.items()}


def compared(base: Path, output: Path, training_type: str, is_untied: bool = False) -> str | None:
    """What is wrong with an export: its tensors and types are the base's, and with adapters it computes what base and adapter do."""
    import torch
    import transformers

    from ..base_models.adapters import add_trained_lora
    from ..base_models.models import load_model

    if not is_untied and described(base) != described(output):
        return "its files have other tensors than the base's"
    for path in sorted(base.iterdir()):
        is_changed = path.name in ("generation_config.json", "README.md", *(("config.json",) if is_untied else ()))
        is_read = path.suffix in (".json", ".jinja", ".model") and ".safetensors" not in path.name
        if is_read and not is_changed and path.read_bytes() != (output / path.name).read_bytes():
            return f"{path.name} is not the base's"
    if training_type == "standard":
        return None
    ids = torch.arange(3, 35).reshape(2, 16)
    # By the class that its files name, as others load it: to that the adapter's names have to fit.
    named = getattr(transformers, transformers.AutoConfig.from_pretrained(base).architectures[0])
    with torch.no_grad():
        merged = load_model(output, dtype=torch.float32).eval()(input_ids=ids).logits
        beside = add_trained_lora(named.from_pretrained(base, dtype=torch.float32), output / "adapter").eval()(input_ids=ids).logits
        alone = load_model(base, dtype=torch.float32).eval()(input_ids=ids).logits
    apart, learnt = (merged - beside).abs().max().item(), (alone - beside).abs().max().item()
    return None if apart < max(MOST_APART * learnt, CLOSE) else f"merged, its logits differ by {apart:.4f} from those of base and adapter ({learnt:.4f} were learnt)"


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


if __name__ == "__main__":
    main()
