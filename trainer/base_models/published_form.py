"""Configurations as models are published with: version 5 of transformers writes what version 4, and what others have made after it, reads otherwise or not at all."""

import json
from pathlib import Path

# Names that say how it was loaded here, and no more.
_LOCAL = ("backend", "is_local", "local_files_only")


def as_published(model: Path) -> None:
    """Changes config.json and tokenizer_config.json so that both versions read the same model from them."""
    _change(model / "config.json", with_older_names)
    _change(model / "tokenizer_config.json", with_older_class)


def with_older_names(config: dict) -> dict:
    """Beside `rope_parameters` the names of version 4, which takes a theta of 10000 where it finds none."""
    for part in (config, *(value for name, value in config.items() if name.endswith("_config") and isinstance(value, dict))):
        rope = part.get("rope_parameters")
        if not isinstance(rope, dict):
            continue
        of_full = rope.get("full_attention", rope)
        of_sliding = rope.get("sliding_attention")
        if "rope_theta" in of_full:
            part["rope_theta"] = of_full["rope_theta"]
        if isinstance(of_sliding, dict) and "rope_theta" in of_sliding:
            part["rope_local_base_freq"] = of_sliding["rope_theta"]
        if of_full is rope and rope.get("rope_type", "default") != "default":
            part["rope_scaling"] = {name: value for name, value in of_full.items() if name != "rope_theta"}
    return config


def with_older_class(config: dict) -> dict:
    kept = {name: value for name, value in config.items() if name not in _LOCAL}
    if kept.get("tokenizer_class") == "TokenizersBackend":
        kept["tokenizer_class"] = "PreTrainedTokenizerFast"
    return kept


def _change(path: Path, change) -> None:
    config = change(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
