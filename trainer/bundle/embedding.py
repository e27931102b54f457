"""Texts to vectors, by a model for embeddings. Needs numpy, torch and transformers alone; copies of this file and of text_models.json lie in each bundle."""

import json
from pathlib import Path

import numpy as np

KNOWN_MODULES = ("Transformer", "Pooling", "Normalize")  # Of sentence-transformers' modules.json.
_TEXT_MODELS = json.loads(Path(__file__).with_name("text_models.json").read_text(encoding="utf-8"))
# How the names of classes end that write text. (Those of published models are not always the ones that transformers has now.)
WRITERS = tuple(_TEXT_MODELS["architectures_end_with"])
_POOLING = _TEXT_MODELS["unless_they_have"]


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


def writes_text(path: Path) -> bool:
    """Whether a model writes text, and makes no embeddings: as its files name its architecture. (Some that were made from such a
    model for embeddings keep that name, and say how they pool.)"""
    if (path / _POOLING).is_file():
        return False
    return any(name.endswith(WRITERS) for name in _json(path / "config.json").get("architectures") or [])


def pooling_of(path: Path) -> str:
    """mean, cls or lasttoken. Raises ValueError for a model that is none for embeddings, or needs more than that."""
    for module in _json(path / "modules.json") or []:
        if module["type"].split(".")[-1] not in KNOWN_MODULES:
            raise ValueError(f"The model in {str(path)!r} has a {module['type'].split('.')[-1]} layer behind its pooling, which is not supported. Take another embedding model.")
    settings = _json(path / _POOLING)
    if not settings:
        if writes_text(path):
            raise ValueError(f"The model in {str(path)!r} writes text; an index needs one for embeddings, such as sentence-transformers/all-MiniLM-L6-v2.")
        return "mean"
    chosen = [settings["pooling_mode"]] if "pooling_mode" in settings else [key.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token") for key, value in settings.items() if value is True and key.startswith("pooling_mode_")]
    names = {"mean": "mean", "cls": "cls", "lasttoken": "lasttoken", "last": "lasttoken"}
    if len(chosen) != 1 or chosen[0] not in names:
        raise ValueError(f"The model in {str(path)!r} pools by {', '.join(chosen) or 'nothing'}; known are mean, cls and lasttoken.")
    return names[chosen[0]]


def _json(path: Path):
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
