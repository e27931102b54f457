import json
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

from ..failures import BadInput, Stopped
from ..lexical import REQUIREMENT, Lexical, NoLibrary, fused
from .support import ROOT, model_path, stop_at
from .test_rag import RagTests, embedder_path, knowledge

EMBEDDER = {"name": "mtm/tiny-random-bert", "path": str(embedder_path())}
WRITER = {"name": "mtm/tiny-random-llama", "path": str(model_path())}
ANSWERING = {"model": WRITER, "embedding_model": EMBEDDER}


class AnsweringRuns(RagTests):
    def test_the_index_is_the_embedding_models_and_goes_on_exactly(self):
        alone, _ = self.index("alone")
        whole, _ = self.index("whole", **ANSWERING)
        self.assertEqual(whole["weights_sha256"], alone["weights_sha256"])
        config = json.loads((self.work / "whole" / "output" / "config.json").read_text())
        self.assertEqual((config["embedding_model"]["name"], config["answering"]["model"]["name"]), (EMBEDDER["name"], WRITER["name"]))
        self.assertTrue(-1 < config["answering"]["least_cosine"] < 1)
        with self.assertRaises(Stopped):
            self.index("halves", stop_at(5), **ANSWERING)
        halves, events = self.index("halves", lease_epoch=2, known_checkpoint_step=5, **ANSWERING)
        self.assertEqual([event["step"] for event in events.of("resumed")], [5])
        self.assertEqual(halves["files"], whole["files"])
        # Another model that answers changes no vector; another one that embeds changes all.
        _, events = self.index("halves", lease_epoch=3, **{**ANSWERING, "model": {**WRITER, "name": "other/writer"}})
        self.assertEqual([event["step"] for event in events.of("resumed")], [10])
        _, events = self.index("halves", lease_epoch=4, **{**ANSWERING, "embedding_model": {**EMBEDDER, "name": "other/embedder"}})
        self.assertIn("another model", events.of("quarantined")[0]["reason"])

    def test_answers_with_and_without_retrieval_stand_in_the_report(self):
        self.index("valid", **ANSWERING)
        good = self.validate("valid", validation={"max_rows_per_trait": 2, "max_new_tokens": 8}, **ANSWERING)
        self.assertTrue(good["valid"], good["errors"])
        for figures in good["retrieval"]:
            answers = figures["answers"]
            self.assertEqual(answers["questions"], 2)
            # What a random model says rests on nothing.
            self.assertEqual((answers["not_in_documents"], answers["with_retrieval"]), (1.0, {"exact_match": 0.0, "f1": 0.0}))
            self.assertGreater(figures["hybrid"]["recall_at_10"], 0.5)
        self.assertIn("Answered to the letter: 0% with and 0% without retrieval of 2 of a", good["summary"])
        report = (self.work / "valid" / "report" / "report.md").read_text()
        self.assertIn("## Answers with and without retrieval", report)
        self.assertIn("(not in the documents)", report)

    def test_its_query_script_answers_by_itself(self):
        self.index("asked", **ANSWERING)
        output = self.work / "asked" / "output"
        command = [sys.executable, str(output / "query.py"), "--model", EMBEDDER["path"], "--answering-model", WRITER["path"], "--max-answer-tokens", "4"]
        once = subprocess.run([*command, "--answer", knowledge(6)["completion"]], capture_output=True, text=True, cwd=self.work, check=True)
        self.assertEqual(once.stdout, "This is not in the documents.\n")
        asked = {"question": knowledge(3)["completion"], "top_k": 2, "answer": True, "max_answer_tokens": 4}
        lines = [json.dumps({**asked, **more}) for more in ({}, {"stream": True}, {"search": "hybrid", "answer": False}, {"search": "words"})]
        served = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, cwd=self.work, check=True)
        _, whole, *streamed, hybrid, wrong = [json.loads(line) for line in served.stdout.splitlines()]
        missing = {"text": None, "in_documents": False, "chunks": [], "is_cut_off": False}
        self.assertEqual((len(whole["results"]), whole["answer"]), (2, missing))
        self.assertEqual((streamed[0]["results"], streamed[-1]["answer"]), (whole["results"], missing))
        self.assertTrue(all(isinstance(line["text"], str) for line in streamed[1:-1]))
        self.assertEqual(hybrid["results"][0]["text"], knowledge(3)["completion"])
        self.assertGreater(hybrid["results"][0]["bm25"], 0)
        self.assertEqual(wrong, {"error": "search is 'words'; it must be one of vector, hybrid."})

    def test_a_bundle_without_a_model_that_answers_says_so(self):
        self.index("silent")
        command = [sys.executable, str(self.work / "silent" / "output" / "query.py"), "--model", EMBEDDER["path"], "--answer", "what?"]
        refused = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(refused.returncode, 20)
        self.assertIn("names no model that answers. Name one that writes text with --answering-model", refused.stderr)

    def test_what_cannot_be_is_told(self):
        cases = {
            "To let it answer from an index, name one as embedding_model": {"model": WRITER},
            "mtm/tiny-random-bert writes no text, so it cannot answer": {"model": EMBEDDER, "embedding_model": EMBEDDER},
            "mtm/tiny-random-llama makes no embeddings": {"model": WRITER, "embedding_model": WRITER},
            "training_type is 'qlora': only rag makes an index": {**ANSWERING, "training_type": "qlora"},
            "embedding_model must have a name and a path": {"embedding_model": {"path": EMBEDDER["path"]}},
        }
        for sentence, changes in cases.items():
            with self.subTest(sentence), self.assertRaisesRegex(BadInput, sentence):
                self.index("bad", **changes)


