"""Finds the passages of a bundle that are closest to a question, and answers it from them.

python query.py --bundle DIRECTORY [--model DIRECTORY] [--search hybrid] [--top-k 5] QUESTION
python query.py --bundle DIRECTORY --answer [--answering-model DIRECTORY] QUESTION
Without a question it reads JSON lines {"question": "...", "top_k": 5} on standard input, with "search", "answer", "stream" and
"max_answer_tokens" where they are wanted, and writes a line for each: {"results": [...]}, with "answer" where it was asked for. With
"stream", lines {"results": [...]}, {"text": "..."} as it is said, and {"answer": {...}} at the end. {"error": "..."}: why there is none.
A line {"leave": true} says that nobody waits for the answer to the one before: it ends at its next token, with {"left": true}.
Needs numpy, torch and transformers, and for hybrid search bm25s; copies of this file and of those that it needs lie in each bundle.
Exit code 20: the bundle or its model is not usable, and the last line on standard error says why.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread

if __package__:
    from .answering import Answer, Answerer, NobodyWaits
    from .chunks import Bundle
    from .contents import content_of
    from .embedding import Embedder
    from .fingerprint import fingerprint_of
else:  # In a bundle.
    from answering import Answer, Answerer, NobodyWaits
    from chunks import Bundle
    from contents import content_of
    from embedding import Embedder
    from fingerprint import fingerprint_of

UNUSABLE = 20
LEAST_COSINE = 0.999  # Of a chunk's embedding with the same made again: sums may be added in another order.
SEARCHES = ("vector", "hybrid")
TOP_K = 5
MAX_ANSWER_TOKENS = 256


def model_directory(model: dict, given: str | None) -> Path:
    """The directory of a model that a bundle names: the one given, or the one in the Hugging Face cache."""
    if given is not None:
        return Path(given)
    if Path(model["name"]).is_dir():
        return Path(model["name"])
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model["name"], revision=model["revision"]))


def require_named(model: dict, path: Path) -> Path:
    """Raises ValueError for another model than the one that a bundle names, by its files. (Bundles from before they were written down
    do not tell.)"""
    if model.get("fingerprint") not in (None, fingerprint_of(path)):
        raise ValueError(f"The files of the model in {str(path)!r} are not those of {model['name']} that this run used. Put those back, or start the run afresh.")
    return path


def load(directory: Path, model: str | None = None) -> tuple[Bundle, Embedder]:
    """A bundle with its model. Raises OSError, ValueError or KeyError where they do not load, or do not belong together."""
    bundle = Bundle(directory)
    named = bundle.config["embedding_model"]
    embedder = Embedder(require_named(named, model_directory(named, model)))
    for number in {0, len(bundle.embeddings) - 1}:
        cosine = float(bundle.embeddings[number] @ embedder.embed([content_of(bundle.chunk(number))])[0])
        if not cosine >= LEAST_COSINE:
            raise ValueError(f"The embedding of chunk {number} is not the one that {named['name']} gives now (cosine {cosine:.4f}). Was the model replaced? Start the run afresh.")
    return bundle, embedder


class Reader:
    """A bundle with its models in memory; the one that answers is loaded when an answer is first asked for."""

    def __init__(self, directory: Path, model: str | None, answering_model: str | None, any_may_answer: bool = False):
        self.bundle, self._embedder = load(directory, model)
        self._answering_model = answering_model
        self._any_may_answer = any_may_answer
        self._answerer: Answerer | None = None

    def find(self, question: str, top_k: int, search: str) -> list[dict]:
        if search not in SEARCHES:
            raise ValueError(f"search is {search!r}; it must be one of {', '.join(SEARCHES)}.")
        if not isinstance(top_k, int) or top_k < 1:
            raise ValueError(f"top_k is {top_k!r}; it must be a whole number of at least 1.")
        return self.bundle.search(self._embedder.embed([question], "query")[0], top_k, question if search == "hybrid" else None)

    def answer(
        self,
        question: str,
        found: list[dict],
        search: str,
        max_tokens: int,
        on_text: Callable[[str], None] | None = None,
        is_waited_for: Callable[[], bool] = lambda: True,
    ) -> Answer:
        if self._answerer is None:
            named = (self.bundle.config.get("answering") or {}).get("model")
            if named is None and self._answering_model is None:
                raise ValueError("This bundle names no model that answers. Name one that writes text with --answering-model.")
            path = model_directory(named, self._answering_model)
            self._answerer = Answerer(path if self._any_may_answer or named is None else require_named(named, path))
        return self._answerer.ask(question, found, self.bundle.least_cosine(search), max_tokens, on_text, is_waited_for)

    def replies(self, asked: dict, is_waited_for: Callable[[], bool]) -> Iterator[dict]:
        """The lines that answer a line."""
        search = asked.get("search", "vector")
        found = self.find(asked["question"], asked.get("top_k", TOP_K), search)
        if not asked.get("answer"):
            yield {"results": found}
            return
        most = asked.get("max_answer_tokens", MAX_ANSWER_TOKENS)
        if not asked.get("stream"):
            yield {"results": found, "answer": asdict(self.answer(asked["question"], found, search, most, None, is_waited_for))}
            return
        yield {"results": found}
        answer = self.answer(asked["question"], found, search, most, lambda text: _write({"text": text}), is_waited_for)
        yield {"answer": asdict(answer)}


@dataclass(frozen=True)
class Line:
    """Of standard input. `is_left`: nobody waits for its answer any more."""

    text: str
    is_left: Event = field(default_factory=Event)


def _lines() -> Iterator[Line]:
    """What is asked, in its order. It is read meanwhile, so that whoever leaves is heard while a model speaks."""
    lines: SimpleQueue[Line | None] = SimpleQueue()

    def read() -> None:
        last = None
        for text in sys.stdin:
            if last is not None and _leaves(text):
                last.is_left.set()
            else:
                lines.put(last := Line(text))
        lines.put(None)

    Thread(target=read, daemon=True).start()
    yield from iter(lines.get, None)


def _leaves(text: str) -> bool:
    try:
        return json.loads(text) == {"leave": True}
    except ValueError:
        return False


def _write(line: dict) -> None:
    print(json.dumps(line), flush=True)


def _one_line(error: Exception) -> str:
    return str(error).strip().replace("\n", " ") or type(error).__name__


def _show(reader: Reader, arguments: argparse.Namespace) -> None:
    found = reader.find(arguments.question, arguments.top_k, arguments.search)
    if not arguments.answer:
        for chunk in found:
            print(f"{chunk['score']:.3f}  {chunk['text']}")
        return
    answer = reader.answer(arguments.question, found, arguments.search, arguments.max_answer_tokens)
    if not answer.in_documents:
        print("This is not in the documents.")
        return
    print(f"{answer.text}{' (cut off)' if answer.is_cut_off else ''}\n\nIt rests on:")
    for chunk in found:
        if chunk["chunk"] in answer.chunks:
            print(f"[{chunk['chunk']}] {chunk['score']:.3f}  {chunk['text']}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?")
    parser.add_argument("--bundle", type=Path, default=Path(__file__).parent)
    parser.add_argument("--model", help="directory of the embedding model, unless it is in the Hugging Face cache")
    parser.add_argument("--top-k", type=int, default=TOP_K)
    parser.add_argument("--search", choices=SEARCHES, default="vector", help="hybrid: by words as well (BM25)")
    parser.add_argument("--answer", action="store_true", help="answer from what is found")
    parser.add_argument("--answering-model", help="directory of the model that answers, unless it is in the Hugging Face cache")
    parser.add_argument("--any-answering-model", action="store_true", help="also one that is not the one that this bundle names")
    parser.add_argument("--max-answer-tokens", type=int, default=MAX_ANSWER_TOKENS)
    arguments = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        reader = Reader(arguments.bundle, arguments.model, arguments.answering_model, arguments.any_answering_model)
        if arguments.question is not None:
            _show(reader, arguments)
            return 0
    except (OSError, ValueError, KeyError) as error:
        print(f"The bundle cannot be asked: {_one_line(error)}", file=sys.stderr)
        return UNUSABLE
    _write({"chunks": len(reader.bundle.embeddings)})
    for line in _lines():
        try:
            for reply in reader.replies(json.loads(line.text), lambda: not line.is_left.is_set()):
                _write(reply)
        except NobodyWaits:
            _write({"left": True})
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            # RuntimeError: out of memory, with this question perhaps alone.
            _write({"error": _one_line(error)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
