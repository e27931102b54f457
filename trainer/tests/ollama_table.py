"""python -m trainer.tests.ollama_table: the tables of docs/ollama.md. What is lost of each family of models whose template Ollama runs, and of all known templates."""

from functools import cache

from ..outputs.modelfile import template_of
from ..outputs.ollama_losses import THINKING, TOOLS, TRIED
from . import packages

# As people know them, with one of their templates each.
FAMILIES = {
    "Command R": "command-r:35b",
    "DeepSeek R1, as distilled": "deepseek-r1:8b",
    "Falcon 2": "falcon2:11b",
    "Gemma 2": "gemma2:2b",
    "Gemma 3": "gemma3:1b",
    "GLM-4": "glm4:9b",
    "gpt-oss": "trl/gptoss",
    "Granite 3.3": "granite3.3:2b",
    "Hermes 3": "hermes3:70b",
    "Llama 2": "llama2:7b",
    "Llama 3": "llama3:8b",
    "Llama 3.1": "llama3.1:8b",
    "Llama 3.2": "llama3.2:3b",
    "Llama 4": "llama4:latest",
    "Mistral 7B": "mistral:7b-instruct-fp16",
    "Mistral Small 24B": "mistral-small:24b",
    "Mixtral": "mixtral:8x7b",
    "OLMo 2": "olmo2:7b",
    "OpenChat": "openchat:7b",
    "Phi 3.5": "phi3.5:3.8b",
    "Phi 4": "phi4:14b",
    "Qwen 2.5": "qwen2.5:0.5b",
    "Qwen 3": "qwen3:0.6b",
    "SmolLM2": "smollm2:135m",
    "TinyLlama, Zephyr": "tinyllama:1.1b",
    "Yi": "yi:6b",
}
# Of sentences that are not in TRIED: how they begin, and what they are about.
_OTHERS = {
    TOOLS: "tools",
    THINKING: "switch of thinking",
    "The model's chat template writes today's date": "date",
    "The model's chat template refuses conversations": "what the model's template refuses",
}


@cache
def written() -> dict[str, tuple[str | None, list[str]]]:
    """Of each known template what is written for Ollama, where a BOS comes from the GGUF, and what is lost."""
    return {name: template_of(packages.with_template(text), adds_bos="bos_token" in text) for name, text in packages.templates().items()}


def kind_of(sentence: str) -> str | None:
    """What a sentence is about, or None of one that says why there is no template."""
    kinds = {**{tried.sentence: kind for kind, tried in TRIED.items()}, **_OTHERS}
    return next((kind for begin, kind in kinds.items() if sentence.startswith(begin)), None)


def families() -> list[str]:
    """The rows of the table of families."""
    return [f"| {family} | {', '.join(kind for kind in map(kind_of, written()[name][1]) if kind)} |" for family, name in FAMILIES.items()]


def counts() -> list[str]:
    """The rows of the table of losses: of how many templates each is one."""
    said = [told for text, told in written().values() if text is not None]
    kinds = dict.fromkeys([*TRIED, *_OTHERS.values()])
    return [f"| {kind} | {sum(kind in map(kind_of, told) for told in said)} |" for kind in kinds]


def main() -> None:
    print("\n".join(["| family | what is written otherwise |", "|---|---|", *families(), "", "| what is written otherwise | of 133 templates |", "|---|---|", *counts()]))


if __name__ == "__main__":
    main()
