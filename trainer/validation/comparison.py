"""What base and tuned did on the same held-out rows, side by side: figures, differences, a verdict."""

import math
from dataclasses import dataclass
from statistics import fmean as mean

from ..evaluation.generation import Answer
from ..evaluation.held_out import HeldOutRow, Question, is_preferred, mean_loss, questions_of
from .scorers import score_by_format
from .verdict import CONFIDENCE, difference_of, verdict_of, verdict_of_all

SAMPLES_PER_TRAIT = 10
MOST_LOSS = 100.0  # Its perplexity is beyond words, and still a number.


@dataclass(frozen=True)
class Done:
    """What one model did on the rows of a trait."""

    losses: list[tuple[float, int]]
    # To the questions among them, in their order.
    answers: list[Answer]


def compare(traits: dict[str, list[HeldOutRow]], of_base: dict[str, Done], of_tuned: dict[str, Done]) -> dict:
    """The figures of both by trait, what they answered, and the verdict."""
    compared, samples = [], []
    for trait, rows in traits.items():
        base, tuned = of_base[trait], of_tuned[trait]
        questions = questions_of(rows)
        compared.append({"trait": trait, "rows": len(rows), "asked": len(questions), **compare_on(questions, base, tuned, rows[0].rejected is not None)})
        for question, before, after in list(zip(questions, base.answers, tuned.answers))[:SAMPLES_PER_TRAIT]:
            said = {"prompt": question.last_message, "expected": question.expected, "base": before.text, "tuned": after.text}
            samples.append({"trait": trait, **said, "messages": question.asked})
    verdict, summary = verdict_of_all(compared)
    return {"verdict": verdict, "summary": summary, "confidence": CONFIDENCE, "traits": compared, "samples": samples}


def compare_on(questions: list[Question], base: Done, tuned: Done, of_pairs: bool) -> dict:
    """Of the rows of one trait, the figures of both, the differences that rows like these would show, and the verdict. Of pairs of
    answers, the score is the share whose chosen one is the more likely."""
    expected, *said = ([question.said(text) for question, text in zip(questions, texts)] for texts in (
        [question.expected for question in questions], [answer.text for answer in base.answers], [answer.text for answer in tuned.answers],
    ))  # fmt: skip
    exact = [[float(text.strip() == wanted.strip()) for text, wanted in zip(texts, expected)] for texts in said]
    scored = score_by_format(expected, *said)
    preferred = [[float(is_preferred(loss)) for loss, _ in done.losses] for done in (base, tuned)] if of_pairs else [None, None]
    scores = preferred if of_pairs else scored[1:] if scored else exact
    loss = difference_of(base.losses, tuned.losses)
    score = difference_of(*([(value, 1) for value in values] for values in scores)) if questions or of_pairs else None
    return {
        "base": figures_of(base, exact[0], preferred[0]),
        "tuned": figures_of(tuned, exact[1], preferred[1]),
        "by_format": scored and {"scorer": scored[0], "rows": len(scored[1]), "base": mean(scored[1]), "tuned": mean(scored[2])},
        "loss_difference": loss.figures,
        "score_difference": score and score.figures,
        "verdict": verdict_of(loss, score),
    }


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
