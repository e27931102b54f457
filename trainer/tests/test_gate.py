import unittest

from ..validation.gate import judge


def trait(losses, name="coding", scores=None, scorer="exact_match"):
    """Rows of two tokens each, of (base, tuned)."""
    scores = scores or [(0.0, 0.0)] * len(losses)
    return {
        "trait": name,
        "scorer": scorer,
        "rows": [
            {"id": f"row{number}", "dataset_id": 3, "row_number": number, "text": f"question {number}", "tokens": 2, "base": {"loss": 2 * base, "score": was}, "tuned": {"loss": 2 * tuned, "score": now}}
            for number, ((base, tuned), (was, now)) in enumerate(zip(losses, scores))
        ],
    }


def current(of, rows=None):
    kept = [{"id": row["id"], **row["tuned"], "tokens": row["tokens"]} for row in of["rows"][:rows]]
    return {"version": 1, "traits": [{"trait": of["trait"], "scorer": of["scorer"], "rows": kept}]}


def judged(condition, *traits, against=None):
    return judge({"conditions": [{"against": "base", "metric": "loss", **condition}], "current": against}, list(traits))


WORSE, BETTER = [(1.0, 1.3 + 0.001 * n) for n in range(12)], [(1.0, 0.7 - 0.001 * n) for n in range(12)]
# As often up as down: from about -0.3 to 0.3.
NOISE = [(1.0, 1.0 + (0.5 if n % 2 else -0.5)) for n in range(12)]


class Gate(unittest.TestCase):
    def outcomes(self, condition, *traits, **given):
        found = judged(condition, *traits, **given)
        [only] = found["conditions"]
        return found["verdict"], only["outcome"], only["holds"]

    def test_a_regression_counts_only_where_the_interval_lies_beyond_the_bound(self):
        # Compare the mean with the bound in Condition.outcome_of, and noise fails, or passes.
        for rows, expected in ((WORSE, ("failed", "failed", False)), (BETTER, ("passed", "passed", True)), (NOISE, ("passed", "undecided", True))):
            self.assertEqual(self.outcomes({"no_worse_by": 0.02}, trait(rows)), expected)
        self.assertEqual(self.outcomes({"no_worse_by": 0.4}, trait(WORSE))[1], "passed")

    def test_an_improvement_needs_the_interval_to_clear_the_bound(self):
        # Let an undecided condition of `better_by` hold in _judged, and noise is promoted.
        for rows, expected in ((BETTER, ("passed", "passed", True)), (WORSE, ("failed", "failed", False)), (NOISE, ("undecided", "undecided", False))):
            self.assertEqual(self.outcomes({"better_by": 0.05}, trait(rows)), expected)
        self.assertEqual(self.outcomes({"better_by": 0.5}, trait(BETTER))[1], "failed")

    def test_a_score_is_better_the_higher_it_is(self):
        # Leave the sign of the loss in Condition.outcome_of for both, and a fall passes.
        fall = trait([(1.0, 1.0)] * 12, scores=[(1.0, 0.0)] * 10 + [(1.0, 1.0)] * 2)
        self.assertEqual(self.outcomes({"metric": "score", "no_worse_by": 0.05}, fall)[1], "failed")
        rise = trait([(1.0, 1.0)] * 12, scores=[(0.0, 1.0)] * 10 + [(1.0, 1.0)] * 2)
        self.assertEqual(self.outcomes({"metric": "score", "better_by": 0.3}, rise)[1], "passed")

    def test_few_rows_or_few_that_differ_show_nothing(self):
        # Take LEAST_ROWS out of gate.py, and five rows fail a model.
        self.assertEqual(self.outcomes({"no_worse_by": 0.02}, trait(WORSE[:5])), ("undecided", "unmeasured", False))
        few = trait([(1.0, 1.0)] * 12, scores=[(1.0, 0.0)] * 5 + [(1.0, 1.0)] * 7)
        self.assertEqual(self.outcomes({"metric": "score", "no_worse_by": 0.01}, few)[1], "undecided")

    def test_each_trait_must_hold_or_one_of_them(self):
        # Take the worst of all for `any_trait` as well, and one that got better is not enough.
        both = (trait(BETTER, "coding"), trait(WORSE, "reasoning"))
        self.assertEqual(self.outcomes({"better_by": 0.05}, *both)[0], "failed")
        self.assertEqual(self.outcomes({"better_by": 0.05, "any_trait": True}, *both)[0], "passed")
        self.assertEqual(self.outcomes({"no_worse_by": 0.05, "traits": ["coding"]}, *both)[0], "passed")
        self.assertEqual(self.outcomes({"no_worse_by": 0.05, "traits": ["general_tools"]}, *both), ("undecided", "unmeasured", False))

    def test_the_current_version_is_compared_on_the_rows_that_both_held_out(self):
        # Pair rows by their place instead of their id, and other rows pass for the same.
        better, worse = trait(BETTER), trait(WORSE)
        against = {"against": "current", "no_worse_by": 0.02}
        self.assertEqual(self.outcomes(against, worse), ("passed", "passed", True))
        self.assertEqual(self.outcomes(against, worse, against=current(better))[0], "failed")
        self.assertEqual(judged(against, worse, against=current(better, 8))["conditions"][0]["traits"][0]["rows"], 8)
        others = current(better)
        for row in others["traits"][0]["rows"]:
            row["id"] += " of another seed"
        found = judged(against, worse, against=others)
        self.assertEqual((found["verdict"], found["current_version"]), ("undecided", 1))
        self.assertIn("coding: no row was held out from both this version and version 1", found["summary"])
        self.assertIn("kept no figures", judged(against, worse, against={"version": 1, "traits": None})["summary"])

    def test_it_says_which_rows_decided_and_by_how_much(self):
        # Sort by `reverse=outcome != "passed"` in _decided_by, and the best row stands for a regression.
        rows = WORSE[:]
        rows[7] = (1.0, 4.0)
        found = judged({"no_worse_by": 0.02}, trait(rows))
        [of_trait] = found["conditions"][0]["traits"]
        self.assertEqual([row["row_number"] for row in of_trait["decided_by"]], [7, 11, 10])
        self.assertRegex(found["summary"], r"Failed: the loss on each trait must be no worse than its base by more than 0.02: coding \(1.000 to 1.5\d\d, \+0.5\d\d \(\+0.\d\d\d to \+\d.\d\d\d\) on 12 rows\)")
        self.assertIn("most by row 7 of dataset 3 ('question 7': 1.000 to 4.000)", found["summary"])

    def test_without_a_gate_nothing_is_judged(self):
        self.assertIsNone(judge(None, []))


if __name__ == "__main__":
    unittest.main()
