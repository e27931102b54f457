"""From a run file to a bundle that answers questions: chunks, an embedding of each, checkpoints, export. The type rag."""

import math
import time
from collections import deque
from functools import partial
from pathlib import Path

from ..base_models.file_facts import KnownModel
from ..bundle.contents import content_of
from ..bundle.fingerprint import fingerprint_of
from ..datasets.rows import Conversation
from ..platform.device import require_given_gpus
from ..platform.events import Events
from ..platform.failures import BadInput, Stopped, first_line
from ..platform.places import Places
from ..platform.supervision import Commands
from ..runs.checkpoints import newest_complete, publish, sha256_of, whole_or_none
from ..runs.going_on import require_same_model
from ..runs.run_file import RunFile
from ..runs.saving import SavePlan, Saver
from ..training.training import identity_of
from .closeness import least_cosine
from .exporting import EMBEDDINGS, export_bundle
from .passages import Chunking, chunk_all


def index(run: RunFile, conversations: list[Conversation], held_out: list[Conversation], events: Events, commands: Commands) -> dict:
    """Embeds every chunk, going on from the newest complete checkpoint, and exports. Returns the result of `done`.

    Held-out rows are findable like all others: what is held out is their questions, which no bundle needs.
    Raises Stopped after a stop command, once the checkpoint is durable.
    """
    root = run.work_dir / "checkpoints"
    with events.spans.of("data"):
        identity = {**identity_of(run, sha256_of(run.train)), "held_out_sha256": sha256_of(run.held_out) if run.held_out else None}
    with events.spans.of("fingerprint"):
        fingerprint = KnownModel(run.cache_dir, run.embedder_path).once("fingerprint", lambda: fingerprint_of(run.embedder_path))
    with events.spans.of("checkpoint"):
        resume = newest_complete(root, run.lease_epoch, identity, run.known_checkpoint_step, events)
    if resume:
        require_same_model(resume, fingerprint, run.embedder_name, run.embedder_path)
    # From here on an earlier claim publishes nothing any more: it looks for this folder before it does.
    directory = root / f"e{run.lease_epoch}"
    directory.mkdir(parents=True, exist_ok=True)

    events.send("phase", phase="loading_model", message=None)
    import numpy as np

    threads = resume.threads if resume else run.threads
    from ..base_models.models import require_numbers

    if resume is None:
        with events.spans.of("numbers"):
            for path in {run.embedder_path, run.model_path}:
                KnownModel(run.cache_dir, path).once("has numbers alone", lambda path=path: require_numbers(path))
    with events.spans.of("model"):
        embedder = load_embedder(run, threads)
    if run.answers:
        require_answers(run)
    # One that began when texts were indexed without their questions ends so.
    chunking = chunking_of(run, embedder, with_questions=resume is None or resume.manifest.get("with_questions", False))
    with events.spans.of("chunks"):
        chunks, again = chunk_all(embedder.tokenizer, [*conversations, *held_out], chunking)
    if not chunks:
        raise BadInput("No row of the data has a text or an answer. Check the data's mapping.")
    lengths = [len(ids) for ids in embedder.tokenizer([content_of(chunk) for chunk in chunks], verbose=False)["input_ids"]]
    # Chunks of like length together, so that little is computed on padding; the same order whenever it is made.
    order = sorted(range(len(chunks)), key=lambda number: lengths[number])
    hyper = run.hyperparameters
    per_step = hyper.batch_size * hyper.gradient_accumulation
    total_steps = math.ceil(len(order) / per_step)
    parameters = sum(parameter.numel() for parameter in embedder.model.parameters())
    events.send(
        "plan",
        total_steps=total_steps,
        steps_per_epoch=total_steps,
        rows=len(conversations) + len(held_out),
        examples=len(chunks),
        truncated_rows=0,
        dropped_rows=0,
        skipped_rows=0,
        tokens=sum(lengths),
        tokens_by_dataset=_by_dataset(chunks, lengths),
        trainable_parameters=0,
        total_parameters=parameters,
        device=embedder.device,
    )

    if again:
        events.send("log", level="info", message=f"{again} chunks have the text of another one; each text is indexed once.")
    done = []
    if resume:
        done = [np.load(resume.path / EMBEDDINGS, allow_pickle=False)]
        events.send("resumed", step=resume.step, lease_epoch=resume.lease_epoch, path=str(resume.path))
    facts = {**identity, "model_fingerprint": fingerprint, "with_questions": chunking.with_questions, "threads": threads, "lease_epoch": run.lease_epoch}
    saver = Saver()
    saver.plan = SavePlan(hyper.save_steps, run.save_share)
    tokens = sum(lengths[number] for number in order[: (resume.step if resume else 0) * per_step])
    recent = deque([(time.monotonic(), tokens)], maxlen=20)
    events.send("phase", phase="training", message=None)
    with saver:
        for step in range((resume.step if resume else 0) + 1, total_steps + 1):
            of_step = order[(step - 1) * per_step : step * per_step]
            for start in range(0, len(of_step), hyper.batch_size):
                done.append(embedder.embed([content_of(chunks[number]) for number in of_step[start : start + hyper.batch_size]]))
            tokens += sum(lengths[number] for number in of_step)
            recent.append((time.monotonic(), tokens))
            tokens_per_s = (tokens - recent[0][1]) / max(recent[-1][0] - recent[0][0], 1e-6)
            events.spans.tell(events)
            events.send(
                "step",
                step=step,
                total_steps=total_steps,
                epoch=step / total_steps,
                loss=None,
                learning_rate=None,
                grad_norm=None,
                tokens=tokens,
                tokens_per_s=tokens_per_s,
                seconds_left=(sum(lengths) - tokens) / max(tokens_per_s, 1e-6),
            )
            saver.look()
            stop = commands.stop.is_set()
            if stop or commands.checkpoint.is_set() or step == total_steps or saver.plan.due(step):
                commands.checkpoint.clear()
                since = time.monotonic()
                done = [np.concatenate(done)]
                run.places.require()
                saved = {**facts, "step": step, "epoch": step / total_steps}
                save = partial(_save, directory / f"checkpoint-{step}", run.places, done[0], root, saved, commands, events, since)
                if stop or step == total_steps:
                    saver.at_once(save, since)
                else:
                    saver.behind(save, since)
            if stop and step < total_steps:
                raise Stopped()

    events.send("phase", phase="exporting", message=None)
    embeddings = np.empty_like(done[0])
    embeddings[order] = done[0]
    with run.places.fresh(run.output_dir) as output:
        least = least_cosine(embedder, conversations, chunking, hyper.batch_size) if run.answers else None
        files = export_bundle(run, output, embedder, chunks, embeddings, least, chunking.with_questions)
    return {
        "final_step": total_steps,
        "total_steps": total_steps,
        "train_loss": None,
        "weights_sha256": sha256_of(run.output_dir / EMBEDDINGS),
        "files": files,
    }


