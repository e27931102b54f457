"""Whether a model is good enough to be promoted: what its project says must hold, held against what the validation measured."""

from dataclasses import dataclass

from .verdict import LEAST_ROWS, Difference, difference_of

# Of each trait, so many rows that decided are named.
MOST_ROWS_NAMED = 3
REFERENCES = {"base": "its base", "current": "the current version"}


@dataclass(frozen=True)
class Condition:
    """One of the two bounds is given: in nats a token for the loss, of 1 for the score."""

    against: str
    metric: str
    no_worse_by: float | None = None
    better_by: float | None = None
    # Those that it is about; None: all that were compared.
    traits: tuple[str, ...] | list[str] | None = None
    # Whether one of them that holds is enough.
    any_trait: bool = False

    @property
    def said(self) -> str:
        where = ", ".join(self.traits) if self.traits else "each trait"
        where = f"on one of {where}" if self.any_trait and self.traits else "on one trait" if self.any_trait else f"on {where}"
        bound = f"no worse than {REFERENCES[self.against]} by more than {self.no_worse_by:g}" if self.better_by is None else f"better than {REFERENCES[self.against]} by {self.better_by:g}"
        return f"the {self.metric} {where} must be {bound}"

    def outcome_of(self, difference: Difference) -> str:
        """A regression counts only where the whole interval lies beyond the bound, and an improvement only where the interval clears it. Where few
        rows differ, chance alone puts them on one side: these show no difference."""
        low, high = (-difference.high, -difference.low) if self.metric == "loss" else (difference.low, difference.high)
        shown = difference.differing >= LEAST_ROWS
        if self.better_by is None:
            if low >= -self.no_worse_by:
                return "passed"
            return "failed" if shown and high < -self.no_worse_by else "undecided"
        if shown and low > self.better_by:
            return "passed"
        return "failed" if high <= self.better_by else "undecided"


def judge(gate: dict | None, held_out: list[dict]) -> dict | None:
    """What became of each condition of a gate, and of all: passed, failed, or undecided. None without a gate.

    `gate` is {"conditions": [fields of Condition], "current": {"version", "traits"} or None}; the traits of `current`, and `held_out`, are as
    `comparison.compare` gives them, those of `current` with what that version did alone. What noise leaves undecided is no regression, and no
    improvement either; what could not be measured holds nothing."""
    if gate is None:
        return None
    conditions = [_judged(Condition(**given), gate["current"], held_out) for given in gate["conditions"]]
    failed = any(condition["outcome"] == "failed" for condition in conditions)
    verdict = "failed" if failed else "passed" if all(condition["holds"] for condition in conditions) else "undecided"
    # What keeps it from being promoted; where nothing does, all of it.
    told = [condition["summary"] for condition in conditions if not condition["holds"]] or [condition["summary"] for condition in conditions]
    current = gate["current"] and gate["current"]["version"]
    return {"verdict": verdict, "summary": " ".join(told), "current_version": current, "conditions": conditions}


def _judged(condition: Condition, current: dict | None, held_out: list[dict]) -> dict:
    if condition.against == "current" and current is None:
        found, outcome, why = [], "passed", "there is no current version to be held against"
    else:
        wanted = condition.traits or [trait["trait"] for trait in held_out]
        by_name = {trait["trait"]: trait for trait in held_out}
        found = [_judged_on(condition, name, by_name.get(name), current) for name in wanted]
        outcome = _outcome([trait["outcome"] for trait in found], condition.any_trait)
        why = "; ".join(trait["summary"] for trait in found if trait["outcome"] == outcome) or "no held-out row was compared"
    holds = outcome == "passed" or (outcome == "undecided" and condition.better_by is None)
    given = {"traits_asked" if name == "traits" else name: value for name, value in vars(condition).items() if value is not None}
    return {**given, "outcome": outcome, "holds": holds, "summary": f"{outcome.capitalize()}: {condition.said}: {why}.", "traits": found}


