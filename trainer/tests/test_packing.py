"""Rows laid end to end: what is learnt of each is what is learnt of it alone, and of models for which that is not so, it is refused."""

import json
import random
import unittest
from unittest.mock import patch

from ..platform.failures import BadInput
from ..tokens.batches import Rank, collate
from ..tokens.encoding import IGNORED
from ..tokens.packing import collate_packed, parts_of, sequences_of
from .support import HYPERPARAMETERS, Trainings, train_here
from .test_answer_loss import SIZES, family, loss_and_gradients

# Shapes of models, with layers that look back less far than a row is long.
APART = {
    "llama": {}, "qwen2": {}, "qwen3": {"head_dim": 8}, "mistral": {"sliding_window": 5}, "phi3": {"sliding_window": 5},
    "gemma3_text": {"head_dim": 8, "sliding_window": 5, "layer_types": ["sliding_attention", "full_attention"]},
}  # fmt: skip
REFUSED = {
    "mamba": ({"state_size": 4}, r"MambaForCausalLM\) has layers of the kind linear_attention"),
    "gemma2": ({"head_dim": 8}, r"Gemma2ForCausalLM\) computes attention by code of its own \(eager\)"),
    "llama4_text": ({"attention_chunk_size": 8}, r"Llama4ForCausalLM\) has layers of the kind chunked_attention"),
    "mixtral": ({"num_local_experts": 4, "output_router_logits": True}, r"the loss of the base model \(MixtralForCausalLM\) is no sum over tokens"),
    "falcon": ({}, r"the code of the base model \(FalconForCausalLM\) does not read packed rows: TypeError"),
}
SHARED = 3


def rows(lengths=(9, 23, 12, 8), learnt_from: int = SHARED + 1) -> list[dict]:
    """Each begins with the same tokens, of which nothing is learnt."""
    draw = random.Random(1)
    made = []
    for length in lengths:
        ids = [*range(5, 5 + SHARED), 10 + len(made), *(draw.randrange(20, 101) for _ in range(length - SHARED - 1))]
        made.append({"input_ids": ids, "labels": [IGNORED] * learnt_from + ids[learnt_from:]})
    return made


def model_of(name: str, chosen: dict):
    with patch.dict("trainer.tests.test_answer_loss.FAMILIES", {name: chosen}):
        return family(name)


def learnt_packed(loss, model, given: list[dict], most_tokens: int, tokens: int, lean: bool = False):
    from ..training.packed_attention import laid_out, row_by_row

    total = 0.0
    for sequence, layout in laid_out(collate_packed(0, Rank(), most_tokens)(given)):
        with row_by_row(model, layout, lean):
            part = loss.learnt(model, sequence, tokens)
            part.backward()
        total += part.item()
    return total


class Sequences(unittest.TestCase):
    def test_rows_keep_their_order_and_sequences_their_bounds(self):
        # Leave out the bound in sequences_of, or let what is shared count once in it.
        made = [sequence for most in (32, 40) for sequence in sequences_of(rows(), most)]
        self.assertEqual([[len(row["input_ids"]) for row in sequence.rows] for sequence in made], [[9, 23], [12, 8], [9, 23], [12, 8]])
        self.assertEqual([len(sequence.rows) for sequence in sequences_of(rows(), 5)], [1, 1, 1, 1])

    def test_what_is_learnt_is_never_shared(self):
        # Of these rows the fourth token is learnt, which follows the third. Take a token more in _unlearnt, and it is learnt once for all rows.
        self.assertEqual([sequences_of(rows(learnt_from=start), 100)[0].shared for start in (1, 2, 3, 4, 9)], [0, 1, 2, 3, 3])

    def test_each_row_is_read_back(self):
        # Shift a place in _laid or parts_of.
        given = rows()
        batch = collate_packed(0, Rank(), 40)(given)
        # It counts as many tokens as the rows have.
        self.assertEqual(int(batch["attention_mask"].sum()), sum(len(row["input_ids"]) for row in given))
        found = []
        for sequence, shared, lengths in parts_of(batch):
            ids, labels, positions = (sequence[name][0].tolist() for name in ("input_ids", "labels", "position_ids"))
            start = shared
            for length in lengths:
                end = start + length - shared
                self.assertEqual(positions[:shared] + positions[start:end], list(range(length)))
                found.append({"input_ids": ids[:shared] + ids[start:end], "labels": labels[:shared] + labels[start:end]})
                start = end
        self.assertEqual(found, given)

    def test_a_process_without_rows_computes_on_padding(self):
        batch = collate_packed(7, Rank(1, 2), 40)(rows()[:1])
        self.assertEqual((batch["input_ids"].tolist(), batch["labels"].tolist(), int(batch["attention_mask"].sum())), ([[7]], [[IGNORED]], 0))


