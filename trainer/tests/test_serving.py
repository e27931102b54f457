import json
import math
import unittest
from collections import defaultdict

from ..runs.checkpoints import all_checkpoints
from ..serving.batch import TOKENS_OF_A_BLOCK, Batch, keeps_what_it_read, takes_several
from ..serving.engine import Engine
from ..serving.sampling import Sampler, Sampling
from ..serving.told_text import ToldText
from .architectures import built, named
from .packages import smollm2
from .support import HYPERPARAMETERS, Trainings, model_path, start_command, train_once

# Of every kind: how positions are told, experts, windows, keys and values in few dimensions, and layers that keep a state.
OF_ATTENTION = ("llama", "gpt2", "bloom", "mpt", "opt", "falcon", "gemma3_text", "gpt_neo", "cohere2", "mixtral", "gpt_oss", "deepseek_v3")
WITH_STATES = ("lfm2", "falcon_h1", "qwen3_5_text")
NEW = 6
# So much that the model says something else.
MUCH = {**HYPERPARAMETERS, "learning_rate": 0.05, "epochs": 6}


def asked(id_: str, **changes) -> dict:
    return {"id": id_, "messages": [{"role": "user", "content": f"what is {id_}"}], "max_tokens": 8, "temperature": 0, "top_p": 1, **changes}


class Batches(unittest.TestCase):
    def test_rows_that_join_and_leave_say_what_each_says_alone(self):
        # In `step`, give positions from 0 for all rows, or let `keep` cut a token too much, and rows with padding say something else.
        import torch

        for name in OF_ATTENTION + WITH_STATES:
            with self.subTest(name), torch.inference_mode():
                model = built(named(name)).float().eval()
                several = takes_several(model)
                self.assertEqual(several, name in OF_ATTENTION)
                prompts = [[5, 9, 17, 40, 3], list(range(20, 60)), [7, 8]]
                alone = [self.alone(model, prompt) for prompt in prompts]
                if several:
                    self.assertEqual(self.together(model, prompts), alone)
                else:
                    self.assertEqual([self.together(model, [prompt])[0] for prompt in prompts], alone)

    def test_a_model_that_keeps_what_it_read_in_a_form_of_its_own_is_known(self):
        self.assertFalse(keeps_what_it_read(built(named("mamba"))))

    def alone(self, model, prompt: list[int]) -> list[int]:
        import torch

        ids = torch.tensor([prompt])
        found = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, do_sample=False, eos_token_id=None, pad_token_id=0)
        return found[0, len(prompt) :].tolist()

    def together(self, model, prompts: list[list[int]]) -> list[list[int]]:
        """Each joins a step after the one before, and leaves when it has what it wanted."""
        batch, said, rows = Batch(model, takes_several(model)), [[] for _ in prompts], []
        waiting = list(enumerate(prompts))
        while waiting or rows:
            if waiting:
                place, prompt = waiting.pop(0)
                read, logits = batch.read(prompt)
                batch.join(read)
                rows.append(place)
                said[place].append(int(logits.argmax()))
            for place, logits in zip(rows, batch.step([said[place][-1] for place in rows])):
                said[place].append(int(logits.argmax()))
            stay = [row for row, place in enumerate(rows) if len(said[place]) < NEW]
            batch.keep(stay)
            rows = [rows[row] for row in stay]
        return said


    def test_what_follows_each_token_of_a_prompt_is_seen_as_by_one_pass(self):
        # Of blocks that do not know of each other the second one says something else.
        import torch

        for name in ("llama", "gpt2", "gpt_oss", *WITH_STATES):
            with self.subTest(name), torch.inference_mode():
                model = built(named(name)).float().eval()
                prompt = [(7 * place) % 90 + 3 for place in range(TOKENS_OF_A_BLOCK + 9)]
                seen = []
                Batch(model, takes_several(model)).read(prompt, lambda logits: seen.extend(logits))
                expected = model(torch.tensor([prompt])).logits[0]
                self.assertEqual(len(prompt), len(seen))
                self.assertLess((torch.stack(seen) - expected).abs().max().item(), 1e-4)


