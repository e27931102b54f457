import unittest

from ..validation.scorers import SCORERS, last_number, score_by_format, scorer_of
from ..validation.verdict import SCORED, difference_of, verdict_of, verdict_of_all

CODE = "def add(a, b):\n    return a + b"


class Scorers(unittest.TestCase):
    """By hand: which scorer a trait gets, and what answers are worth."""

    def test_the_scorer_is_chosen_by_what_most_expected_answers_are(self):
        # Let scorer_of take the first that any answer has, and free text with a number in it is scored by numbers.
        cases = {
            "number": ["42", "She has 3 + 4 = 7 apples.\n#### 7", "The answer is $1,234.50."],
            "json_fields": ['{"a": 1}', '```json\n{"b": [1, 2]}\n```', '  {"c": {}}  '],
            "python_parses": [CODE, f"Here it is:\n```python\n{CODE}\n```\nIt adds 2 and 2.", "print('x')"],
            None: ["Paris", "It depends: on 3 things.", "Answer: yes", "x = 5 apples", "```js\nf(1)\n```", "[1]a"],
        }
        for name, answers in cases.items():
            with self.subTest(name):
                scorer = scorer_of(answers)
                self.assertEqual(scorer and scorer.name, name)
                for answer in answers:
                    found = scorer_of([answer])
                    self.assertEqual(found and found.name, name, answer)
        self.assertIsNone(scorer_of(["1", "Paris"]))
        self.assertIsNone(scorer_of([]))

    def test_numbers(self):
        cases = {
            "#### 42": 42, "1,234": 1234, "-5": -5, "3-5": 5, "0.50": 0.5, ".5": 0.5, "1/2": 0.5, "$7.": 7, "\\boxed{8}": 8, "1, 2, 3": 3,
            "none": None, "x15": None, "3/0": 0, "9" * 5000: None,
        }
        for text, number in cases.items():
            self.assertEqual(last_number(text), number, text[:20])
        scores = score_by_format(["#### 10", "#### 2,000", "so"], ["10", "It is 2000.00", "so"], ["11", "#### 2000 or 3", "no"])
        self.assertEqual(scores, ("number", [0, 1], [1.0, 1.0], [0.0, 0.0]))

    def test_json_fields(self):
        expected = '{"name": "Ann", "age": 3, "tags": ["a"], "ok": true}'
        cases = {
            expected: 1,
            '```json\n{"ok": true, "tags": ["a"], "age": 3.0, "name": "Ann"}\n``` as you asked': 1,
            '{"name": "Ann", "age": 4, "tags": ["a"], "ok": true}': 0.75,
            '{"name": "Ann", "age": 3, "tags": ["a"], "ok": 1}': 0.75,
            '{"name": "Ann", "age": 3, "tags": ["a"], "ok": true, "more": 1}': 0.8,
            '{"name": "Ann"': 0,
            "Ann is 3": 0,
            "[" * 100_000 + "{" * 100_000: 0,
        }
        scorer = scorer_of([expected])
        for given, score in cases.items():
            self.assertAlmostEqual(scorer.score(expected, given), score, msg=given[:60])

    def test_code_that_parses(self):
        cases = {CODE: 1, f"```\n{CODE}\n```": 1, f"Sure.\n```python\n{CODE}": 1, CODE + ":": 0, f"Sure.\n{CODE}": 0, "yes": 0, "": 0, "f\0()": 0, "f" + "(" * 5000: 0}
        scorer = scorer_of([CODE])
        for given, score in cases.items():
            self.assertEqual(scorer.score(CODE, given), score, given[:60])


def rows(*means: float, tokens: int = 10) -> list[tuple[float, int]]:
    return [(mean * tokens, tokens) for mean in means]


class Verdicts(unittest.TestCase):
    """By hand: which differences rows show."""

    def test_a_difference_is_shown_where_rows_like_these_would_show_it_again(self):
        # Draw base and tuned each for themselves, and what differs between rows hides what differs in each of them.
        spread = [0.5 * row for row in range(1, 21)]
        little = difference_of(rows(*spread), rows(*(loss - 0.01 for loss in spread)))
        self.assertAlmostEqual(little.mean, -0.01)
        self.assertEqual((little.sign, little.rows, little.differing), (-1, 20, 20))
        either = difference_of(rows(*spread), rows(*(loss + (-1) ** number for number, loss in enumerate(spread))))
        self.assertEqual(either.sign, 0)
        self.assertLess(either.low, 0)
        self.assertGreater(either.high, 0)
        # A row of many tokens counts for as much as it has.
        self.assertAlmostEqual(difference_of([(10, 10), (90, 90)], [(10, 10), (180, 90)]).mean, 0.9)

    def test_a_handful_of_rows_shows_nothing(self):
        # Ask the bootstrap alone, and three rows of three are a verdict, which chance gives once in four times.
        for count, sign in ((1, 0), (3, 0), (5, 0), (6, -1)):
            self.assertEqual(difference_of(rows(*[2.0] * count), rows(*[1.0] * count)).sign, sign, count)
        scores = [(0.0, 1)] * 32
        for right, sign in ((5, 0), (6, 1)):
            self.assertEqual(difference_of(scores, [(1.0, 1)] * right + scores[right:]).sign, sign, right)

    def test_worse_is_told_whatever_else_is_better(self):
        up, down, level = (difference_of(rows(*[2.0] * 8), rows(*[tuned] * 8)) for tuned in (2.1, 1.9, 2.0))
        cases = [(down, None, "better"), (level, None, "same"), (up, None, "worse"), (down, level, "better"), (down, up, "better"), (down, down, "worse"), (up, up, "worse"), (level, up, "better"), (level, down, "worse")]
        for loss, score, verdict in cases:
            self.assertEqual(verdict_of(loss, score), verdict, (loss.sign, score and score.sign))

    def trait(self, name: str, verdict: str, losses: tuple, by_format=None, rows=30) -> dict:
        base, tuned = ({"loss": loss, "exact_match": 0.0} for loss in losses)
        return {"trait": name, "rows": rows, "asked": rows, "base": base, "tuned": tuned, "by_format": by_format, "verdict": verdict}

    def test_one_trait_that_is_worse_makes_it_worse_and_is_named_first(self):
        numbers = {"scorer": "number", "rows": 30, "base": 0.5, "tuned": 0.4}
        verdict, summary = verdict_of_all([self.trait("coding", "better", (2.0, 1.0)), self.trait("maths", "worse", (1.0, 2.0), numbers)])
        self.assertEqual(verdict, "worse")
        self.assertEqual(
            summary,
            "The tuned model is WORSE than its base on held-out rows of maths (loss 1.000 to 2.000, right numbers 50% to 40%). "
            "The tuned model is better than its base on held-out rows of coding (loss 2.000 to 1.000, exact match 0% to 0%).",
        )
        self.assertEqual(verdict_of_all([])[0], None)
        self.assertEqual(set(SCORED), {scorer.name for scorer in SCORERS})

    def test_too_few_rows_say_so(self):
        verdict, summary = verdict_of_all([self.trait("maths", "same", (2.0, 1.0), rows=3)])
        self.assertEqual(verdict, "same")
        self.assertRegex(summary, r"^The tuned model shows no difference from its base on held-out rows of maths .*Too few rows to tell, whatever they show: maths \(3\)\. Hold out 6 or more")
