"""What comes after the first step, tried before it: nobody waits for hours to learn that a run could not end well."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from ..evaluation.answer_loss import AnswerLoss
from ..base_models.language import language_prefix
from ..outputs.layout import plain
from ..platform.events import Events
from ..platform.failures import BadInput
from ..platform.room import in_gb, require_room
from ..platform.safetensors_files import files_of
from ..runs.checkpoints import KEEP
from ..runs.run_file import RunFile
from ..runs.whole_checkpoints import adapters_of
from ..tokens.batches import Rank, collate
from ..tokens.pairs import length_of
from .apart import require_apart
from .looking_back import refused_if_it_fails, require_looks_back
from .ways import MUON, ROUNDED, Ways

_LARGEST_CHECKPOINT_BYTES = 2 << 30  # A larger one is not written for a try: that there is room for it is known.
# Of an optimizer, for each weight; AdamW's two moments in fp32 otherwise. (Adafactor has a row and a column for a matrix: of adapters up to as much.)
_STATE_BYTES = {"adamw_8bit": 2, "paged_adamw_8bit": 2, ROUNDED: 4, MUON: 4, "lion_32bit": 4, "adafactor": 1}
_WITHOUT_EMBEDDINGS = ("adamw_8bit", "paged_adamw_8bit", MUON)  # These leave them to AdamW in fp32.
_ADAM_BYTES = 8
_TOLD_LAYERS = 5
_MOST_IN_16_BITS = 0.2


def rehearse_the_end(run: RunFile, model, loss: AnswerLoss, tokenizer, ways: Ways, events: Events) -> None:
    """That the model says one token after the other, now and when it is asked, what the weights take, that there is room for checkpoints and the model, and that the
    model can be written in its base's layout. Raises DiskFull or BadInput."""
    from ..outputs.merging import Trained

    require_looks_back(model)
    if run.hyperparameters.packing:
        require_apart(model, loss, ways.lean)
    require_generates(run, model, tokenizer)
    if told := not_loaded(model):
        events.send("log", level="warning", message=told)
    for told in (in_16_bits(model), computed_wrongly(model)) if run.trained_as == "qlora" else ():
        if told:
            events.send("log", level="warning", message=told)
    if run.is_merged:
        Trained(model, run.model_path, run.hyperparameters.seed).layout.require_like_the_files()
    checkpoint = checkpoint_bytes(model, ways.optimizer)
    # There are a few at a time, and one more while it is written.
    room = [(run.work_dir, (KEEP + 1) * checkpoint, f"{KEEP + 1} checkpoints of {in_gb(checkpoint)}")]
    if run.is_merged:
        room.append((run.output_dir, sum(file.stat().st_size for file in files_of(run.model_path)), "the model"))
    require_room(room)


def require_generates(run: RunFile, model, tokenizer) -> None:
    """Raises BadInput for a model that could be trained, and not be asked afterwards: two tokens, of which the second is said from what is kept of the first."""
    import torch

    from ..evaluation.generation import generate

    was_training = model.training
    model.eval()
    with torch.random.fork_rng(), refused_if_it_fails(model):
        generate(model, tokenizer, [tokenizer.eos_token], 2, run.hyperparameters)
    model.train(was_training)


