"""Whether a tuned model is better or worse than its base, from what both did on rows that neither was trained on."""

from dataclasses import dataclass

SEED = 0
RESAMPLES = 10_000
# Numbers of rows: in a few megabytes, and ten times as fast as one resample at a time.
DRAWN_AT_ONCE = 1 << 18
CONFIDENCE = 0.95
# With fewer rows that differ, chance alone puts all of them on one side more often than once in twenty times.
LEAST_ROWS = 6

WORDS = {
    "worse": "is WORSE than its base",
    "better": "is better than its base",
    "same": "shows no difference from its base",
}


@dataclass(frozen=True)
class Difference:
    """Tuned less base, and between which bounds it would be found on other rows like these, with CONFIDENCE."""

    mean: float
    low: float
    high: float
    # Of how many rows; and on how many of them both did not do the same.
    rows: int
    differing: int

    @property
    def sign(self) -> int:
        """1 or -1 where these rows show that there is one, else 0."""
        if self.differing < LEAST_ROWS or self.low <= 0 <= self.high:
            return 0
        return 1 if self.low > 0 else -1

    @property
    def figures(self) -> dict:
        return {"mean": self.mean, "low": self.low, "high": self.high}


def difference_of(base: list[tuple[float, int]], tuned: list[tuple[float, int]]) -> Difference:
    """Of the sums of both for the same rows, each over the row's weight (its tokens, or 1): a paired bootstrap, which draws rows
    with replacement as often as there are rows, again and again."""
    import numpy

    sums = numpy.array([after - before for (before, _), (after, _) in zip(base, tuned, strict=True)])
    weights = numpy.array([weight for _, weight in base], dtype=float)
    generator = numpy.random.default_rng(SEED)
    at_once = max(1, DRAWN_AT_ONCE // len(sums))
    means = []
    for first in range(0, RESAMPLES, at_once):
        drawn = generator.integers(len(sums), size=(min(at_once, RESAMPLES - first), len(sums)))
        means.extend(sums[drawn].sum(axis=1) / weights[drawn].sum(axis=1))
    low, high = numpy.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Difference(float(sums.sum() / weights.sum()), float(low), float(high), len(sums), int(numpy.count_nonzero(sums)))


def verdict_of(loss: Difference, score: Difference | None) -> str:
    """better, worse, or same: no difference that these rows show. Worse: the loss rose, or the score fell, whatever the other did."""
    gained = score.sign if score else 0
    if loss.sign > 0 or gained < 0:
        return "worse"
    return "better" if loss.sign < 0 or gained > 0 else "same"


def verdict_of_all(traits: list[dict]) -> tuple[str | None, str]:
    """The verdict on a model, and the sentence that says it: worse where it is worse on any trait."""
    if not traits:
        return None, "There were no held-out rows to compare it with its base on."
    groups = {verdict: [trait for trait in traits if trait["verdict"] == verdict] for verdict in WORDS}
    sentences = [
        f"The tuned model {WORDS[verdict]} on held-out rows of {', '.join(map(_in_figures, group))}." for verdict, group in groups.items() if group
    ]
    if few := [trait for trait in groups["same"] if trait["rows"] < LEAST_ROWS]:
        names = ", ".join(f"{trait['trait']} ({trait['rows']})" for trait in few)
        sentences.append(f"Too few rows to tell, whatever they show: {names}. Hold out {LEAST_ROWS} or more of each trait.")
    return next(verdict for verdict in ("worse", "better", "same") if groups[verdict]), " ".join(sentences)


# What the scorers of scorers.py give a share of.
SCORED = {"json_fields": "right JSON fields", "python_parses": "valid Python", "number": "right numbers"}


def _score(trait: dict) -> tuple[str, float, float] | None:
    """What says more than the loss: the score by format, or else the share of exact matches. None where nothing was asked."""
    if "preference_accuracy" in trait["base"]:
        return "preference accuracy", trait["base"]["preference_accuracy"], trait["tuned"]["preference_accuracy"]
    if trait["asked"] == 0:
        return None
    if by_format := trait["by_format"]:
        return SCORED[by_format["scorer"]], by_format["base"], by_format["tuned"]
    return "exact match", trait["base"]["exact_match"], trait["tuned"]["exact_match"]


def _in_figures(trait: dict) -> str:
    figures = f"loss {trait['base']['loss']:.3f} to {trait['tuned']['loss']:.3f}"
    if score := _score(trait):
        name, base, tuned = score
        figures += f", {name} {base:.0%} to {tuned:.0%}"
    return f"{trait['trait']} ({figures})"