class Engines(Trainings):
    def engine(self, adapter_of: str | None = None, **model):
        from ..serving.served_model import ServedModel

        self.told = defaultdict(list)
        served = ServedModel(model.pop("path", model_path()), device="cpu", **model)
        return Engine(served, lambda line: self.told[line["id"]].append(line))

    def done(self, engine: Engine) -> None:
        while engine.has_work:
            engine.turn()

    def text(self, id_: str, index: int = 0) -> str:
        return "".join(line["text"] for line in self.told[id_] if line.get("index") == index)

    def test_adapters_share_a_base_and_none_changes_it(self):
        train_once(self.work, training_type="qlora", hyperparameters=MUCH)
        output = self.work / "output"
        whole = self.engine(path=output)
        whole.ask(asked("a"))
        self.done(whole)
        merged = self.text("a")
        engine = self.engine()
        engine.ask(asked("a"))
        self.done(engine)
        base = self.text("a")
        self.assertNotEqual(base, merged)
        # In turns of some tokens, beside each other.
        for id_, adapter in [("a", str(output / "adapter")), ("b", None), ("c", str(output / "adapter"))]:
            engine.ask({**asked("a", adapter=adapter), "id": id_})
        self.told.clear()
        self.done(engine)
        self.assertEqual([self.text(id_) for id_ in "abc"], [merged, base, merged])

    def test_a_checkpoint_answers_as_the_model_at_its_step(self):
        for kind in ("qlora", "standard"):
            with self.subTest(kind):
                work = self.fresh(kind)
                train_once(work, training_type=kind, hyperparameters=MUCH if kind == "qlora" else HYPERPARAMETERS)
                exported = self.engine(path=work / "output")
                exported.ask(asked("a"))
                self.done(exported)
                expected = self.text("a")
                last = all_checkpoints(work / "checkpoints")[0].path
                engine = self.engine() if kind == "qlora" else self.engine(weights=last)
                engine.ask(asked("a", adapter=str(last) if kind == "qlora" else None))
                self.done(engine)
                self.assertEqual(self.text("a"), expected)

    def test_several_answers_share_what_they_were_asked_and_differ_by_their_seeds(self):
        engine = self.engine()
        for id_ in ("first", "again"):
            engine.ask({**asked("x", temperature=1, seed=7, n=3), "id": id_})
        self.done(engine)
        first, again = ([self.text(id_, index) for index in range(3)] for id_ in ("first", "again"))
        self.assertEqual(first, again)
        self.assertEqual(len(set(first)), 3)
        self.assertEqual(self.told["first"][-1]["completion_tokens"], sum(1 for _ in range(3)) * 8)

    def test_whoever_leaves_is_not_answered_any_more(self):
        engine = self.engine()
        engine.ask(asked("gone", max_tokens=200))
        engine.ask(asked("stays"))
        engine.turn()
        engine.leave("gone")
        before = len(self.told["gone"])
        self.done(engine)
        self.assertEqual(len(self.told["gone"]), before)
        self.assertTrue(self.told["stays"][-1]["done"])

    def test_probabilities_are_those_of_the_model(self):
        engine = self.engine()
        engine.ask(asked("a", top_logprobs=3, max_tokens=2))
        self.done(engine)
        tokens = [line["logprobs"] for line in self.told["a"] if "logprobs" in line]
        self.assertEqual(len(tokens), 2)
        for token in tokens:
            values = [one["logprob"] for one in token["top"]]
            self.assertEqual(values, sorted(values, reverse=True))
            self.assertEqual(token["logprob"], values[0])
            self.assertLess(sum(map(math.exp, values)), 1)

    def test_what_cannot_be_asked_is_told_and_nobody_else_hears_of_it(self):
        engine = self.engine()
        engine.ask(asked("long", messages=[{"role": "user", "content": "7 " * 40000}]))
        engine.ask(asked("token", logit_bias={"100000": 1}))
        engine.ask(asked("adapter", adapter=str(self.work)))
        engine.ask(asked("good"))
        self.done(engine)
        self.assertEqual(self.told["long"][0]["code"], "context_length_exceeded")
        self.assertIn("tokens are 0 to", self.told["token"][0]["error"])
        self.assertIn("does not load", self.told["adapter"][-1]["error"])
        self.assertTrue(self.told["good"][-1]["done"])

    def test_a_process_answers_until_its_starter_is_gone(self):
        process = start_command("trainer.serve", "--model", str(model_path()))
        self.addCleanup(process.kill)
        self.assertTrue(json.loads(process.stdout.readline())["ready"])
        process.stdin.write(json.dumps(asked("a")) + "\n")
        process.stdin.flush()
        self.assertIn("what is a", json.loads(process.stdout.readline())["prompt"])
        line = {}
        while not line.get("done"):
            line = json.loads(process.stdout.readline())
            self.assertNotIn("error", line)
        process.stdin.close()
        self.assertEqual(process.wait(timeout=60), 0)
        process.stdout.close()


class Texts(unittest.TestCase):
    def told(self, text: str, **choices) -> list[str]:
        tokenizer = smollm2()
        told = ToldText(tokenizer, **choices)
        pieces = []
        for token in tokenizer(text, add_special_tokens=False)["input_ids"]:
            pieces.append(told.add(token))
            if told.is_stopped:
                break
        return [*pieces, told.rest()]

    def test_no_half_character_is_told(self):
        pieces = self.told("Grüße 🦙 ok")
        self.assertEqual("".join(pieces), "Grüße 🦙 ok")
        self.assertFalse(any("\ufffd" in piece for piece in pieces))

    def test_a_text_that_stops_it_is_not_told_nor_a_part_of_it(self):
        # Tell what is held back at once, and the beginning of the stop is told.
        self.assertEqual("".join(self.told("one two three four", stops=["three f"])), "one two ")
        self.assertEqual("".join(self.told("one two three", stops=["three f"])), "one two three")


class Samplers(unittest.TestCase):
    def chosen(self, times: int = 400, **choices) -> list[int]:
        import torch

        logits = torch.tensor([1.0, 3.0, 2.0, -4.0])
        sampler = Sampler(Sampling(seed=1, **choices))
        return [sampler.choose(logits).token for _ in range(times)]

    def test_each_choice_does_what_its_name_says(self):
        self.assertEqual(set(self.chosen(temperature=0)), {1})
        self.assertEqual(set(self.chosen(top_p=0.5)), {1})
        self.assertEqual(set(self.chosen(top_p=0.8)), {1, 2})
        self.assertEqual(set(self.chosen(logit_bias={3: 100})), {3})
        share = self.chosen(4000).count(1) / 4000
        self.assertAlmostEqual(share, math.exp(3) / sum(map(math.exp, (1, 3, 2, -4))), delta=0.03)
        self.assertEqual(self.chosen(3, temperature=0, presence_penalty=1.5), [1, 2, 1])
        self.assertNotEqual(self.chosen(9), [1] * 9)
        self.assertEqual(self.chosen(9), self.chosen(9))
