"""The Modelfile by which Ollama runs a model's GGUF: with a Go template that says the same as the model's own chat template, and what ends an answer.

The rules of the file are Ollama's (docs.ollama.com/modelfile): a text in quotes has no escapes, and characters that Go does not print are dropped from it.
"""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from ..base_models.base_config import config_in
from ..base_models.gguf_metadata import GgufFile
from ..base_models.models import load_tokenizer
from ..chats.templates import ChatTemplate
from ..tokens.tokens import beginning_of
from .ollama_losses import lost, says_the_same
from .ollama_template import Reference, go_template

MODELFILE = "Modelfile"
# Ollama takes the memory for all tokens that a conversation may have, whether they are used or not.
MOST_CONTEXT_TOKENS = 8192

# Of a generation_config.json: the name in Ollama, and what transformers takes where none is named, as Ollama would take another.
_SAMPLING = {"temperature": ("temperature", 1.0), "top_p": ("top_p", 1.0), "top_k": ("top_k", 50), "min_p": ("min_p", None), "typical_p": ("typical_p", None)}
_PENALTY = "repetition_penalty"
# What Ollama has nothing for, and the value that changes nothing.
_UNKNOWN = {"no_repeat_ngram_size": 0, "num_beams": 1, "epsilon_cutoff": 0.0, "eta_cutoff": 0.0, "bad_words_ids": None, "suppress_tokens": None}


@dataclass(frozen=True)
class UponBase:
    """An adapter that lies upon the GGUF of its base: its own GGUF, and the base's folder, which has the config.json."""

    gguf_name: str
    base: Path


def write_modelfile(model: Path, gguf_name: str, folder: Path, adapter: UponBase | None = None) -> list[str]:
    """Writes `Modelfile` into `folder`, for the GGUF `gguf_name` there of the model in the folder `model` (config.json, tokenizer, generation_config.json).
    Returns what could not be made equal, a sentence each; none where nothing is lost. Raises BadInput where the model's tokenizer does not load."""
    tokenizer = load_tokenizer(model)
    text, told = template_of(tokenizer, adds_beginning(tokenizer, folder / gguf_name))
    generation = _generation_config(model)
    lines = [f"FROM ./{gguf_name}", *([f"ADAPTER ./{adapter.gguf_name}"] if adapter else [])]
    if text is not None:
        lines.append(f'TEMPLATE """{text}"""')
    lines += [f"PARAMETER stop {_quoted(stop)}" for stop in stops_of(tokenizer, generation)]
    parameters, told_of_parameters = parameters_of(generation, config_in(adapter.base if adapter else model))
    lines += [f"PARAMETER {name} {value}" for name, value in parameters.items()]
    (folder / MODELFILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return told + told_of_parameters


def template_of(tokenizer, adds_bos: bool) -> tuple[str | None, list[str]]:
    """The Go template, or None where there is none that says the same; and what is lost. `adds_bos`: the GGUF puts a BOS before every text."""
    template = ChatTemplate(tokenizer)
    if template.problem:
        return None, [f"{template.problem} The Modelfile has no TEMPLATE."]
    written = tokenizer.bos_token if adds_bos else ""
    # On two days, neither of them today: what is equal on both writes each day's own date, or none.
    days = [(date.today() + timedelta(days=10_000 + apart)).isoformat() for apart in (0, 40)]
    references = {day: Reference(ChatTemplate(tokenizer, day), written) for day in days}
    told = _told_of_beginning(references[days[0]], tokenizer, adds_bos)
    text = go_template(references[days[0]], days[0])
    if text is not None and not all(says_the_same(text, reference, day) for day, reference in references.items()):
        # It writes the date otherwise than Ollama can: that of today stays.
        today = date.today().isoformat()
        references = {today: Reference(ChatTemplate(tokenizer, today), written)}
        text = go_template(references[today], None)
        told.append(f"The model's chat template writes today's date in a form that Ollama's templates cannot: the TEMPLATE always writes that of {today}.")
    day, reference = next(iter(references.items()))
    if text is None or not says_the_same(text, reference, day):
        return None, [
            "What the model's chat template writes cannot be said in the language of Ollama's templates, so the Modelfile has no TEMPLATE. Ollama from 0.30 on takes the chat "
            "template in the GGUF, or one that it guesses; `llama-server --jinja` of llama.cpp takes the one in the GGUF."
        ]
    return text, told + lost(text, reference, template, day)


def adds_beginning(tokenizer, gguf: Path) -> bool:
    """Whether llama.cpp puts a BOS before every text: what the GGUF says, and else what the tokenizer does."""
    if gguf.is_file():
        said = GgufFile(gguf).values.get("tokenizer.ggml.add_bos_token")
        if said is not None:
            return bool(said) and tokenizer.bos_token is not None
    return tokenizer.bos_token_id is not None and tokenizer.bos_token_id in beginning_of(tokenizer)


def _told_of_beginning(reference: Reference, tokenizer, adds_bos: bool) -> list[str]:
    if not adds_bos or reference.writes_beginning:
        return []
    return [f"The GGUF puts {tokenizer.bos_token} before every text, which the model's chat template does not: the model sees a token more than in training."]


def stops_of(tokenizer, generation: dict) -> list[str]:
    """What ends an answer: the tokens that the model ends by, and those of its chat template."""
    known = generation.get("eos_token_id")
    ends = [*ChatTemplate(tokenizer).ends(), *(known if isinstance(known, list) else [known]), tokenizer.eos_token_id]
    tokens = tokenizer.convert_ids_to_tokens([end for end in dict.fromkeys(ends) if end is not None])
    return [token for token in tokens if token]


def parameters_of(generation: dict, config: dict) -> tuple[dict[str, float | int], list[str]]:
    """How answers are sampled, as Ollama names it, and how many tokens a conversation may have; and a sentence for what it has no name for, or less of."""
    parameters: dict[str, float | int] = {}
    if generation.get("do_sample") is False:
        parameters["temperature"] = 0
    else:
        chosen = {name: generation.get(known, default if generation.get("do_sample") else None) for known, (name, default) in _SAMPLING.items()}
        parameters |= {name: value for name, value in chosen.items() if value is not None}
    if (penalty := generation.get(_PENALTY)) not in (None, 1.0):
        # Of all tokens, as in transformers; Ollama looks at the last 64 unless it is asked to.
        parameters |= {"repeat_penalty": penalty, "repeat_last_n": -1}
    context = config.get("max_position_embeddings") or config.get("text_config", {}).get("max_position_embeddings") or MOST_CONTEXT_TOKENS
    parameters["num_ctx"] = min(context, MOST_CONTEXT_TOKENS)
    told = [f"Ollama has no {name}, which the model's generation_config.json sets to {generation[name]}." for name, nothing in _UNKNOWN.items() if generation.get(name) not in (None, nothing)]
    if context > MOST_CONTEXT_TOKENS:
        told.append(f"A conversation may have {MOST_CONTEXT_TOKENS:,} tokens of the {context:,} that the model reads: raise num_ctx in the Modelfile where there is memory for more.")
    return parameters, told


def _generation_config(model: Path) -> dict:
    try:
        return json.loads((model / "generation_config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def _quoted(text: str) -> str:
    """A stop has no escapes in a Modelfile: it stands as it is, in one quote, or in three where it begins or ends with one."""
    return f'"""{text}"""' if text.startswith('"') or text.endswith('"') else f'"{text}"'
