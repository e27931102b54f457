"""Is a bundle whole, does it load, and does it find the answers to questions that were held out?"""

import math

from ..bundle.lexical import fused
from ..datasets.rows import Conversation
from ..outputs.report import write_report
from ..outputs.retrieval_report import AMONG_FIRST
from ..platform.device import require_given_gpus
from ..platform.events import Events
from ..platform.failures import lacks_memory
from ..runs.run_file import RunFile
from ..validation.validation import check_files, not_usable, unusable
from .grounded import compare, load_answerer, most_asked_of_each
from .exporting import CHUNKS, EMBEDDINGS, QUERY
from .passages import Chunking, Passage, passages_of
from .unasked import Unasked

NEEDED = ("config.json", CHUNKS, EMBEDDINGS, QUERY)
MOST_QUESTIONS_PER_TRAIT = 1000
SAMPLES_PER_TRAIT = 2
MOST_QUESTIONS_AT_ONCE = 32


def validate(run: RunFile, conversations: list[Conversation], events: Events) -> dict:
    """The result of the tasks validate, which writes a report of it, and check. A bundle that is not usable is a result, not
    an error."""
    found = examine(run, conversations, events)
    if run.task == "validate":
        write_report(run, found)
    return found


def examine(run: RunFile, conversations: list[Conversation], events: Events) -> dict:
    """All that is found: the files, then loading, then (validate) what held-out questions find."""
    events.send("phase", phase="checking_files", message=None)
    files = check_files(run, NEEDED)
    found = {
        "valid": False,
        "verdict": None,
        "summary": "",
        "files": files,
        "loading": {"valid": False, "errors": []},
        "errors": list(files["errors"]),
        "traits": [],
        "samples": [],
        "retrieval": [],
    }
    if not files["valid"]:
        found["loading"]["errors"].append("Not tried: the files are not right.")
        return {**found, "summary": not_usable(files["errors"])}
    events.send("phase", phase="checking_loading", message=None)
    import torch

    from ..bundle.query import load, require_named

    require_given_gpus()
    torch.set_num_threads(run.threads)
    try:
        with events.spans.of("model"):
            bundle, embedder = load(run.output_dir, str(run.embedder_path))
            if run.answers:
                require_named(bundle.config["answering"]["model"], run.model_path)
            answerer = load_answerer(run.model_path, lambda: _tell_of_cpu(events)) if run.answers else None
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        if lacks_memory(error):
            raise
        return unusable(found, str(error))
    found["loading"]["valid"] = found["valid"] = True
    if run.task == "check":
        if answerer is not None:
            answerer.ask_alone(["Hello"], max_new_tokens=1)
        return {**found, "summary": "The bundle is whole, and its model is the one that made it."}

    events.spans.tell(events)
    events.send("phase", phase="evaluating_tuned", message=None)
    by_trait = questions_by_trait(conversations)
    bundle = Unasked(run.output_dir, embedder, {question for asked in by_trait.values() for question, _ in asked})
    by_trait = {trait: right for trait, asked in by_trait.items() if (right := with_chunks(bundle, embedder, asked))}
    for trait, asked in by_trait.items():
        figures, samples = score(bundle, embedder, asked)
        if answerer is not None:
            few = asked[: min(run.max_rows_per_trait, most_asked_of_each(len(by_trait)))]
            answers, answered = compare(bundle, embedder, answerer, few, run.max_new_tokens)
            figures["answers"] = {**answers, "samples": answered}
        found["retrieval"].append({"trait": trait, **figures, "samples": samples})
    return {**found, "summary": _summary(found["retrieval"])}


def _tell_of_cpu(events: Events) -> None:
    events.send("log", level="warning", message="The model that answers does not fit into the memory of the GPU: it is compared on the CPU, which takes longer.")