class Apart(unittest.TestCase):
    def test_loss_and_gradients_are_those_of_each_row_alone(self):
        # Give sdpa the whole sequence in packed_attention (row_by_row that changes nothing), leave out _window or the sum in _Spread.backward, or let positions
        # go on from row to row in _laid, and shapes fail; leave out the label there, and the first token of a row is learnt from the row before.
        import torch

        from ..evaluation.answer_loss import AnswerLoss

        for name, chosen in APART.items():
            for given in (rows(), rows(learnt_from=0)):
                with self.subTest(name, learnt=given[0]["labels"].count(IGNORED)):
                    model = model_of(name, chosen)
                    loss = AnswerLoss(model, 10**6)
                    tokens = sum(label != IGNORED for row in given for label in row["labels"][1:])

                    def alone():
                        return sum(loss.learnt(model, collate(0)([row]), tokens) for row in given)

                    expected, gradients = loss_and_gradients(model, alone)
                    # Leave the scaling or the mask out of short_rows.py, or let it give the gradient of a key for that of a value, and those that are attended at once fail.
                    for most_tokens, lean in ((40, False), (100, False), (40, True), (100, True)):
                        model.zero_grad()
                        self.assertAlmostEqual(learnt_packed(loss, model, given, most_tokens, tokens, lean), expected, places=5)
                        found = torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None])
                        torch.testing.assert_close(found, gradients, rtol=1e-4, atol=1e-6)

    def test_of_each_row_the_loss_is_that_of_the_row_alone(self):
        # One row is learnt at a time, among others that are as long or longer.
        from ..evaluation.answer_loss import AnswerLoss

        model = model_of("gemma3_text", APART["gemma3_text"])
        loss = AnswerLoss(model, 10**6)
        for number, row in enumerate(rows()):
            others = [{**other, "labels": other["labels"] if other_number == number else [IGNORED] * len(other["labels"])} for other_number, other in enumerate(rows())]
            self.assertAlmostEqual(learnt_packed(loss, model, others, 100, 1), loss.learnt(model, collate(0)([row]), 1).item(), delta=1e-4)

    def test_what_cannot_be_apart_is_refused_by_name(self):
        # Take a refusal out of apart.py, and its model is trained on rows that see each other, or fails within a step.
        from ..evaluation.answer_loss import AnswerLoss
        from ..training.apart import require_apart

        for name, chosen in APART.items():
            model = model_of(name, chosen)
            for lean in (False, True):
                require_apart(model, AnswerLoss(model, 10**6), lean)
        for name, (chosen, sentence) in REFUSED.items():
            model = model_of(name, chosen)
            with self.subTest(name), self.assertRaisesRegex(BadInput, f"^hyperparameters\\.packing is true, and .*{sentence}.*Set hyperparameters\\.packing to false, or take another model\\.$"):
                require_apart(model, AnswerLoss(model, 10**6))

    def test_rounding_is_not_taken_for_rows_that_see_each_other(self):
        # Logits of SmolLM2 in bf16 differ so. Compare the greatest difference with the greatest logit, as it was, by 0.02.
        import torch
        from transformers.modeling_utils import AttentionInterface

        from ..evaluation.answer_loss import AnswerLoss
        from ..training import packed_attention
        from ..training.apart import require_apart

        model, own, draw = model_of("llama", {}), AttentionInterface._global_mapping[packed_attention._NAME], torch.Generator().manual_seed(1)

        def rounded(*arguments, **named):
            found, weights = own(*arguments, **named)
            return found * (1 + 0.1 * torch.randn(found.shape, generator=draw)), weights

        with patch.dict(AttentionInterface._global_mapping, {packed_attention._NAME: rounded}):
            require_apart(model, AnswerLoss(model, 10**6))

    def test_attention_at_once_is_exact_where_nearly_all_of_its_gradients_cancels_out(self):
        # Make of_shares from bf16 in short_rows.py, or leave out the division by the sum, and the gradients of queries and keys are noise.
        import torch

        from ..training.short_rows import attention_at_once

        draw = torch.Generator().manual_seed(1)
        query, key, value, gradient = (torch.randn(2, heads, 24, 16, generator=draw).bfloat16() for heads in (4, 2, 2, 4))
        value, gradient, causal = value + 100, gradient.transpose(1, 2) + 4, torch.ones(24, 24, dtype=torch.bool).tril()[None, None]

        def gradients(dtype):
            given = [each.to(dtype).requires_grad_() for each in (query, key, value)]
            return torch.autograd.grad(attention_at_once(*given, causal, None), given, gradient.to(dtype))

        for exact, found in zip(gradients(torch.float64), gradients(torch.bfloat16)):
            self.assertLess((found - exact).norm() / exact.norm(), 0.05)

    def test_rows_that_see_each_other_are_seen(self):
        # Leave out the comparison in require_apart. Here layers look at all that is before them, or not as far back as they do.
        from ..evaluation.answer_loss import AnswerLoss
        from ..training import packed_attention
        from ..training.apart import require_apart

        def of_the_whole(module, query, key, value, mask, *arguments, **named):
            return packed_attention.sdpa_attention_forward(module, query, key, value, None, scaling=named.get("scaling"))

        from transformers.modeling_utils import AttentionInterface

        own = AttentionInterface._global_mapping[packed_attention._NAME]
        for name, wrong in (("llama", of_the_whole), ("mistral", lambda *arguments, **named: own(*arguments, **{**named, "sliding_window": None}))):
            # No row of the try is as long as what it looks back. Leave out _looking_back.
            model = model_of(name, {"sliding_window": 50} if name == "mistral" else {})
            with self.subTest(name), patch.dict(AttentionInterface._global_mapping, {packed_attention._NAME: wrong}), self.assertRaisesRegex(BadInput, "rows that are laid end to end see each other"):
                require_apart(model, AnswerLoss(model, 10**6))


