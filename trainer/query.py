"""Finds the passages of a bundle that are closest to a question, by the cosine of their embeddings.

python query.py --bundle DIRECTORY [--model DIRECTORY] [--top-k 5] QUESTION
Without a question it answers JSON lines {"question": "...", "top_k": 5} on standard input, one JSON line each.
Needs numpy, torch and transformers alone; a copy of this file lies in each bundle. Exit code 20: the bundle or its model is
not usable, and the last line on standard error says why.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np

UNUSABLE = 20
LEAST_COSINE = 0.999  # Of a chunk's embedding with the same made again: sums may be added in another order.
KNOWN_MODULES = ("Transformer", "Pooling", "Normalize")  # Of sentence-transformers' modules.json.


class Embedder:
    """An embedding model: texts to vectors of length 1. Pooling and prompts are those that the model's own files name."""

    def __init__(self, path: Path):
        from transformers import AutoModel, AutoTokenizer

        self.pooling = pooling_of(path)
        prompts = _json(path / "config_sentence_transformers.json").get("prompts") or {}
        self.prompts = {kind: prompts.get(kind) or "" for kind in ("query", "document")}
        import torch

        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
        self.model = AutoModel.from_pretrained(path, trust_remote_code=False, use_safetensors=True, dtype=torch.float32).to(self.device).eval()
        read_at_most = _json(path / "sentence_bert_config.json").get("max_seq_length") or getattr(self.model.config, "max_position_embeddings", 512)
        self.most_tokens = min(read_at_most, self.tokenizer.model_max_length)

    def embed(self, texts: list[str], kind: str = "document") -> np.ndarray:
        """float32, a row per text. `kind`: query or document, which some models want to be told apart."""
        import torch

        batch = self.tokenizer([self.prompts[kind] + text for text in texts], padding=True, truncation=True, max_length=self.most_tokens, return_tensors="pt")
        batch = batch.to(self.device)
        with torch.inference_mode():
            states = self.model(**batch).last_hidden_state
        mask = batch["attention_mask"]
        if self.pooling == "mean":
            pooled = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        elif self.pooling == "cls":
            pooled = states[:, 0]
        else:
            # The last one that is no padding, on whichever side that is.
            places = torch.arange(mask.shape[1], device=mask.device) * mask
            pooled = states[torch.arange(len(texts), device=mask.device), places.argmax(1)]
        return torch.nn.functional.normalize(pooled.float(), dim=1).cpu().numpy()


def pooling_of(path: Path) -> str:
    """mean, cls or lasttoken. Raises ValueError for a model that is none for embeddings, or needs more than that."""
    for module in _json(path / "modules.json") or []:
        if module["type"].split(".")[-1] not in KNOWN_MODULES:
            raise ValueError(f"The model in {str(path)!r} has a {module['type'].split('.')[-1]} layer behind its pooling, which is not supported. Take another embedding model.")
    settings = _json(path / "1_Pooling" / "config.json")
    if not settings:
        if any(name.endswith(("ForCausalLM", "ForConditionalGeneration")) for name in _json(path / "config.json").get("architectures") or []):
            raise ValueError(f"The model in {str(path)!r} writes text; rag needs one for embeddings, such as sentence-transformers/all-MiniLM-L6-v2.")
        return "mean"
    chosen = [settings["pooling_mode"]] if "pooling_mode" in settings else [key.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token") for key, value in settings.items() if value is True and key.startswith("pooling_mode_")]
    names = {"mean": "mean", "cls": "cls", "lasttoken": "lasttoken", "last": "lasttoken"}
    if len(chosen) != 1 or chosen[0] not in names:
        raise ValueError(f"The model in {str(path)!r} pools by {', '.join(chosen) or 'nothing'}; known are mean, cls and lasttoken.")
    return names[chosen[0]]


class Bundle:
    """What a rag run made: chunks of text, and an embedding of each."""

    def __init__(self, directory: Path):
        self.config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        self.embeddings = np.load(directory / "embeddings.npy", mmap_mode="r", allow_pickle=False)
        self._chunks = (directory / "chunks.jsonl").open("rb")
        lengths = [len(line) for line in self._chunks]
        if len(lengths) != len(self.embeddings):
            raise ValueError(f"chunks.jsonl has {len(lengths)} lines and embeddings.npy {len(self.embeddings)} rows.")
        self._starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])

    def chunk(self, number: int) -> dict:
        self._chunks.seek(self._starts[number])
        return json.loads(self._chunks.readline())

    def scores(self, questions: np.ndarray) -> np.ndarray:
        """Cosine of each question (rows) with each chunk (columns)."""
        return questions @ self.embeddings.T

    def search(self, question: np.ndarray, top_k: int) -> list[dict]:
        """The closest chunks, best first; equal ones in their order."""
        [scores] = self.scores(question[None, :])
        best = np.argsort(-scores, kind="stable")[:top_k]
        return [{"score": round(float(scores[number]), 6), **self.chunk(int(number))} for number in best]


def model_directory(bundle: Bundle, given: str | None) -> Path:
    """The directory of the model that made the embeddings: the one given, or the one in the Hugging Face cache."""
    model = bundle.config["embedding_model"]
    if given is not None:
        return Path(given)
    if Path(model["name"]).is_dir():
        return Path(model["name"])
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model["name"], revision=model["revision"]))


def load(directory: Path, model: str | None = None) -> tuple[Bundle, Embedder]:
    """A bundle with its model. Raises OSError, ValueError or KeyError where they do not load, or do not belong together."""
    bundle = Bundle(directory)
    embedder = Embedder(model_directory(bundle, model))
    for number in {0, len(bundle.embeddings) - 1}:
        cosine = float(bundle.embeddings[number] @ embedder.embed([bundle.chunk(number)["text"]])[0])
        if not cosine >= LEAST_COSINE:
            name = bundle.config["embedding_model"]["name"]
            raise ValueError(f"The embedding of chunk {number} is not the one that {name} gives now (cosine {cosine:.4f}). Was the model replaced? Start the run afresh.")
    return bundle, embedder


def _json(path: Path):
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?")
    parser.add_argument("--bundle", type=Path, default=Path(__file__).parent)
    parser.add_argument("--model", help="directory of the embedding model, unless it is in the Hugging Face cache")
    parser.add_argument("--top-k", type=int, default=5)
    arguments = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        bundle, embedder = load(arguments.bundle, arguments.model)
    except (OSError, ValueError, KeyError) as error:
        print(f"The bundle cannot be asked: {error}".replace("\n", " "), file=sys.stderr)
        return UNUSABLE
    if arguments.question is not None:
        for found in bundle.search(embedder.embed([arguments.question], "query")[0], arguments.top_k):
            print(f"{found['score']:.3f}  {found['text']}")
        return 0
    print(json.dumps({"chunks": len(bundle.embeddings)}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        results = bundle.search(embedder.embed([asked["question"]], "query")[0], asked["top_k"])
        print(json.dumps({"results": results}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
