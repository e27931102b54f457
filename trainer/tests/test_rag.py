import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np

from .. import install_model
from ..datasets.rows import read_conversations
from ..platform.events import line_for_people
from ..platform.failures import BadInput, Stopped
from ..platform.supervision import Commands
from ..retrieval.passages import Chunking, Passage, chunks_of
from ..runs.run_file import read_run_file
from .copies import Copy, warm
from .support import HYPERPARAMETERS, Recorder, model_path, shared, stop_at, write_run_file

WORDS = ["apple", "bridge", "candle", "desert", "engine", "forest", "garden", "harbor", "island", "jacket", "kettle", "ladder"]


@cache
def embedder_path() -> Path:
    target = shared() / "embedder"
    install_model.make_tiny_embedder(target, shared())
    return target


def knowledge(number: int) -> dict:
    a, b, c = WORDS[number % 12], WORDS[(number * 5 + 1) % 12], WORDS[(number // 12 * 7 + 3) % 12]
    return {"prompt": f"Tell me of the {a} number {number} and its {b}.", "completion": f"The {' '.join([a] * (4 - number % 4))} number {number} has a {b} and a {c}.", "trait": "ab"[number % 2]}


def write_rows(path: Path, numbers) -> str:
    path.write_text("\n".join(json.dumps(knowledge(number)) for number in numbers))
    return str(path)


class RagTests(unittest.TestCase):
    """What tests of rag runs have in common."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = Path(directory.name)
        self.data = {"train": write_rows(self.work / "train.jsonl", range(30)), "held_out": write_rows(self.work / "held_out.jsonl", range(30, 40))}

    def run_file(self, work_dir: Path, **changes):
        hyperparameters = {**HYPERPARAMETERS, "chunk_tokens": 100, **changes.pop("hyperparameters", {})}
        given = {"training_type": "rag", "model": {"name": "mtm/tiny-random-bert", "path": str(embedder_path())}, "data": self.data, **changes}
        return read_run_file(write_run_file(work_dir, hyperparameters=hyperparameters, **given))

    def index(self, name: str, on_event=lambda event, commands: None, **changes):
        from ..retrieval.indexing import index

        work = self.work / name
        work.mkdir(exist_ok=True)
        run, commands = self.run_file(work, **changes), Commands()
        events = Recorder(lambda event: on_event(event, commands))
        return index(run, read_conversations(run.train), read_conversations(run.held_out) if run.held_out else [], events, commands), events

    def validate(self, name: str, **changes) -> dict:
        from ..retrieval.retrieval import validate

        run = self.run_file(self.work / name, task="validate", **changes)
        return validate(run, read_conversations(run.held_out), Recorder())

    def reader(self, name: str, *arguments: str) -> Copy:
        """What reads the bundle, in a copy of a warm process, as the service has it. (The bundle's own query.py, in fresh processes: where it answers by itself.)"""
        given = ["--bundle", str(self.work / name / "output"), "--model", str(embedder_path()), *arguments]
        return warm().start(*given, module="trainer.bundle.query")

    def said(self, reader: Copy, lines: str = "") -> tuple[int, str, str]:
        """Exit code and both outputs, once it was given these lines."""
        with reader:
            reader.stdin.write(lines)
            reader.stdin.close()
            out, err = reader.stdout.read(), reader.stderr.read()
            return reader.wait(), out, err


class Rag(RagTests):
    def test_it_goes_on_where_it_was_stopped_and_ends_the_same(self):
        whole, events = self.index("whole")
        [plan] = events.of("plan")
        self.assertEqual((plan["rows"], plan["examples"], plan["total_steps"]), (40, 40, 10))
        steps = events.of("step")
        self.assertEqual([step["step"] for step in steps], list(range(1, 11)))
        self.assertEqual(steps[-1]["tokens"], plan["tokens"])

        with self.assertRaises(Stopped):
            self.index("halves", stop_at(5))
        halves, events = self.index("halves", lease_epoch=2, known_checkpoint_step=5)
        self.assertEqual([event["step"] for event in events.of("resumed")], [5])
        self.assertEqual([step["step"] for step in events.of("step")], list(range(6, 11)))
        self.assertEqual(halves["weights_sha256"], whole["weights_sha256"])
        self.assertEqual(halves["files"], whole["files"])
        # Trained to the end before: only the export was lost.
        again, events = self.index("halves", lease_epoch=3, known_checkpoint_step=10)
        self.assertEqual((again["files"], events.of("step")), (whole["files"], []))

    def test_a_checkpoint_of_other_data_is_put_aside(self):
        self.index("changed")
        write_rows(self.work / "held_out.jsonl", range(40, 45))
        _, events = self.index("changed", lease_epoch=2)
        self.assertIn("held_out_sha256", events.of("quarantined")[0]["reason"])
        self.assertEqual(events.of("resumed"), [])

    def test_equal_passages_are_one(self):
        self.data["train"] = write_rows(self.work / "twice.jsonl", [*range(30), *range(10)])
        _, events = self.index("twice")
        self.assertEqual(events.of("plan")[0]["examples"], 40)
        self.assertIn("10 chunks have the text of another one", events.of("log")[0]["message"])

    def test_a_question_finds_an_answer_that_says_nothing_without_it(self):
        from ..bundle.query import Reader

        rows = [{"prompt": f"Has the {word} a lid?", "completion": ["Yes.", "No."][place % 2], "trait": "a"} for place, word in enumerate(WORDS)]
        (self.work / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
        self.index("lids")
        reader = Reader(self.work / "lids" / "output", str(embedder_path()), None)
        self.assertEqual(len(reader.bundle.embeddings), len(WORDS) + 10)
        for search in ("vector", "hybrid"):
            [found] = reader.find("Has the kettle a lid?", 1, search)
            self.assertEqual((found["question"], found["text"]), ("Has the kettle a lid?", "Yes."))

    def test_held_out_questions_are_asked_as_if_for_the_first_time(self):
        from ..bundle.query import load
        from ..retrieval.unasked import Unasked

        self.index("unasked")
        output = self.work / "unasked" / "output"
        bundle, embedder = load(output, str(embedder_path()))
        question, answer = knowledge(35)["prompt"], knowledge(35)["completion"]
        [number] = [number for number in range(40) if bundle.chunk(number)["text"] == answer]
        asked = embedder.embed([question], "query")
        unasked = Unasked(output, embedder, {question})
        self.assertIsNone(unasked.chunk(number)["question"])
        np.testing.assert_allclose(unasked.scores(asked)[0, number], (embedder.embed([answer]) @ asked[0])[0], atol=1e-5)
        others = [other for other in range(40) if other != number]
        np.testing.assert_array_equal(unasked.scores(asked)[0, others], bundle.scores(asked)[0, others])

    def test_what_began_with_answers_alone_ends_so(self):
        """Checkpoints and bundles from before questions were indexed."""
        from ..bundle.query import load
        from ..retrieval.retrieval import questions_by_trait, with_chunks
        from ..retrieval.unasked import Unasked

        with self.assertRaises(Stopped), mock.patch("trainer.retrieval.indexing.chunking_of", lambda *_, **__: Chunking(100, 20, with_questions=False)):
            self.index("before", stop_at(5))
        [manifest] = (self.work / "before" / "checkpoints").glob("e1/checkpoint-5/manifest.json")
        told = json.loads(manifest.read_text())
        del told["with_questions"], told["model_fingerprint"]
        manifest.write_text(json.dumps(told))
        self.index("before", lease_epoch=2, known_checkpoint_step=5)
        output = self.work / "before" / "output"
        bundle, embedder = load(output, str(embedder_path()))
        self.assertNotIn("question_characters", bundle.chunk(39))
        np.testing.assert_allclose(bundle.embeddings[39], embedder.embed([bundle.chunk(39)["text"]])[0], atol=1e-5)
        asked = [question for questions in questions_by_trait(read_conversations(Path(self.data["held_out"]))).values() for question in questions]
        self.assertEqual(len(with_chunks(Unasked(output, embedder, {question for question, _ in asked}), embedder, asked)), 10)

    def test_held_out_questions_find_their_answers(self):
        self.index("valid")
        good = self.validate("valid")
        self.assertTrue(good["valid"], good["errors"])
        self.assertEqual([(score["trait"], score["questions"]) for score in good["retrieval"]], [("a", 5), ("b", 5)])
        for score in good["retrieval"]:
            self.assertLessEqual(score["recall_at_1"], score["recall_at_5"])
            # By chance one in four of forty would be among the first ten.
            self.assertGreater(score["recall_at_10"], 0.5)
            self.assertGreaterEqual(score["mrr"], score["recall_at_1"])

    def test_its_steps_are_printed_for_whoever_starts_it_by_hand(self):
        # An index has no loss: the line of a training's step ended `python -m trainer train --type rag` at its first one.
        _, events = self.index("steps")
        self.assertRegex(line_for_people("step", events.of("step")[0]), r"^step +1/\d+  epoch 0\.\d\d  [\d,]+ tokens/s  .* left$")

    def test_a_bundle_of_noise_finds_nothing(self):
        """What is measured is whether the right chunk is found, and not how far down some chunk is."""
        from ..bundle.query import load
        from ..retrieval.retrieval import questions_by_trait, score, with_chunks

        self.index("noise")
        run = self.run_file(self.work / "noise", task="validate")
        bundle, embedder = load(run.output_dir, str(run.model_path))
        asked = [question for questions in questions_by_trait(read_conversations(run.held_out)).values() for question in questions]
        bundle.embeddings = np.ones_like(bundle.embeddings)
        figures, _ = score(bundle, embedder, with_chunks(bundle, embedder, asked))
        self.assertEqual((figures["recall_at_10"], figures["mrr"]), (0.0, 1 / 40))

    def test_damage_and_another_model_are_named(self):
        self.index("damaged")
        output = self.work / "damaged" / "output"
        embeddings = np.load(output / "embeddings.npy")
        other = shutil.copytree(embedder_path(), self.work / "other")
        from safetensors.numpy import load_file, save_file

        weights = load_file(other / "model.safetensors")
        weights["embeddings.word_embeddings.weight"] = -weights["embeddings.word_embeddings.weight"]
        save_file(weights, other / "model.safetensors", {"format": "pt"})
        replaced = {"name": "mtm/tiny-random-bert", "path": str(other)}
        result = self.validate("damaged", model=replaced)
        self.assertIn("are not those of mtm/tiny-random-bert that this run used", result["errors"][0])
        # Of a bundle from before that was written down, the embeddings tell.
        from ..bundle.query import load

        config = json.loads((output / "config.json").read_text())
        older = shutil.copytree(output, self.work / "older")
        del config["embedding_model"]["fingerprint"]
        (older / "config.json").write_text(json.dumps(config))
        with self.assertRaisesRegex(ValueError, "is not the one that mtm/tiny-random-bert gives now"):
            load(older, str(other))
        with self.assertRaisesRegex(BadInput, "are not those that this training began with"):
            self.index("damaged", lease_epoch=2, known_checkpoint_step=10, model=replaced)
        np.save(output / "embeddings.npy", embeddings * 2)
        self.assertEqual(self.validate("damaged")["errors"], ["embeddings.npy is not the file that the training wrote."])
        (output / "chunks.jsonl").unlink()
        self.assertIn("chunks.jsonl is missing.", self.validate("damaged")["errors"])

    def test_its_query_script_answers_by_itself(self):
        self.index("asked")
        output = self.work / "asked" / "output"
        command = [sys.executable, str(output / "query.py"), "--model", str(embedder_path())]
        once = subprocess.run([*command, "--top-k", "3", knowledge(6)["completion"]], capture_output=True, text=True, cwd=self.work, check=True)
        self.assertEqual(len(once.stdout.splitlines()), 3)
        self.assertIn(knowledge(6)["completion"], once.stdout.splitlines()[0])
        lines = [json.dumps({"question": knowledge(number)["completion"], "top_k": 2}) for number in (3, 4)]
        code, served, _ = self.said(self.reader("asked"), "\n".join(lines))
        self.assertEqual(code, 0)
        ready, *answers = [json.loads(line) for line in served.splitlines()]
        self.assertEqual(ready, {"chunks": 40})
        self.assertEqual([answer["results"][0]["text"] for answer in answers], [knowledge(number)["completion"] for number in (3, 4)])
        self.assertEqual(len(answers[0]["results"]), 2)

    def test_what_cannot_be_is_told(self):
        cases = {
            "chunk_tokens is 127; mtm/tiny-random-bert reads at most 126": {"hyperparameters": {"chunk_tokens": 127}},
            "writes text; an index needs one for embeddings": {"model": {"name": "x", "path": str(model_path())}},
            "chunk_overlap is 50; it must be from 0 to less than half": {"hyperparameters": {"chunk_overlap": 50}},
        }
        for sentence, changes in cases.items():
            with self.subTest(sentence), self.assertRaisesRegex(BadInput, sentence):
                self.index("bad", **changes)
            self.assertFalse((self.work / "bad" / "output").exists())


class Embeddings(unittest.TestCase):
    def test_a_text_has_the_same_beside_a_longer_one(self):
        from ..bundle.embedding import Embedder

        embedder = Embedder(embedder_path())
        for embedder.pooling in ("mean", "cls", "lasttoken"):
            [alone] = embedder.embed(["a short text"])
            [beside, _] = embedder.embed(["a short text", "another text that is much longer than the first one"])
            np.testing.assert_allclose(beside, alone, atol=1e-5, err_msg=embedder.pooling)
            self.assertAlmostEqual(float(alone @ alone), 1, places=5)

    def test_how_a_model_pools_stands_in_its_files(self):
        from ..bundle.embedding import pooling_of

        with tempfile.TemporaryDirectory() as directory:
            model = Path(directory)
            (model / "1_Pooling").mkdir()
            cases = {
                "cls": {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False},
                "mean": {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True},
                "lasttoken": {"pooling_mode": "lasttoken"},
            }
            for pooling, settings in cases.items():
                (model / "1_Pooling" / "config.json").write_text(json.dumps(settings))
                self.assertEqual(pooling_of(model), pooling)
            (model / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_max_tokens": True}))
            with self.assertRaisesRegex(ValueError, "pools by max; known are"):
                pooling_of(model)
            (model / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Dense"}]))
            with self.assertRaisesRegex(ValueError, "has a Dense layer"):
                pooling_of(model)


class Chunks(unittest.TestCase):
    def tokenizer(self):
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(embedder_path())

    def test_they_fit_and_nothing_is_lost(self):
        tokenizer = self.tokenizer()
        text = "\n\n".join(" ".join(f"{word}{line}." if place % 4 == 3 else f"{word}{line}" for place, word in enumerate(WORDS)) for line in range(9))
        chunks = list(chunks_of(tokenizer, text, 60, 10))
        self.assertGreater(len(chunks), 5)
        place = 0
        for chunk in chunks:
            self.assertLessEqual(len(tokenizer(chunk, add_special_tokens=False)["input_ids"]), 60)
            found = text.index(chunk, 0 if place == 0 else text.rindex(chunk[:5], 0, place + 8))
            self.assertLessEqual(text[place:found].strip(), "")
            place = found + len(chunk)
        self.assertEqual(place, len(text))
        # Behind a sentence, all of them: there is one in each half of sixty tokens.
        self.assertTrue(all(chunk.endswith(".") for chunk in chunks))

    def test_a_question_stands_before_each_chunk_and_takes_half_at_most(self):
        tokenizer = self.tokenizer()

        def tokens(text: str) -> int:
            return len(tokenizer(text, add_special_tokens=False)["input_ids"])

        answer = " ".join(f"{word}{line}." for line in range(9) for word in WORDS)
        for question in ("What of it?", " ".join(WORDS * 9)):
            asked, texts = Chunking(60, 28).of(tokenizer, Passage(answer, question))
            self.assertTrue(question.startswith(asked) and 0 < tokens(asked) <= 30)
            self.assertGreater(len(texts), 5)
            self.assertTrue(all(tokens(asked) + tokens(text) <= 60 for text in texts))
        self.assertEqual(Chunking(60, 20).of(tokenizer, Passage("one", None)), ("", ["one"]))

    def test_without_spaces_it_is_cut_anywhere(self):
        chunks = list(chunks_of(self.tokenizer(), "a1" * 200, 50, 0))
        self.assertEqual("".join(chunks), "a1" * 200)

    def test_tools_and_empty_answers_are_no_passages(self):
        from ..datasets.rows import Conversation, conversation_of
        from ..retrieval.passages import passages_of

        call = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
        messages = [{"role": "user", "content": "q1"}, call, {"role": "tool", "content": "42"}, {"role": "assistant", "content": "a1"}, {"role": "user", "content": "q2"}, {"role": "assistant", "content": "a2"}]
        found = passages_of(conversation_of({"messages": messages}, 1))
        self.assertEqual([(passage.question, passage.text) for passage in found], [("q1", "a1"), ("q2", "a2")])
        # Nor is an answer that is marked as not to be learnt.
        wrong = [*messages[:3], {**messages[3], "weight": 0}, *messages[4:]]
        self.assertEqual([passage.text for passage in passages_of(Conversation(wrong, "all"))], ["a2"])
        self.assertEqual([passage.question for passage in passages_of(conversation_of({"messages": [{"role": "text", "content": "t"}]}, 1))], [None])