def _summary(retrieval: list[dict]) -> str:
    if not retrieval:
        return "There were no held-out questions, so it is not known what is found."
    most = AMONG_FIRST[-1]
    each = (f"{figures[f'recall_at_{most}']:.0%} of {figures['questions']} of {figures['trait']} (MRR {figures['mrr']:.2f})" for figures in retrieval)
    found = f"Of held-out questions, these find their answer among the first {most} chunks: {', '.join(each)}."
    answers = [(figures["trait"], figures["answers"]) for figures in retrieval if "answers" in figures]
    if not answers:
        return found
    each = (
        f"{of['with_retrieval']['exact_match']:.0%} with and {of['without_retrieval']['exact_match']:.0%} without retrieval of {of['questions']} of {trait} "
        f"(F1 {of['with_retrieval']['f1']:.2f} and {of['without_retrieval']['f1']:.2f})"
        for trait, of in answers
    )
    return f"{found} Answered to the letter: {', '.join(each)}."


def questions_by_trait(conversations: list[Conversation]) -> dict[str, list[tuple[str, str]]]:
    """Each question with the answer that was given to it, at most so many of each trait, in their order."""
    traits: dict[str, list[tuple[str, str]]] = {}
    for conversation in conversations:
        questions = traits.setdefault(conversation.trait, [])
        for passage in passages_of(conversation):
            if passage.question and len(questions) < MOST_QUESTIONS_PER_TRAIT:
                questions.append((passage.question, passage.text))
    return traits


def with_chunks(bundle, embedder, asked: list[tuple[str, str]]) -> list[tuple[str, str, list[int]]]:
    """The same with the numbers of the answers' chunks, of whatever row, without those of which this bundle has none: the data was changed
    since."""
    numbers: dict[str, list[int]] = {}
    for number in range(len(bundle.embeddings)):
        numbers.setdefault(bundle.chunk(number)["text"], []).append(number)
    of = bundle.config["chunking"]
    chunking = Chunking(of["tokens"], of["overlap"], of.get("with_questions", False))

    def own(question: str, answer: str) -> list[int]:
        _, texts = chunking.of(embedder.tokenizer, Passage(answer, question))
        return sorted({number for text in texts for number in numbers.get(text, [])})

    return [(question, answer, right) for question, answer in asked if (right := own(question, answer))]


def score(bundle, embedder, asked: list[tuple[str, str, list[int]]]) -> tuple[dict, list[dict]]:
    """recall@k: the share of questions for which a chunk of their answer is among the first k that are found. MRR: the mean of
    1 / place of the first such chunk, among all chunks. The same of hybrid search. And some questions with what was found."""
    places: list[int] = []
    hybrid_places: list[int] = []
    samples: list[dict] = []
    for start in range(0, len(asked), MOST_QUESTIONS_AT_ONCE):
        part = asked[start : start + MOST_QUESTIONS_AT_ONCE]
        scores = bundle.scores(embedder.embed([question for question, _, _ in part], "query"))
        for (question, answer, right), row in zip(part, scores):
            places.append(_place(row, right))
            hybrid_places.append(_place(fused(row, bundle.lexical(question)), right))
            if len(samples) < SAMPLES_PER_TRAIT:
                found = bundle.chunk(int(row.argmax()))
                samples.append({"question": question, "expected": answer, "found": found["text"], "place": places[-1]})
    return {"questions": len(asked), **_of_places(places), "hybrid": _of_places(hybrid_places)}, samples


def _place(scores, right: list[int]) -> int:
    """Of the first right chunk. Of chunks that are equally good, those that are not right come first: nothing is won by luck."""
    best = max(float(scores[number]) for number in right)
    return 1 + int((scores >= best).sum()) - sum(float(scores[number]) >= best for number in right)


def _of_places(places: list[int]) -> dict:
    figures = {f"recall_at_{k}": _share(place <= k for place in places) for k in AMONG_FIRST}
    return {**figures, "mrr": math.fsum(1 / place for place in places) / max(len(places), 1)}


def _share(hits) -> float:
    hits = list(hits)
    return sum(hits) / max(len(hits), 1)
