"""Tokens that the base's vocabulary lacks: learnt, gone on with, merged, and read by whoever loads the model."""

import json
from functools import cache
from pathlib import Path

from ..base_models.models import load_tokenizer
from ..base_models.new_tokens import ids_of
from ..datasets.rows import read_conversations
from ..outputs.new_tokens import PREFIX, with_rows
from ..outputs.start import PREFIX as STARTED
from ..outputs.start import start_identity
from ..platform.failures import BadInput, Stopped
from ..platform.safetensors_files import Tensors
from ..runs.run_file import read_run_file
from ..validation.validation import validate
from .architectures import Architecture, make, named
from .support import HYPERPARAMETERS, Recorder, Trainings, few_words, model_path, shared, stop_at, train_here, warnings, write_run_file

TOKENS = ["<think>", "</think>"]
SHORT = {**HYPERPARAMETERS, "lora_dropout": 0.0, "max_steps": 4, "save_steps": 2, "eval_steps": 4, "learning_rate": 0.01, "new_tokens": TOKENS}
EMBEDDINGS, OUTPUT = "model.embed_tokens.weight", "lm_head.weight"


@cache
def data() -> dict:
    """Answers with a thought, in marks that are tokens of no base here."""
    rows = [{"prompt": f"question {i}", "completion": f"<think>sum {i % 3}</think>answer {i % 7}", "trait": "a"} for i in range(22)]
    for name, some in (("thoughts", rows), ("thoughts-held-out", rows[:4])):
        (shared() / f"{name}.jsonl").write_text("\n".join(map(json.dumps, some)))
    return {"train": str(shared() / "thoughts.jsonl"), "held_out": str(shared() / "thoughts-held-out.jsonl")}


def losses(events: Recorder, step: int) -> list[float]:
    return [event["loss"] for event in events.of("eval") if event["step"] == step]