def _outcome(outcomes: list[str], any_trait: bool) -> str:
    # Of none there is nothing to tell.
    order = ("passed", "undecided", "unmeasured", "failed") if any_trait else ("failed", "unmeasured", "undecided", "passed")
    return next((outcome for outcome in order if outcome in outcomes), "unmeasured")


def _judged_on(condition: Condition, name: str, trait: dict | None, current: dict | None) -> dict:
    pairs, note = _pairs(condition, trait, current)
    if note is None and len(pairs) < LEAST_ROWS:
        note = f"{len(pairs)} rows are too few to tell, {LEAST_ROWS} are needed"
    if note is not None:
        return {"trait": name, "outcome": "unmeasured", "rows": len(pairs), "from": None, "to": None, "difference": None, "summary": f"{name}: {note}", "decided_by": []}
    before, after = ([each for *_, each in part] for part in ([(row, was) for row, was, _ in pairs], [(row, now) for row, _, now in pairs]))
    difference = difference_of(before, after)
    outcome = condition.outcome_of(difference)
    was, now = (sum(value for value, _ in values) / sum(weight for _, weight in values) for values in (before, after))
    decided_by = _decided_by(condition, pairs, outcome)
    figures = f"{was:.3f} to {now:.3f}, {difference.mean:+.3f} ({difference.low:+.3f} to {difference.high:+.3f}) on {len(pairs)} rows"
    told = f"{name} ({figures})" + (f", most by {decided_by[0]['said']}" if decided_by else "")
    return {"trait": name, "outcome": outcome, "rows": len(pairs), "from": was, "to": now, "difference": difference.figures, "summary": told, "decided_by": decided_by}


def _pairs(condition: Condition, trait: dict | None, current: dict | None) -> tuple[list[tuple], str | None]:
    """(row, what the reference did, what the model did) of each row that both were measured on, as sums over weights, or why there are none."""
    if trait is None:
        return [], "no row of it was held out"
    if condition.against == "base":
        of_reference = {row["id"]: row["base"] for row in trait["rows"]}
    else:
        if current["traits"] is None:
            return [], f"version {current['version']} kept no figures of its rows: it was validated by an earlier version of the service"
        same = next((each for each in current["traits"] if each["trait"] == trait["trait"]), None)
        if same is None:
            return [], f"version {current['version']} was not measured on it"
        if condition.metric == "score" and same["scorer"] != trait["scorer"]:
            return [], f"version {current['version']} was scored as {same['scorer']}, this one as {trait['scorer']}"
        of_reference = {row["id"]: row for row in same["rows"]}
    pairs = []
    for row in trait["rows"]:
        reference = of_reference.get(row["id"])
        if reference is None or (condition.metric == "score" and None in (reference["score"], row["tuned"]["score"])):
            continue
        weight = row["tokens"] if condition.metric == "loss" else 1
        pairs.append((row, (reference[condition.metric], weight), (row["tuned"][condition.metric], weight)))
    if not pairs:
        return [], "no row was scored" if condition.against == "base" else f"no row was held out from both this version and version {current['version']}"
    return pairs, None


def _decided_by(condition: Condition, pairs: list[tuple], outcome: str) -> list[dict]:
    """The rows whose difference moved the mean most: the best where the condition holds, else the worst."""
    sign = -1 if condition.metric == "loss" else 1
    gains = sorted(((sign * (after - before), place) for place, (_, (before, _), (after, _)) in enumerate(pairs)), reverse=outcome == "passed")
    named = []
    for gain, place in gains[:MOST_ROWS_NAMED]:
        if gain == 0 or (gain > 0) != (outcome == "passed"):
            break
        row, (before, weight), (after, _) = pairs[place]
        where = f"row {row['row_number']} of dataset {row['dataset_id']}" if row["dataset_id"] is not None else f"row {row['id']}"
        said = f"{where} ({row['text']!r}: {before / weight:.3f} to {after / weight:.3f})"
        named.append({**{name: row[name] for name in ("id", "dataset_id", "row_number", "text")}, "from": before / weight, "to": after / weight, "said": said})
    return named