class Steps(Trainings):
    def test_steps_learn_the_same_from_the_same_rows(self):
        # Let a step have the rows of a batch in optimisation.arguments, or count tokens otherwise in _laid.
        from ..base_models.models import computes_in_bf16
        from ..training.apart import require_apart

        data = self.work / "uneven.jsonl"
        turns = lambda i: [{"role": "user", "content": f"count to {i}"}, {"role": "assistant", "content": " ".join(map(str, range(i)))}]  # noqa: E731
        data.write_text("".join(json.dumps({"messages": turns(1 + 3 * i % 13)}) + "\n" for i in range(18)))
        few = {**HYPERPARAMETERS, "batch_size": 2, "gradient_accumulation": 4, "epochs": 2, "max_steps": None, "lora_dropout": 0.0, "eval_steps": 0, "merge": False, "save_steps": 100}
        for training_type in ("standard", "qlora"):
            told = {}
            for packing in (False, True):
                # Packed, all weights compute in bf16 where a CPU can, and otherwise not.
                exact = patch("trainer.training.optimisation.computes_in_bf16", return_value=training_type == "qlora" and computes_in_bf16())
                options = {"training_type": training_type, "hyperparameters": {**few, "packing": packing}, "data": {"train": str(data), "held_out": None}}
                with exact, patch("trainer.training.rehearsal.require_apart", wraps=require_apart) as tried:
                    _, events = train_here(self.fresh(f"{training_type} {packing}"), **options)
                self.assertEqual(tried.call_count, int(packing))  # Leave it out of rehearse_the_end.
                told[packing] = events.of("step")
            self.assertEqual(len(told[True]), 6)
            self.assertEqual([step["tokens"] for step in told[True]], [step["tokens"] for step in told[False]])
            for packed, padded in zip(told[True], told[False]):
                self.assertAlmostEqual(packed["loss"], padded["loss"], delta=0.003 * padded["loss"])
                self.assertAlmostEqual(packed["grad_norm"], padded["grad_norm"], delta=0.03 * padded["grad_norm"])


assert SIZES["max_position_embeddings"] > max(len(row["input_ids"]) for row in rows())
