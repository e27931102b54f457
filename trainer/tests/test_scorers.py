import unittest

from ..scorers import last_number, score_by_format, scorer_of
from ..verdict import verdict_of, verdict_of_all

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
        self.assertEqual(scores, {"scorer": "number", "rows": 2, "base": 1.0, "tuned": 0.0})

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


class Verdicts(unittest.TestCase):
    def trait(self, base: float, tuned: float, scores=None, exact=(0.0, 0.0), rows=30) -> dict:
        by_format = scores and {"scorer": "number", "rows": rows, "base": scores[0], "tuned": scores[1]}
        figures = {
            "trait": "maths", "rows": rows, "asked": rows, "by_format": by_format,
            "base": {"loss": base, "exact_match": exact[0]}, "tuned": {"loss": tuned, "exact_match": exact[1]},
        }
        return {**figures, "verdict": verdict_of(figures)}

    def test_worse_is_told_whatever_else_is_better(self):
        cases = [
            (self.trait(2.0, 1.0), "better"),
            (self.trait(2.0, 2.01), "same"),
            (self.trait(2.0, 2.1), "worse"),
            (self.trait(0.001, 0.002), "same"),
            (self.trait(2.0, 1.0, scores=(0.8, 0.2)), "worse"),
            (self.trait(2.0, 2.1, scores=(0.2, 0.8)), "worse"),
            (self.trait(2.0, 2.0, scores=(0.2, 0.8)), "better"),
            (self.trait(2.0, 2.0, exact=(0.5, 0.1)), "worse"),
            (self.trait(2.0, 1.0, scores=(1.0, 0.6), rows=5), "better"),  # Two rows: chance.
            (self.trait(2.0, 1.0, scores=(1.0, 0.4), rows=5), "worse"),
        ]
        for number, (trait, verdict) in enumerate(cases):
            with self.subTest(number):
                self.assertEqual(trait["verdict"], verdict)

    def test_one_trait_that_is_worse_makes_it_worse_and_is_named_first(self):
        verdict, summary = verdict_of_all([{**self.trait(2.0, 1.0), "trait": "coding"}, self.trait(1.0, 2.0, scores=(0.5, 0.4))])
        self.assertEqual(verdict, "worse")
        self.assertEqual(
            summary,
            "The tuned model is WORSE than its base on held-out rows of maths (loss 1.000 to 2.000, number 50% to 40%). "
            "The tuned model is better than its base on held-out rows of coding (loss 2.000 to 1.000, exact match 0% to 0%).",
        )
        self.assertEqual(verdict_of_all([])[0], None)
