"""Where a Go template writes otherwise than the model's own chat template: tried with conversations, and said in sentences."""

from dataclasses import dataclass

from ..chats.templates import ChatTemplate
from .go_template import Unknown, rendered
from .ollama_template import ROLES, Reference

# Texts as people write them, with all that a template might take for its own.
_TEXTS = ('Is it "far" to the sea, Bob?', "Nine miles by road:\n\n- {{ .Content }}\n- \\n {% if %}", "And by rail, à vol d'oiseau? 🚆", "Less than <seven>.", "Thanks\ta lot.", "`}}` You are welcome.")
_SYSTEM = "Count in miles, please.\n\n1. No [feet].\n2. No \"yards\"."


def spoken(turns: str, texts: tuple[str, ...] = _TEXTS, system: str = _SYSTEM) -> list[dict]:
    """A conversation of u(ser), a(ssistant) and s(ystem)."""
    return [{"role": ROLES[turn], "content": system if turn == "s" else texts[place % len(texts)]} for place, turn in enumerate(turns)]


_WITH_BLANKS = tuple(f" \n{text} \n" for text in _TEXTS)
_WITH_THOUGHTS = tuple(f"<think>\nHe means it.\n</think>\n\n{text}" if place % 2 else text for place, text in enumerate(_TEXTS))

# What has to be equal: else nothing is written.
PLAIN = [spoken(turns) for turns in ("u", "uau", "uauau", "uauauauau")]



@dataclass(frozen=True)
class Tried:
    """A kind of conversation, and what is said where it is written otherwise than the model's chat template writes it."""

    conversations: list[list[dict]]
    sentence: str


# What else is tried, by its name.
TRIED = {
    "system prompt": Tried(
        [spoken(turns) for turns in ("su", "suau", "suauau")],
        "System prompts stand elsewhere in a conversation, or otherwise, than the model's chat template writes them.",
    ),
    "empty system prompt": Tried(
        [spoken(turns, system="") for turns in ("su", "suau")],
        "An empty system prompt is written otherwise than the model's chat template writes it.",
    ),
    "answer begun by the client": Tried(
        [spoken(turns) for turns in ("ua", "uaua", "sua")],
        "An answer that the client begins (the last message is the assistant's) goes on from another text than by the model's chat template.",
    ),
    "white space around a message": Tried(
        [spoken(turns, _WITH_BLANKS) for turns in ("u", "uau")],
        "White space around a message stays: the model's chat template cuts it off, and Ollama's templates cannot.",
    ),
    "white space around a system prompt": Tried(
        [spoken("su", system=f" {_SYSTEM}\n")],
        "White space around a system prompt stays: the model's chat template cuts it off, and Ollama's templates cannot.",
    ),
    "two questions in a row": Tried(
        [spoken(turns) for turns in ("uu", "uauu")],
        "Two messages of the user in a row become one, with an empty line between: Ollama does so before any template sees them. The model's chat template writes each by itself.",
    ),
    "begins with the assistant": Tried(
        [*(spoken(turns) for turns in ("au", "auau", "sau")), spoken("sau", system="")],
        "A conversation that begins with the assistant is written otherwise than the model's chat template writes it.",
    ),
    "system message in the middle": Tried(
        [spoken(turns) for turns in ("uasu", "suasu")],
        "A system message in the middle of a conversation is written otherwise than the model's chat template writes it.",
    ),
    "thoughts of earlier answers": Tried(
        [spoken(turns, _WITH_THOUGHTS) for turns in ("uau", "uauau")],
        "Thoughts of earlier answers (<think>…</think> in their text) stay where the client sends them: the model's chat template leaves them out. Leave them out in the client. "
        "(Ollama does so itself for models of the architecture qwen3.)",
    ),
}
# What a model's template may refuse, and Ollama shows. (Two messages of the user in a row become one, which no template refuses.)
_REFUSED = (("au", "begin with the assistant"), ("uasu", "have a system message in the middle"))


TOOLS = "Tools and their calls are not in the TEMPLATE"
THINKING = "Thinking is as the model's chat template has it by default"
_FROM_0_30 = " From 0.30 on, Ollama takes the chat template in the GGUF in place of the TEMPLATE where that one alone shows tools or thoughts."


def is_equal(text: str, reference: Reference, messages: list[dict], today: str) -> bool:
    """Whether a Go template writes what the reference does; so it does of a conversation that the reference refuses."""
    expected = reference.text(messages)
    try:
        return expected is None or rendered(text, messages, today) == expected
    except Unknown:
        return False


def says_the_same(text: str, reference: Reference, today: str) -> bool:
    """Of plain conversations, which the reference has to take."""
    return all(reference.text(messages) is not None and is_equal(text, reference, messages, today) for messages in PLAIN)


def lost(text: str, reference: Reference, template: ChatTemplate, today: str) -> list[str]:
    """A sentence for each kind of conversation that is written otherwise than the model's own chat template writes it."""
    told = [tried.sentence for tried in TRIED.values() if not all(is_equal(text, reference, messages, today) for messages in tried.conversations)]
    refused = [what for turns, what in _REFUSED if reference.text(spoken(turns)) is None]
    if refused:
        told.append(f"The model's chat template refuses conversations that {' or '.join(refused)}; Ollama shows them to the model, which was not made for them.")
    if template.shows_tools or template.call_forms(True):
        told.append(f"{TOOLS}: Ollama writes JSON in a form of its own, which is not that of the model's chat template.{_FROM_0_30}")
    if template.thought_switches:
        told.append(f"{THINKING}: Ollama's `think` does not set its {' and '.join(template.thought_switches)}.{_FROM_0_30}")
    return told