def not_loaded(model) -> str | None:
    """What of the base's files the model has no place for. None: nothing."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    if not base.not_loaded:
        return None
    return (
        f"{len(base.not_loaded)} tensors of the base model's files have no place in a {type(base).__name__} as its config.json describes it, such as {base.not_loaded[0]}: "
        "they are not trained, and are exported as they are."
    )


def in_16_bits(model) -> str | None:
    """What of a model that is to be in 4 bits is not, and what its weights take therefore. None of one that is, but for embeddings and what is small."""
    base = model.get_base_model()
    beside = {id(each) for layer in (base.get_input_embeddings(), base.get_output_embeddings()) if layer is not None for each in layer.parameters()}
    # Where the embeddings or the output are trained whole, the ones that the model came with lie beside those.
    beside |= {id(layer.weight) for name, layer in base.named_modules() if name.endswith(".original_module") and hasattr(layer, "weight")}
    weights = [parameter for name, parameter in base.named_parameters() if ".lora_" not in name and id(parameter) not in beside]
    whole = sum(parameter.numel() for parameter in weights if getattr(parameter, "quant_state", None) is None and parameter.ndim > 1)
    counts = sum(2 * parameter.numel() if getattr(parameter, "quant_state", None) else parameter.numel() for parameter in weights)
    if whole <= _MOST_IN_16_BITS * counts:
        return None
    taken = sum(parameter.nbytes for parameter in base.parameters())
    return (
        f"{whole / counts:.0%} of the weights stay in 16 bits or more: bitsandbytes puts linear layers into 4 bits, and not the experts of a mixture, which are one tensor, nor what a model has "
        f"in place of a linear layer. The weights take {in_gb(taken)}. Where that does not fit, take a dense model."
    )


def computed_wrongly(model) -> str | None:
    """Layers in 4 bits that bitsandbytes computes with other numbers than it stores, as on CPUs with AVX512 where a row ends within a block
    (findings/bitsandbytes-takes-every-row-for-the-beginning-of-a-block.sh). None: there are none."""
    import torch
    from bitsandbytes.functional import dequantize_4bit

    from ..base_models.dequantising import from_4_bits

    base = model.get_base_model()
    prefix = language_prefix(base)
    states = [(name, parameter, getattr(parameter, "quant_state", None)) for name, parameter in base.named_parameters() if name.startswith(prefix)]
    cut = [(name, parameter, state) for name, parameter, state in states if state and state.shape[-1] % state.blocksize]
    wrong = [plain(name) for name, parameter, state in cut if not torch.equal(dequantize_4bit(parameter.data, state), from_4_bits(parameter.data, state))]
    if not wrong:
        return None
    return (
        f"{len(wrong)} layers in 4 bits are computed wrongly by bitsandbytes on this processor, since their width is no multiple of its blocks, so the adapters learn beside other weights than they are merged into: "
        f"{', '.join(wrong[:_TOLD_LAYERS])}{' …' if len(wrong) > _TOLD_LAYERS else ''}. Train with lora in place of qlora, or on a GPU."
    )


def checkpoint_bytes(model, optimizer: str) -> int:
    trained = adapters_of(model).values() if hasattr(model, "peft_config") else (parameter for parameter in model.parameters() if parameter.requires_grad)
    return sum(parameter.nbytes for parameter in trained) + state_bytes(model, optimizer)


def held_bytes(run: RunFile, model, optimizer: str) -> int:
    """What one process keeps of that."""
    return state_bytes(model, optimizer) // (run.processes if run.hyperparameters.is_sharded else 1)


def state_bytes(model, optimizer: str) -> int:
    """What an optimizer keeps of all that is trained."""
    embeddings = model.get_input_embeddings().weight if optimizer in _WITHOUT_EMBEDDINGS else None
    bytes_of = lambda parameter: _ADAM_BYTES if parameter is embeddings else _STATE_BYTES.get(optimizer, _ADAM_BYTES)  # noqa: E731
    return sum(parameter.numel() * bytes_of(parameter) for parameter in model.parameters() if parameter.requires_grad)


def rehearsal(run: RunFile, trainer, rows: list[dict], rank: Rank, optimizer: str, events: Events):
    """The callback that tries the files of the export, the longest batch and a checkpoint when all is ready for the first step. It changes nothing that is trained."""
    from transformers import TrainerCallback

    from ..outputs.export import require_exportable

    class Rehearsal(TrainerCallback):
        def on_train_begin(self, args, state, control, **_):
            require_exportable(run, trainer.model, trainer.processing_class)
            idle = try_longest_batch(trainer, rows, rank, run.hyperparameters.batch_size, held_bytes(run, trainer.model, optimizer))
            if idle:
                message = f"{len(idle)} adapters have no effect on the loss, so they will not learn: {', '.join(idle[:_TOLD_LAYERS])}{' …' if len(idle) > _TOLD_LAYERS else ''}."
                events.send("log", level="warning", message=message)
            if checkpoint_bytes(trainer.model, optimizer) <= _LARGEST_CHECKPOINT_BYTES:
                try_checkpoint(run, trainer, events)

    return Rehearsal()


def rehearsed_beside(run: RunFile, trainer, rows: list[dict], rank: Rank, optimizer: str):
    """The callback of the other processes of a sharded model, without which rank 0 could try neither the longest batch nor a checkpoint."""
    from transformers import TrainerCallback

    class RehearsedBeside(TrainerCallback):
        def on_train_begin(self, args, state, control, **_):
            try_longest_batch(trainer, rows, rank, run.hyperparameters.batch_size, held_bytes(run, trainer.model, optimizer))
            if checkpoint_bytes(trainer.model, optimizer) <= _LARGEST_CHECKPOINT_BYTES:
                trainer.save_model(str(run.work_dir / "rehearsal"))

    return RehearsedBeside()


def try_longest_batch(trainer, rows: list[dict], rank: Rank, batch_size: int, kept_bytes: int) -> list[str]:
    """Forward and backward, with as much memory as the optimizer is going to take. Returns the adapters that got no gradient."""
    import torch

    model = trainer.model
    longest = max(rows, key=length_of)
    # Of rows that are packed, no sequence has more tokens than this.
    batch = collate(trainer.processing_class.pad_token_id, rank)([longest] * batch_size)
    # Dropout draws the same numbers afterwards as if nothing had been. The optimizer's memory is there from the first step on.
    with torch.random.fork_rng(), refused_if_it_fails(model, alone=rank.count == 1):
        held = torch.empty(kept_bytes, dtype=torch.uint8, device="cuda") if torch.cuda.is_available() else None
        model.train()
        inputs = trainer._prepare_inputs(batch)
        items = inputs["pairs"] if trainer.preference else (inputs["labels"] != -100).sum()
        with trainer.compute_loss_context_manager():
            loss = trainer.compute_loss(model, inputs, num_items_in_batch=items)
        trainer.accelerator.backward(loss)
        del held, loss, inputs
    idle = list(_without_gradient(model))
    model.zero_grad(set_to_none=True)
    return idle


def _without_gradient(model) -> Iterator[str]:
    """Adapters whose second matrix, which begins as zero, has nothing to learn from."""
    for name, parameter in model.named_parameters():
        if ".lora_B." in name and parameter.requires_grad and (parameter.grad is None or not parameter.grad.any()):
            yield name.partition(".lora_B.")[0].removeprefix("base_model.model.")


def try_checkpoint(run: RunFile, trainer, events: Events) -> None:
    run.places.require()
    folder = run.work_dir / "rehearsal"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        trainer.save_model(str(folder))
        lost = _not_read_by_peft(trainer.model, folder) if run.has_adapter else []
    except (RuntimeError, ValueError) as error:
        raise BadInput(f"A checkpoint of this model cannot be saved: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not lost:
        return
    told = f"peft does not read the adapters of {len(lost)} layers of this model back from their file ({', '.join(lost[:_TOLD_LAYERS])}{' …' if len(lost) > _TOLD_LAYERS else ''})"
    if not run.is_merged:
        raise BadInput(f"{told}, and hyperparameters.merge is false, so that nothing else would hold what they learn. Set it to true, or name other layers in hyperparameters.lora_target_modules.")
    events.send("log", level="warning", message=f"{told}. The merged model has what they learn; do not load adapter/ in its place.")


def _not_read_by_peft(model, folder: Path) -> list[str]:
    """Names of layers whose adapters stay as they are where peft loads them. What it loads is what is there already."""
    from peft import set_peft_model_state_dict
    from peft.utils.save_and_load import load_peft_weights

    missing = set_peft_model_state_dict(model, load_peft_weights(str(folder), device="cpu"), "default").missing_keys
    return sorted({name.partition(".lora_")[0].removeprefix("base_model.model.") for name in missing if ".lora_" in name})
