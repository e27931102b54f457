import json
import shutil
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

from ..bundle.lexical import REQUIREMENT, Lexical, NoLibrary, fused
from ..platform.failures import BadInput, Stopped
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

    def test_questions_that_the_model_has_no_room_for_are_left_out_and_counted(self):
        from ..bundle.answering import Answerer
        from ..bundle.prompts import prompt_of
        from ..bundle.query import load
        from ..retrieval.grounded import compare

        self.index("long", **ANSWERING)
        bundle, embedder = load(self.work / "long" / "output", EMBEDDER["path"])
        answerer = Answerer(model_path())
        asked = [(knowledge(3)["prompt"], "yes", [3]), (knowledge(4)["prompt"] * 20, "no", [4])]
        longest = max(len(answerer._ids(prompt_of(asked[0][0], [bundle.chunk(number)], []))) for number in range(40))
        answerer.most_tokens = longest + 32
        figures, samples = compare(bundle, embedder, answerer, asked, None)
        self.assertEqual((figures["questions"], figures["too_long"], figures["max_new_tokens"], len(samples)), (1, 1, 32, 1))
        figures, _ = compare(bundle, embedder, answerer, asked[1:], 2)
        self.assertEqual((figures["questions"], figures["too_long"]), (0, 1))

    def test_its_query_script_answers_by_itself(self):
        self.index("asked", **ANSWERING)
        output = self.work / "asked" / "output"
        named = ["--answering-model", WRITER["path"], "--max-answer-tokens", "4"]
        command = [sys.executable, str(output / "query.py"), "--model", EMBEDDER["path"], *named]
        once = subprocess.run([*command, "--answer", knowledge(6)["completion"]], capture_output=True, text=True, cwd=self.work, check=True)
        self.assertEqual(once.stdout, "This is not in the documents.\n")
        asked = {"question": knowledge(3)["completion"], "top_k": 2, "answer": True, "max_answer_tokens": 4}
        lines = [json.dumps({**asked, **more}) for more in ({}, {"stream": True}, {"search": "hybrid", "answer": False}, {"search": "words"})]
        code, served, _ = self.said(self.reader("asked", *named), "\n".join(lines))
        self.assertEqual(code, 0)
        _, whole, *streamed, hybrid, wrong = [json.loads(line) for line in served.splitlines()]
        missing = {"text": None, "in_documents": False, "chunks": [], "is_cut_off": False}
        self.assertEqual((len(whole["results"]), whole["answer"]), (2, missing))
        self.assertEqual((streamed[0]["results"], streamed[-1]["answer"]), (whole["results"], missing))
        self.assertTrue(all(isinstance(line["text"], str) for line in streamed[1:-1]))
        self.assertEqual(hybrid["results"][0]["text"], knowledge(3)["completion"])
        self.assertGreater(hybrid["results"][0]["bm25"], 0)
        self.assertEqual(wrong, {"error": "search is 'words'; it must be one of vector, hybrid."})

    def test_whoever_leaves_ends_the_answer(self):
        self.index("left", **ANSWERING)
        with self.reader("left", "--answering-model", WRITER["path"]) as reader:

            def said() -> dict:
                return json.loads(reader.stdout.readline())

            def ask(line: dict) -> None:
                reader.stdin.write(f"{json.dumps(line)}\n")
                reader.stdin.flush()

            said()
            asked = {"question": knowledge(3)["completion"], "answer": True, "max_answer_tokens": 100}
            # Nothing was asked yet.
            ask({"leave": True})
            self.assertIn("error", said())
            # Long before the model, which is not loaded yet, has said all.
            ask({**asked, "stream": True})
            ask({"leave": True})
            self.assertIn("results", said())
            while "text" in (line := said()):
                pass
            self.assertEqual(line, {"left": True})
            # Nobody is kept from asking by that.
            ask({**asked, "max_answer_tokens": 2})
            self.assertIn("answer", said())
            reader.stdin.close()
            self.assertEqual(reader.wait(), 0)

    def test_another_model_of_the_same_name_is_refused(self):
        self.index("others", **ANSWERING)
        other = shutil.copytree(model_path(), self.work / "other")
        config = json.loads((other / "config.json").read_text())
        (other / "config.json").write_text(json.dumps({**config, "rope_theta": 2.0}))
        asked = ["--answering-model", str(other), "--max-answer-tokens", "2", "--answer", "what?"]
        code, _, refused = self.said(self.reader("others", *asked))
        self.assertEqual(code, 20)
        self.assertIn(f"The files of the model in {str(other)!r} are not those of {WRITER['name']} that this run used.", refused)
        code, _, refused = self.said(self.reader("others", "--any-answering-model", *asked))
        self.assertEqual(code, 0, refused)
        result = self.validate("others", **{**ANSWERING, "model": {**WRITER, "path": str(other)}})
        self.assertEqual((result["valid"], len(result["errors"])), (False, 1))

    def test_a_bundle_without_a_model_that_answers_says_so(self):
        self.index("silent")
        code, _, refused = self.said(self.reader("silent", "--answer", "what?"))
        self.assertEqual(code, 20)
        self.assertIn("names no model that answers. Name one that writes text with --answering-model", refused)

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
        from ..bundle.answering import spoken

        self.assertEqual(spoken("<think>\nwhat?\n</think>\n\nThis."), "This.")
        self.assertEqual(spoken("what?\n</think>This.", thinks=True), "This.")
        self.assertEqual(spoken("<think>never done"), "")
        self.assertEqual(spoken("what?", thinks=True), "")
        self.assertEqual(spoken("1 < 2"), "1 < 2")

    def test_what_is_told_in_pieces_is_the_answer(self):
        from ..bundle.answering import Answerer

        answerer = Answerer(model_path())
        pieces = []
        [(text, is_cut_off)] = answerer._write([[{"role": "user", "content": "what is one"}]], 12, pieces.append)
        self.assertEqual("".join(pieces).strip(), text)
        self.assertTrue(is_cut_off)

    def test_an_answer_is_the_same_beside_longer_ones(self):
        from ..bundle.answering import Answerer

        answerer = Answerer(model_path())
        questions = ["one", "a much longer question than the other one is"]
        self.assertEqual(answerer.ask_alone(questions, 8), [answerer.ask_alone([question], 8)[0] for question in questions])

    def test_a_template_that_refuses_is_named(self):
        from ..bundle.answering import Answerer

        answerer = Answerer(model_path())
        answerer.tokenizer.chat_template = "{{ raise_exception('only tools') }}"
        with self.assertRaisesRegex(ValueError, "chat template of the model that answers refuses a question: only tools"):
            answerer.ask_alone(["what?"])
        answerer.tokenizer.chat_template = None
        self.assertEqual(len(answerer.ask_alone(["what?"], 4)), 1)

    def test_chunks_that_are_not_close_or_do_not_fit_hold_no_answer(self):
        from ..bundle.answering import MISSING, Answerer

        answerer = Answerer(model_path())
        far = [{"chunk": 0, "text": "the answer is yes", "cosine": 0.1}]
        self.assertEqual(answerer.ask("what?", far, least_cosine=0.2), MISSING)
        self.assertEqual(answerer.ask("what?", []), MISSING)
        answerer.most_tokens = 40
        with self.assertRaisesRegex(ValueError, "reads at most 40 tokens at once"):
            answerer.ask("what?", far)


    def test_what_was_answered_before_is_shown_as_an_answer(self):
        from ..bundle.prompts import examples_in, prompt_of

        asked = {"question": "Is the well deep?", "question_characters": 17}
        chunks = [{"text": "Yes.", **asked}, {"text": "The well is old.", "question": None, "question_characters": 0}, {"text": "No.", "question": "From before?"}]
        others = [{"text": "A lot.", "question": "How old?", "question_characters": 8}, {"text": "So.", "question": "How?", "question_characters": 4}]
        said = [message["content"] for message in prompt_of("And the sea?", [*chunks, *others], examples_in([*chunks, *others]))]
        # The closest one is the last that the model reads.
        self.assertEqual(said[1:], ["So.", "How old?", "A lot.", "- Is the well deep?\nYes.\n- The well is old.\n- No.\n\nAnd the sea?"])
        self.assertTrue(said[0].endswith("say: Not in the documents.\n\nHow?"), said)


