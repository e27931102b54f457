"""Whether a tuned model is better or worse than its base, from what both did on rows that neither was trained on."""

LOSS_MARGIN, LEAST_LOSS_MARGIN = 0.01, 0.005  # Of the base's loss, and at least so much. Less than that is the same.
SCORE_MARGIN = 0.1
LEAST_ROWS = 3  # A score of fewer rows more or less is chance.

WORDS = {"worse": "is WORSE than its base", "better": "is better than its base", "same": "is neither better nor worse than its base"}


def verdict_of(trait: dict) -> str:
    """better, same or worse. Worse: the loss rose, or the score fell, by more than its margin, whatever the other did."""
    base, tuned = trait["base"]["loss"], trait["tuned"]["loss"]
    gained = _gained(trait)
    margin = max(LOSS_MARGIN * base, LEAST_LOSS_MARGIN)
    if tuned > base + margin or gained < 0:
        return "worse"
    return "better" if tuned < base - margin or gained > 0 else "same"


def verdict_of_all(traits: list[dict]) -> tuple[str | None, str]:
    """The verdict on a model, and the sentence that says it: worse where it is worse on any trait."""
    if not traits:
        return None, "There were no held-out rows to compare it with its base on."
    groups = {verdict: [trait for trait in traits if trait["verdict"] == verdict] for verdict in WORDS}
    sentences = [
        f"The tuned model {WORDS[verdict]} on held-out rows of {', '.join(map(_in_figures, group))}." for verdict, group in groups.items() if group
    ]
    return next(verdict for verdict in ("worse", "better", "same") if groups[verdict]), " ".join(sentences)


def _gained(trait: dict) -> float:
    """By how much the score rose, where that is not chance."""
    score = _score(trait)
    if score is None:
        return 0.0
    _, base, tuned, rows = score
    gained = tuned - base
    return 0.0 if abs(gained) <= SCORE_MARGIN or abs(gained) * rows < LEAST_ROWS - 0.5 else gained


def _score(trait: dict) -> tuple[str, float, float, int] | None:
    """What says more than the loss: the score by format, or else the share of exact matches. None where nothing was asked."""
    if trait["asked"] == 0:
        return None
    by_format = trait["by_format"]
    if by_format:
        return by_format["scorer"], by_format["base"], by_format["tuned"], by_format["rows"]
    return "exact match", trait["base"]["exact_match"], trait["tuned"]["exact_match"], trait["asked"]


def _in_figures(trait: dict) -> str:
    figures = f"loss {trait['base']['loss']:.3f} to {trait['tuned']['loss']:.3f}"
    if score := _score(trait):
        name, base, tuned, _ = score
        figures += f", {name} {base:.0%} to {tuned:.0%}"
    return f"{trait['trait']} ({figures})"