class Answers(unittest.TestCase):
    def test_thoughts_are_not_said(self):
        from ..answering import spoken

        self.assertEqual(spoken("<think>\nwhat?\n</think>\n\nThis."), "This.")
        self.assertEqual(spoken("what?\n</think>This.", thinks=True), "This.")
        self.assertEqual(spoken("<think>never done"), "")
        self.assertEqual(spoken("what?", thinks=True), "")
        self.assertEqual(spoken("1 < 2"), "1 < 2")

    def test_what_is_told_in_pieces_is_the_answer(self):
        from ..answering import Answerer

        answerer = Answerer(model_path())
        pieces = []
        [(text, is_cut_off)] = answerer._write(["what is one"], 12, pieces.append)
        self.assertEqual("".join(pieces).strip(), text)
        self.assertTrue(is_cut_off)

    def test_an_answer_is_the_same_beside_longer_ones(self):
        from ..answering import Answerer

        answerer = Answerer(model_path())
        questions = ["one", "a much longer question than the other one is"]
        self.assertEqual(answerer.ask_alone(questions, 8), [answerer.ask_alone([question], 8)[0] for question in questions])

    def test_a_template_that_refuses_is_named(self):
        from ..answering import Answerer

        answerer = Answerer(model_path())
        answerer.tokenizer.chat_template = "{{ raise_exception('only tools') }}"
        with self.assertRaisesRegex(ValueError, "chat template of the model that answers refuses a question: only tools"):
            answerer.ask_alone(["what?"])
        answerer.tokenizer.chat_template = None
        self.assertEqual(len(answerer.ask_alone(["what?"], 4)), 1)

    def test_an_answer_rests_on_what_takes_half_of_its_surprise_away(self):
        from ..answering import explains

        self.assertEqual([explains(surprise, 12.0) for surprise in (2.0, 6.0, 9.0, 15.0)], [True, True, False, False])
        # What is certain without any document rests on none.
        self.assertFalse(explains(0.0, 0.0))

    def test_chunks_that_are_not_close_or_do_not_fit_hold_no_answer(self):
        from ..answering import MISSING, Answerer

        answerer = Answerer(model_path())
        far = [{"chunk": 0, "text": "the answer is yes", "cosine": 0.1}]
        self.assertEqual(answerer.ask("what?", far, least_cosine=0.2), MISSING)
        self.assertEqual(answerer.ask("what?", []), MISSING)
        answerer.most_tokens = 40
        with self.assertRaisesRegex(ValueError, "reads at most 40 tokens at once"):
            answerer.ask("what?", far)


class Words(unittest.TestCase):
    def test_chunks_with_rare_words_of_the_question_come_first(self):
        lexical = Lexical(["the pump is blue", "the code is K-4471", "", "青い灯台"])
        np.testing.assert_array_equal(lexical.scores("what is K-4471?").argsort()[::-1][:1], [1])
        self.assertEqual(lexical.scores("灯").argmax(), 3)
        for nothing in ("", "?!", "unheard"):
            np.testing.assert_array_equal(lexical.scores(nothing), np.zeros(4))
        np.testing.assert_array_equal(Lexical(["", "!"]).scores("word"), np.zeros(2))

    def test_ranks_are_fused_by_their_reciprocals(self):
        scores = fused(np.array([0.9, 0.8, 0.1]), np.array([0.0, 0.0, 3.0]))
        np.testing.assert_allclose(scores, [1 / 61, 1 / 62, 1 / 63 + 1 / 61])

    def test_without_the_library_it_says_what_is_needed(self):
        with mock.patch.dict(sys.modules, {"bm25s": None}), self.assertRaisesRegex(NoLibrary, "needs a package that is not installed: `pip install bm25s=="):
            Lexical(["a"])

    def test_the_library_is_the_one_that_is_pinned(self):
        self.assertIn(REQUIREMENT, Path(ROOT / "trainer" / "requirements.txt").read_text().splitlines())