class NewTokens(Trainings):
    def asked(self, base: Path | None = None, training_type: str = "lora", **chosen) -> dict:
        named = {"model": {"name": "mtm/x", "path": str(base)}} if base else {}
        return {"training_type": training_type, "data": data(), "hyperparameters": {**SHORT, **chosen}, **named}

    def trained(self, *arguments, start: dict | None = None, **chosen) -> tuple[Path, Recorder]:
        work = self.fresh(f"work-{len(list(self.work.iterdir()))}")
        self.options = {**self.asked(*arguments, **chosen), "start": start}
        return work, train_here(work, **self.options)[1]

    @few_words
    def looked_at(self, work: Path) -> dict:
        run = read_run_file(write_run_file(work, **self.options, task="validate"))
        found = validate(run, read_conversations(run.held_out), Recorder())
        self.assertTrue(found["valid"], found["errors"])
        return found

    def without_room(self, tie: bool) -> Path:
        """A base whose embeddings have a row for each of its own tokens, and none more."""
        base = self.work / f"tied-{tie}"
        size = len(load_tokenizer(model_path()))
        make(Architecture("llama", {**named("llama").sizes, "vocab_size": size, "tie_word_embeddings": tie}), base)
        return base

    def test_what_is_learnt_of_a_token_is_in_the_model_and_in_the_adapter(self):
        # Leave out rows_beside in adapters.py, or _with_rows in merging.py: the rows are as they began, or those of the merged model are. Say special=True in new_tokens.py: an answer loses them.
        # Leave out resize_token_embeddings in card.py: the code there fails where rows were added.
        for training_type, base in (("lora", None), ("qlora", self.without_room(tie=True)), ("lora", self.without_room(tie=False))):
            with self.subTest(training_type, base=base and base.name):
                work, events = self.trained(base, training_type)
                self.assertEqual(warnings(events), [])
                output = work / "output"
                tokenizer, [upon] = load_tokenizer(output), work.glob(f"{PREFIX}*")
                ids = tokenizer.convert_tokens_to_ids(TOKENS)
                self.assertEqual(tokenizer("a<think>b</think>", add_special_tokens=False)["input_ids"].count(ids[0]), 1)
                self.assertEqual(tokenizer.decode(ids, skip_special_tokens=True), "<think></think>")
                before, after, adapter = Tensors(upon), Tensors(output), Tensors(output / "adapter")
                size = json.loads((output / "config.json").read_text())["vocab_size"]
                self.assertEqual((size, after.header_of(EMBEDDINGS).shape[0]), (max(ids[-1] + 1, 512 if base is None else 0),) * 2)
                for name in (EMBEDDINGS, *([OUTPUT] if OUTPUT in after.names else [])):
                    others = [row for row in range(size) if row not in ids]
                    self.assertTrue(after.read(name)[others].equal(before.read(name)[others]))
                    self.assertFalse(any(after.read(name)[row].equal(before.read(name)[row]) for row in ids))
                    learnt = adapter.read(f"base_model.model.{name.removesuffix('.weight')}.token_adapter.trainable_tokens_delta")
                    self.assertEqual(str(learnt.dtype), "torch.float32")
                    self.assertLess((learnt - after.read(name)[ids].float()).abs().max(), 0.01)
                self.looked_at(work)
                self.assertEqual(list(work.glob(f"{PREFIX}*")), [])
                self.require_the_card_to_load(output, base or model_path())

    def require_the_card_to_load(self, output: Path, base: Path) -> None:
        """The code of the model card, as somebody else has it, up to where it asks the model."""
        import torch

        card = (output / "README.md").read_text()
        merged, adapter = (each.split("\n```", 1)[0].split("\nmessages = ", 1)[0] for each in card.split("```python\n")[1:3])
        ids = torch.tensor([[3, *ids_of(output, TOKENS), 5]])
        logits = []
        for code in (merged, adapter):
            space: dict = {}
            here = code.replace('folder = "."', f"folder = {str(output)!r}").replace('"mtm/x"', repr(str(base))).replace('"mtm/tiny-random-llama"', repr(str(base))).replace('"auto"', '"cpu"')
            exec(here.replace('dtype="cpu"', "dtype=torch.float32"), {"torch": torch}, space)  # noqa: S102
            self.assertEqual(space["tokenizer"]("<think>", add_special_tokens=False)["input_ids"], ids[0, 1:2].tolist())
            with torch.no_grad():
                logits.append(space["model"](input_ids=ids).logits)
        self.assertLess((logits[0] - logits[1]).abs().max(), 0.05)
        self.assertIn("Its vocabulary has 2 tokens more than its base's", card)

    def test_all_weights_learn_them_and_rows_are_added_where_there_are_none(self):
        work, events = self.trained(self.without_room(tie=True), "standard")
        self.assertIn("2 rows were added to the", events.of("log")[0]["message"])
        # Take the base's own tokenizer for it in validation.py, and its rows are other tokens than those that were measured before the first step.
        found = self.looked_at(work)
        [trait] = found["traits"]
        self.assertAlmostEqual(trait["base"]["loss"], losses(events, 0)[0], delta=0.02)
        self.assertLess(trait["tuned"]["loss"], trait["base"]["loss"] - 0.5)
        self.assertIn("Both read rows with the new tokens (<think>, </think>)", found["summary"])

    def test_a_row_begins_as_what_its_text_was_made_of(self):
        # Take the mean of all rows for it, or the last piece.
        import torch

        weights = torch.arange(12.0).reshape(6, 2).to(torch.bfloat16)
        grown = with_rows(weights, 8, {"a": 5, "b": 7}, [[0, 2], []])
        self.assertEqual(grown[:5].tolist(), weights[:5].tolist())
        self.assertEqual(grown[5:].tolist(), [[2.0, 3.0], [5.0, 6.0], [5.0, 6.0]])

    def test_other_trainings_begin_from_one_that_has_them(self):
        # Let start.py add all tokens first: the start's weights have no rows for the third, and do not load. Leave its new_tokens out: what the start learnt of the first two is lost.
        base = self.without_room(tie=True)
        for training_type, kind in (("lora", "adapter"), ("standard", "checkpoint")):
            parent, told = self.trained(base, training_type)
            folder = parent / "output" / "adapter" if kind == "adapter" else parent / "checkpoints" / "e1" / "checkpoint-4"
            start = {"kind": kind, "path": str(folder), "name": "run 1 of job 1", "sha256": start_identity(folder), "new_tokens": TOKENS}
            for tokens, is_adapted in ((TOKENS, kind == "adapter"), ([*TOKENS, "answer"], False)):
                with self.subTest(kind, tokens=tokens):
                    work, events = self.trained(base, training_type, start=start, new_tokens=tokens)
                    self.assertEqual(len(list(work.glob(f"{STARTED}*"))), 0 if is_adapted else 1)
                    if tokens == TOKENS:
                        self.assertAlmostEqual(losses(events, 0)[0], losses(told, 4)[0], delta=0 if is_adapted else 0.02)
                    self.assertEqual(ids_of(work / "output", tokens), list(range(len(load_tokenizer(base)), len(load_tokenizer(base)) + len(tokens))))
                    self.looked_at(work)
            with self.assertRaisesRegex(BadInput, r"what the run begins from has the tokens \['<think>', '</think>'\] beyond those of its base model; name these first"):
                self.trained(base, training_type, start=start, new_tokens=["answer"])

    def test_a_run_that_another_machine_goes_on_with_has_the_same_ones(self):
        # Number them in another order where the folder is made again (sorted, say): the rows are other tokens than those that the checkpoint was trained on.
        whole, _ = self.trained(None, "qlora", new_tokens=TOKENS[::-1])
        result = json.loads((whole / "output" / "manifest.json").read_text())
        self.assertEqual(result["new_tokens"], TOKENS[::-1])
        work = self.fresh("stopped")
        with self.assertRaises(Stopped):
            train_here(work, stop_at(2), **self.options)
        [folder] = work.glob(f"{PREFIX}*")
        folder.rename(self.work / "elsewhere")
        rest, _ = train_here(work, lease_epoch=2, known_checkpoint_step=2, **self.options)
        self.assertEqual(rest["weights_sha256"], result["weights_sha256"])

    def test_what_is_no_new_token_is_refused_and_what_no_row_has_is_told(self):
        # Take out a raise of new_tokens.py or token_rows.py, and its row trains.
        biased = self.work / "phi"
        make(named("phi"), biased)
        for base, chosen, sentence in (
            (None, {"new_tokens": ["<|im_end|>"]}, "new_tokens has .<.im_end.>., which the vocabulary of the base model has already, as token"),
            (None, {"new_tokens": ["the"]}, "new_tokens has 'the', which the vocabulary of the base model has already"),
            (None, {"lora_target_modules": ["q_proj", "lm_head"]}, "lora_target_modules names 'lm_head', and new_tokens has rows of it trained"),
            (biased, {}, "the layer 'lm_head' of the model adds a bias, of which peft trains no rows"),
        ):
            with self.subTest(sentence), self.assertRaisesRegex(BadInput, sentence):
                self.trained(base, **chosen)
        _, events = self.trained(None, "standard", new_tokens=["<think>", "<|tool|>"], max_steps=1)
        self.assertEqual(warnings(events), ["1 of the new_tokens are in no row that is trained on, so that nothing is learnt of them: <|tool|>."])
