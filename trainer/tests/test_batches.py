import random
import unittest

from ..tokens.batches import LikeLengths


class Order(unittest.TestCase):
    def setUp(self):
        generator = random.Random(1)
        self.lengths = [generator.randrange(10, 1000) for _ in range(1003)]

    def order(self, epoch=0, seed=1) -> list[int]:
        sampler = LikeLengths(self.lengths, 8, seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    def padding(self, order: list[int]) -> float:
        """The part of what is computed that is padding, in batches of 8."""
        batches = [[self.lengths[row] for row in order[start : start + 8]] for start in range(0, len(order), 8)]
        return 1 - sum(self.lengths) / sum(max(batch) * len(batch) for batch in batches)

    def test_each_row_comes_once_and_steps_stay_whole(self):
        order = self.order()
        self.assertEqual(sorted(order), list(range(1003)))
        # The last step has the three that are left.
        self.assertEqual(len(order) % 8, 3)

    def test_little_is_padding(self):
        self.assertGreater(self.padding(list(range(1003))), 0.4)
        self.assertLess(self.padding(self.order()), 0.05)

    def test_it_depends_on_seed_and_epoch_alone(self):
        self.assertEqual(self.order(), self.order())
        self.assertNotEqual(self.order(epoch=1), self.order())
        self.assertNotEqual(self.order(seed=2), self.order())

    def test_it_is_no_course_from_short_to_long(self):
        means = [sum(self.lengths[row] for row in self.order()[start : start + 8]) / 8 for start in range(0, 1000, 8)]
        rises = sum(later > earlier for earlier, later in zip(means, means[1:]))
        self.assertTrue(0.35 < rises / len(means) < 0.65)

    def test_rows_meet_others_in_each_epoch(self):
        def together(order):
            return {frozenset(order[start : start + 8]) for start in range(0, 1000, 8)}

        self.assertFalse(together(self.order()) & together(self.order(epoch=1)))
