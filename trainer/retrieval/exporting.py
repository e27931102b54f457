"""Writes what an index is asked with: its chunks and embeddings, the programs that read them, and what they need to know."""

import json
import shutil
from pathlib import Path

from ..bundle.fingerprint import fingerprint_of
from ..outputs.card import model_card
from ..runs.checkpoints import sha256_of, write_manifest
from ..runs.run_file import RunFile

FORMAT_VERSION = 1
EMBEDDINGS = "embeddings.npy"
CHUNKS = "chunks.jsonl"
# What a bundle is asked with, here (trainer/bundle/) as there.
_HERE = Path(__file__).parents[1] / "bundle"
QUERY = "query.py"
SCRIPTS = (QUERY, "chunks.py", "contents.py", "embedding.py", "text_models.json", "lexical.py", "answering.py", "prompts.py", "evidence.py", "fingerprint.py")


def _named(name: str, path: Path) -> dict:
    # A snapshot of the Hugging Face cache is named after its revision.
    return {"name": name, "revision": path.name if path.parent.name == "snapshots" else None, "fingerprint": fingerprint_of(path)}


def export_bundle(run: RunFile, output: Path, embedder, chunks: list[dict], embeddings, least: float | None, with_questions: bool) -> list[dict]:
    """Writes a bundle into `output`. `least`: see closeness.py. Returns its files."""
    import numpy as np

    with (output / CHUNKS).open("w", encoding="utf-8") as file:
        for chunk in chunks:
            file.write(json.dumps(chunk, ensure_ascii=False) + "\n")
    np.save(output / EMBEDDINGS, embeddings)
    for script in SCRIPTS:
        shutil.copyfile(_HERE / script, output / script)
    config = {
        "format": "rag-bundle",
        "format_version": FORMAT_VERSION,
        "embedding_model": {
            **_named(run.embedder_name, run.embedder_path),
            "pooling": embedder.pooling,
            "prompts": embedder.prompts,
            "max_tokens": embedder.most_tokens,
        },
        "answering": {"model": _named(run.model_name, run.model_path), "least_cosine": least} if run.answers else None,
        "dimension": int(embeddings.shape[1]),
        "metric": "cosine",
        "normalised": True,
        "chunking": {"tokens": run.hyperparameters.chunk_tokens, "overlap": run.hyperparameters.chunk_overlap, "with_questions": with_questions},
        "chunks": len(chunks),
        "sha256": {name: sha256_of(output / name) for name in (CHUNKS, EMBEDDINGS)},
    }
    (output / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (output / "README.md").write_text(model_card(run), encoding="utf-8")
    write_manifest(output, {"base_model": run.model_name, "training_type": run.training_type, "weights_sha256": config["sha256"][EMBEDDINGS]})
    return [
        {"path": path.name, "bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in sorted(output.iterdir()) if path.is_file()
    ]
