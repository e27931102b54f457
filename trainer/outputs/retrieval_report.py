"""What held-out questions find in an index, and how they are answered from it, as sections of a report in Markdown."""

from ..platform.markdown import cell, fenced, table

AMONG_FIRST = (1, 5, 10)  # The k of recall@k.


def retrieval_sections(retrieval: list[dict]) -> list[str]:
    sections = [f"## Held-out questions\n\n{_found(retrieval)}"]
    if any("answers" in each for each in retrieval):
        sections.append(f"## Answers with and without retrieval\n\n{_answered([each for each in retrieval if 'answers' in each])}")
    return sections


def _found(retrieval: list[dict]) -> str:
    """Which place the first chunk of a question's own answer has among all chunks."""
    head = ["trait", "questions", "search", *(f"recall at {k}" for k in AMONG_FIRST), "MRR"]

    def row(trait: dict, search: str, figures: dict) -> list:
        return [trait["trait"], trait["questions"], search, *(f"{figures[f'recall_at_{k}']:.0%}" for k in AMONG_FIRST), f"{figures['mrr']:.3f}"]

    rows = [row(each, search, figures) for each in retrieval for search, figures in (("vector", each), ("hybrid", each["hybrid"]))]
    samples = [
        f"### {cell(each['trait'])}\n\nAsked:\n\n{fenced(sample['question'])}\n\nFound first (the right one is number {sample['place']}):\n\n{fenced(sample['found'])}"
        for each in retrieval
        for sample in each["samples"]
    ]
    return "\n\n".join([table(head, rows), *samples])


def _answered(retrieval: list[dict]) -> str:
    head = ["trait", "questions", "exact match, without → with", "F1, without → with", "said not to be in the documents", "the same with the answer taken out"]

    def row(trait: str, of: dict) -> list:
        without, with_index = of["without_retrieval"], of["with_retrieval"]
        return [
            trait,
            of["questions"],
            f"{without['exact_match']:.0%} → {with_index['exact_match']:.0%}",
            f"{without['f1']:.2f} → {with_index['f1']:.2f}",
            f"{of['not_in_documents']:.0%}",
            f"{of['not_in_documents_with_answer_removed']:.0%}",
        ]

    rows = [row(each["trait"], each["answers"]) for each in retrieval]
    told = [_how_asked(each["trait"], each["questions"], each["answers"]) for each in retrieval]
    samples = [_sample(each["trait"], sample) for each in retrieval for sample in each["answers"]["samples"]]
    return "\n\n".join([table(head, rows), *told, *samples])


def _how_asked(trait: str, questions: int, of: dict) -> str:
    left_out = f" {of['too_long']} questions are longer than the model reads, and were not asked." if of["too_long"] else ""
    cut_off = f" {of['cut_off']} answers with retrieval were cut off there." if of["cut_off"] else ""
    return f"Of {cell(trait)}, {of['questions']} of {questions} held-out questions were answered, each in at most {of['max_new_tokens']} tokens.{left_out}{cut_off}"


def _sample(trait: str, sample: dict) -> str:
    texts = [("Asked", "question"), ("Expected", "expected"), ("With retrieval", "with_retrieval"), ("Without", "without_retrieval")]
    told = (f"{title}:\n\n{fenced((sample[name] or '').strip() or '(not in the documents)')}" for title, name in texts)
    return f"### {cell(trait)}\n\n" + "\n\n".join(told)