class Evidence(unittest.TestCase):
    """By surprises as they are measured, in nats."""

    def carriers(self, without, *alone):
        from ..bundle.evidence import Surprises, carriers

        return carriers(Surprises(without, list(alone)))

    def test_an_answer_rests_on_the_chunk_that_takes_half_of_its_surprise_away(self):
        explained, halves, alike = [1.0] * 3, [1.9] * 3, [3.0] * 3
        self.assertEqual([self.carriers([4.0] * 3, left) for left in (explained, halves, alike, [9.0] * 3)], [[0], [0], [], []])
        # It says how such an answer is put, and not the number that is asked for.
        self.assertEqual(self.carriers([9.0, 9.0, 4.0], [0.1, 0.1, 3.5]), [])
        # What is certain without any document rests on none.
        self.assertEqual(self.carriers([0.0], [0.0]), [])

    def test_an_answer_out_of_two_chunks_rests_on_both(self):
        opens, costs, alike = [1.0, 1.0, 9.0, 8.0], [8.0, 9.0, 1.0, 1.0], [8.0, 8.0, 9.0, 7.5]
        without = [9.0, 9.0, 9.0, 9.0]
        self.assertEqual(self.carriers(without, alike, opens, costs), [1, 2])
        self.assertEqual(self.carriers(without, alike, costs), [])
        self.assertEqual(self.carriers(without, alike), [])

    def test_a_text_that_is_there_twice_carries_twice(self):
        self.assertEqual(self.carriers([9.0, 9.0], [1.0, 1.0], [8.0, 9.0], [1.0, 1.9]), [0, 2])

    def test_what_is_added_to_what_was_read_does_not_count(self):
        from ..bundle.evidence import Surprises, grounded

        # Of a sentence of two tokens that was read, two more of the same chunk, and a last that nothing explains.
        of = Surprises([9.0] * 6, [[1.0] * 4 + [9.0] * 2])
        self.assertEqual(grounded(of, [2, 4, 6]), (4, [0]))
        # Nor does what comes behind that, however much of it was read.
        self.assertEqual(grounded(Surprises([9.0] * 13, [[1.0] * 2 + [9.0] + [1.0] * 10]), [2, 3, 13]), (2, [0]))
        self.assertEqual(grounded(Surprises([9.0] * 2, [[9.0] * 2]), [2]), (0, []))
        # "Sure." is judged with what comes behind it.
        self.assertEqual(grounded(Surprises([1.5, 9.0, 9.0], [[1.5, 1.0, 1.0]]), [1, 3]), (3, [0]))

    def test_where_sentences_end(self):
        from ..bundle.evidence import sentence_ends

        texts = {
            "3 + 1 = 4. Answer: 4": ["3 + 1 = 4.", " Answer: 4"],
            'He said "No." It is 3.5 m.': ['He said "No."', " It is 3.5 m."],
            "青い。赤い。": ["青い。", "赤い。"],
            "def f(x):\n  return x": ["def f(x):\n", "  return x"],
            "one": ["one"],
        }
        for text, parts in texts.items():
            ends = sentence_ends(text)
            self.assertEqual([text[start:end] for start, end in zip([0, *ends], ends)], parts)


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
