"""What base and tuned did on the same held-out rows, side by side: figures, differences, a verdict."""

import math
from dataclasses import dataclass
from statistics import fmean as mean

from ..evaluation.generation import Answer
from ..evaluation.held_out import HeldOutRow, identity_of, is_preferred, mean_loss, questions_of
from .scorers import score_by_format
from .verdict import CONFIDENCE, difference_of, verdict_of, verdict_of_all

SAMPLES_PER_TRAIT = 10
# Of a row, where rows are named.
MOST_TEXT_CHARACTERS = 80
MOST_LOSS = 100.0  # Its perplexity is beyond words, and still a number.


@dataclass(frozen=True)
class Done:
    """What one model did on the rows of a trait."""

    losses: list[tuple[float, int]]
    # To the questions among them, in their order.
    answers: list[Answer]


def compare(traits: dict[str, list[HeldOutRow]], of_base: dict[str, Done], of_tuned: dict[str, Done]) -> dict:
    """The figures of both by trait and row by row, what they answered, and the verdict."""
    compared, held_out, samples = [], [], []
    for trait, rows in traits.items():
        base, tuned = of_base[trait], of_tuned[trait]
        questions = questions_of(rows)
        figures, of_rows = compare_on(rows, base, tuned)
        compared.append({"trait": trait, "rows": len(rows), "asked": len(questions), **figures})
        held_out.append({"trait": trait, **of_rows})
        for question, before, after in list(zip(questions, base.answers, tuned.answers))[:SAMPLES_PER_TRAIT]:
            said = {"prompt": question.last_message, "expected": question.expected, "base": before.text, "tuned": after.text}
            samples.append({"trait": trait, **said, "messages": question.asked})
    verdict, summary = verdict_of_all(compared)
    return {"verdict": verdict, "summary": summary, "confidence": CONFIDENCE, "traits": compared, "held_out": held_out, "samples": samples}


def compare_on(rows: list[HeldOutRow], base: Done, tuned: Done) -> tuple[dict, dict]:
    """Of the rows of one trait, the figures of both, the differences that rows like these would show, and the verdict; and row by row what
    both did, as sums of an answer's tokens and scores of an answer. Of pairs of answers, the score is the share whose chosen one is the more likely."""
    questions, of_pairs = questions_of(rows), rows[0].rejected is not None
    expected, *said = ([question.said(text) for question, text in zip(questions, texts)] for texts in (
        [question.expected for question in questions], [answer.text for answer in base.answers], [answer.text for answer in tuned.answers],
    ))  # fmt: skip
    exact = [[float(text.strip() == wanted.strip()) for text, wanted in zip(texts, expected)] for texts in said]
    by_format = score_by_format(expected, *said)
    preferred = [[float(is_preferred(loss)) for loss, _ in done.losses] for done in (base, tuned)] if of_pairs else [None, None]
    asked = [place for place, row in enumerate(rows) if row.question]
    if of_pairs:
        scorer, scored, scores = "preference", list(range(len(rows))), preferred
    elif by_format:
        scorer, scored, scores = by_format[0], [asked[place] for place in by_format[1]], by_format[2:]
    else:
        scorer, scored, scores = "exact_match", asked, exact
    loss = difference_of(base.losses, tuned.losses)
    score = difference_of(*([(value, 1) for value in values] for values in scores)) if scored else None
    figures = {
        "base": figures_of(base, exact[0], preferred[0]),
        "tuned": figures_of(tuned, exact[1], preferred[1]),
        "by_format": by_format and {"scorer": by_format[0], "rows": len(scored), "base": mean(by_format[2]), "tuned": mean(by_format[3])},
        "loss_difference": loss.figures,
        "score_difference": score and score.figures,
        "verdict": verdict_of(loss, score),
    }
    of_base, of_tuned = (dict(zip(scored, values)) for values in scores)
    return figures, {
        "scorer": scorer,
        "rows": [
            {
                "id": identity_of(row),
                "dataset_id": row.source and row.source.dataset_id,
                "row_number": row.source and row.source.row_number,
                "text": short_text(row),
                "tokens": base.losses[place][1],
                "base": {"loss": base.losses[place][0], "score": of_base.get(place)},
                "tuned": {"loss": tuned.losses[place][0], "score": of_tuned.get(place)},
            }
            for place, row in enumerate(rows)
        ],
    }


def short_text(row: HeldOutRow) -> str:
    """By what a person knows a row: the head of its last question, or of its text, in one line that every database takes."""
    text = row.question.last_message if row.question else next((str(message.get("content") or "") for message in row.source.messages), "") if row.source else ""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= MOST_TEXT_CHARACTERS else f"{line[: MOST_TEXT_CHARACTERS - 1]}…"


def figures_of(done: Done, exact: list[float], preferred: list[float] | None) -> dict:
    """Mean loss of an answer's token, the share of questions whose greedy answer is the expected text, thoughts and white space at
    the ends aside (None, where nothing is asked), how many answers came to the limit before they ended, and of pairs the share whose chosen answer is
    the more likely one."""
    loss = mean_loss(done.losses)
    return {
        "loss": loss,
        "perplexity": math.exp(min(loss, MOST_LOSS)),
        "exact_match": mean(exact) if exact else None,
        "cut_off": sum(answer.is_cut_off for answer in done.answers),
        **({} if preferred is None else {"preference_accuracy": mean(preferred)}),
    }