def load_embedder(run: RunFile, threads: int):
    import torch

    from ..bundle.embedding import Embedder

    require_given_gpus()
    torch.set_num_threads(threads)
    try:
        return Embedder(run.embedder_path)
    except (OSError, ValueError, KeyError) as error:
        remedy = "" if run.answers else " To let it answer from an index, name one as embedding_model."
        raise BadInput(f"The model {run.embedder_name} makes no embeddings: {first_line(error)}{remedy}") from error


def require_answers(run: RunFile) -> None:
    """Raises BadInput, before anything is embedded, where the model that is to answer writes no text or has no tokenizer."""
    from ..base_models.models import config_of, load_tokenizer
    from ..base_models.quantization import require_loaded_by_transformers
    from ..bundle.answering import require_text_model
    from ..bundle.embedding import writes_text

    if not writes_text(run.model_path):
        raise BadInput(f"The model {run.model_name} writes no text, so it cannot answer. Name one that does, or leave embedding_model out and make the index with this one.")
    load_tokenizer(run.model_path)
    require_loaded_by_transformers(run.model_path)
    try:
        require_text_model(config_of(run.model_path), run.model_path)
    except ValueError as error:
        raise BadInput(f"The model {run.model_name} cannot answer: {first_line(error)}") from error


def chunking_of(run: RunFile, embedder, with_questions: bool) -> Chunking:
    """Raises BadInput where the model does not read so many tokens."""
    hyper = run.hyperparameters
    most = embedder.most_tokens - embedder.tokenizer.num_special_tokens_to_add() - len(embedder.tokenizer(embedder.prompts["document"], add_special_tokens=False)["input_ids"])
    if hyper.chunk_tokens > most:
        raise BadInput(f"hyperparameters.chunk_tokens is {hyper.chunk_tokens}; {run.embedder_name} reads at most {most} tokens of a chunk. Lower it.")
    return Chunking(hyper.chunk_tokens, hyper.chunk_overlap, with_questions)


def _by_dataset(chunks: list[dict], lengths: list[int]) -> list[dict]:
    tokens: dict[int, int] = {}
    for chunk, length in zip(chunks, lengths):
        if chunk["dataset_id"] is not None:
            tokens[chunk["dataset_id"]] = tokens.get(chunk["dataset_id"], 0) + length
    return [{"dataset_id": dataset, "tokens": count} for dataset, count in tokens.items()]


def _save(path: Path, places: Places, embeddings, root: Path, facts: dict, commands: Commands, events: Events, since: float, waited: float | None) -> None:
    import numpy as np

    with whole_or_none(path, places):
        path.mkdir()
        np.save(path / EMBEDDINGS, embeddings)
        publish(path, root, facts, commands, events, since, waited)
