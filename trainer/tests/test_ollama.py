import io
import json
import re
import shutil
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from copy import copy
from datetime import date
from pathlib import Path
from unittest import mock

from .. import ollama_modelfile
from ..base_models.models import load_tokenizer
from ..chats.templates import ChatTemplate
from ..outputs import modelfile
from ..outputs.go_template import Unknown, rendered
from ..outputs.modelfile import parameters_of, stops_of, template_of, write_modelfile
from ..outputs.ollama_losses import PLAIN, TRIED, spoken
from ..outputs.ollama_template import Reference
from . import go_judge, packages
from .conversations import DAY
from .ollama_table import counts, families, written
from .support import ROOT, model_path

TODAY = "2031-10-19"
NO_CHATS = {"firefunction-v2:70b", "granite3-guardian:2b", "llama-guard3:1b", "llama-guard3:8b", "shieldgemma:27b"}


class KnownTemplates(unittest.TestCase):
    """Every template of two packages: what Go itself makes of the Go template, beside what the model's own template writes."""

    def test_each_that_takes_chats_is_said_in_go(self):
        # Leave any fact out of Gap, or any turn out of _TURNS, and more are without one.
        self.assertEqual({name for name, (text, _) in written().items() if text is None}, NO_CHATS)

    def test_go_writes_what_the_models_own_template_writes(self):
        asked, expected = [], []
        for name, (text, told) in written().items():
            if text is None:
                continue
            # The day that stands in a template which cannot write each day's own.
            day = date.today().isoformat() if any("always writes that of" in each for each in told) else TODAY
            reference = Reference(ChatTemplate(packages.with_template(packages.templates()[name]), day), "<s>" if "bos_token" in packages.templates()[name] else "")
            equal = [*PLAIN, *(messages for tried in TRIED.values() if tried.sentence not in told for messages in tried.conversations)]
            for messages in [*PLAIN, *(messages for tried in TRIED.values() for messages in tried.conversations)]:
                asked.append((text, messages, day))
                # What is not equal has its sentence; but what we judge by must be what Go writes there as well.
                expected.append((name, reference.text(messages) if messages in equal else None))
        for (text, messages, day), (name, own), go in zip(asked, expected, go_judge.rendered(asked), strict=True):
            with self.subTest(template=name, messages=messages):
                self.assertEqual(rendered(text, messages, day), go)  # Change a rule of go_template.py: its outcome is another than Go's.
                if own is not None:
                    self.assertEqual(go, own)  # Change is_equal to be always true: some are written that are not.
        self.assertGreater(len(asked), 3000)

    def test_system_prompts_and_answers_that_are_begun_are_never_lost(self):
        # Leave "empty" out of what _gaps tries, or is_last out of Gap: some write it otherwise.
        for name, (_, told) in written().items():
            with self.subTest(template=name):
                self.assertEqual([kind for kind in ("system prompt", "empty system prompt", "answer begun by the client") if TRIED[kind].sentence in told], [])

    def test_the_tables_of_the_guide(self):
        guide = (ROOT / "docs" / "ollama.md").read_text(encoding="utf-8").splitlines()
        # Take a kind out of TRIED: its row is not in the guide any more.
        self.assertEqual([row for row in [*families(), *counts()] if row not in guide], [])

    def test_the_stops_end_an_answer_where_the_template_ends_a_turn(self):
        for name, text in packages.templates().items():
            if name in NO_CHATS:
                continue
            with self.subTest(template=name):
                tokenizer = packages.with_template(text)
                template, conversation = ChatTemplate(tokenizer, DAY), spoken("ua")
                behind = template.ended(template.render(conversation), is_call=False, with_tools=False).rpartition(conversation[1]["content"])[2]
                # Take the ends of the template out of stops_of: the tokens that end a text alone do not stand there.
                self.assertTrue(behind.lstrip().startswith(tuple(stops_of(tokenizer, {}))), behind)

    def test_what_differs_is_never_written(self):
        # Have says_the_same, or is_equal, return True: these are written.
        for name in ("qwen2.5:0.5b", "llama3.1:8b", "gemma2:2b", "mixtral:8x7b", "phi3:3.8b", "trl/qwen3"):
            tokenizer = packages.with_template(packages.templates()[name])
            text = written()[name][0]
            for place in [place for place, each in enumerate(text) if each in "<[\n"]:
                broken = text[:place] + text[place + 1 :]
                with mock.patch.object(modelfile, "go_template", return_value=broken):
                    told_text, told = template_of(tokenizer, adds_bos="bos_token" in tokenizer.chat_template)
                with self.subTest(template=name, without=text[place - 20 : place + 20]):
                    self.assertTrue(told_text is None or len(told) > len(written()[name][1]), "a mark is missing, and nothing says so")
                    if told_text is not None:
                        self.assertEqual([rendered(told_text, messages, TODAY) for messages in PLAIN], [rendered(text, messages, TODAY) for messages in PLAIN])


class Written(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tokenizer = load_tokenizer(model_path())

    def template(self, text: str, adds_bos: bool = False, **tokens) -> tuple[str | None, list[str]]:
        tokenizer = copy(self.tokenizer)
        tokenizer.chat_template = text
        for name, token in tokens.items():
            setattr(tokenizer, name, token)
        return template_of(tokenizer, adds_bos)

    def test_the_file_of_a_model(self):
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "model"
            shutil.copytree(model_path(), model)
            (model / "generation_config.json").write_text(json.dumps({"eos_token_id": [0, 2], "do_sample": True, "temperature": 0.6, "repetition_penalty": 1.05, "num_beams": 4}))
            told = write_modelfile(model, "tiny-q8_0.gguf", Path(folder))
            text = (Path(folder) / "Modelfile").read_text()
        self.assertEqual(text.splitlines()[0], "FROM ./tiny-q8_0.gguf")
        template = re.search(r'^TEMPLATE """(.*?)"""$', text, re.DOTALL | re.MULTILINE)[1]
        self.assertEqual(go_judge.rendered([(template, spoken("suau"), TODAY)]), [self.tokenizer.apply_chat_template(spoken("suau"), tokenize=False, add_generation_prompt=True)])
        parameters = re.findall(r"^PARAMETER (.*)$", text, re.MULTILINE)
        self.assertEqual(
            parameters,
            ['stop "<|im_end|>"', 'stop "<|endoftext|>"', "temperature 0.6", "top_p 1.0", "top_k 50", "repeat_penalty 1.05", "repeat_last_n -1", "num_ctx 8192"],
        )
        self.assertIn("Ollama has no num_beams, which the model's generation_config.json sets to 4.", told)

    def test_by_hand(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(sys, "argv", ["", str(model_path()), f"{folder}/tiny.gguf"]), redirect_stdout(io.StringIO()) as told:
            self.assertEqual(ollama_modelfile.main(), 0)
            self.assertTrue((Path(folder) / "Modelfile").read_text().startswith("FROM ./tiny.gguf\n"))
        self.assertIn("Two messages of the user in a row become one", told.getvalue())

    def test_parameters_are_those_that_the_model_names(self):
        self.assertEqual(parameters_of({}, {"max_position_embeddings": 2048}), ({"num_ctx": 2048}, []))
        self.assertEqual(parameters_of({"temperature": 0.7, "min_p": 0.1}, {"max_position_embeddings": 2048}), ({"temperature": 0.7, "min_p": 0.1, "num_ctx": 2048}, []))
        told = ["A conversation may have 8,192 tokens of the 131,072 that the model reads: raise num_ctx in the Modelfile where there is memory for more."]
        self.assertEqual(parameters_of({"do_sample": False, "temperature": 0.7}, {"text_config": {"max_position_embeddings": 131072}}), ({"temperature": 0, "num_ctx": 8192}, told))

    def test_a_beginning_that_the_gguf_writes_is_not_in_the_template(self):
        llama = "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
        with_bos, without = self.template(llama, adds_bos=True, bos_token="<|endoftext|>"), self.template(llama, adds_bos=False, bos_token="<|endoftext|>")
        one = spoken("u")
        # Leave removeprefix out of Reference: it stands there twice.
        self.assertEqual(rendered(with_bos[0], one, TODAY), f"[user]{one[0]['content']}<|im_end|>[assistant]")
        self.assertEqual(rendered(without[0], one, TODAY), f"<|endoftext|>[user]{one[0]['content']}<|im_end|>[assistant]")
        told = self.template(llama.removeprefix("{{ bos_token }}"), adds_bos=True, bos_token="<|endoftext|>")[1]
        self.assertIn("The GGUF puts <|endoftext|> before every text, which the model's chat template does not: the model sees a token more than in training.", told)
        self.assertFalse(any("before every text" in each for each in with_bos[1] + without[1]))

    def test_texts_of_a_template_that_go_or_a_modelfile_takes_for_its_own(self):
        odd = '{{ "{{ .Content }} \\"\\"\\" \\u00a0\\u200b\U000e0041 \\r\\t\\\\n {" }}'
        template = f"{{% for m in messages %}}{odd}{{{{ m.role }}}}:{{{{ m.content }}}}{odd}{{% endfor %}}{{% if add_generation_prompt %}}{odd}assistant:{{% endif %}}"
        text, _ = self.template(template)
        reference = Reference(ChatTemplate(self._with(template)), "")
        for messages in PLAIN:
            self.assertEqual(go_judge.rendered([(text, messages, TODAY)]), [reference.text(messages)])
        # Have literal return the text as it is: Ollama drops these, and ends the template early.
        self.assertTrue(all(each.isprintable() or each == "\n" for each in text))
        self.assertNotIn('"""', text)

    def test_a_system_prompt_at_the_last_question(self):
        # As Mistral's templates have it. Leave the last question out of Gap: it stands at the wrong one where an answer is begun.
        text, told = self.template(
            "{% set ns = namespace(last=0) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
            "{% for m in messages %}{% if m.role == 'user' %}[INST]{% if loop.index0 == ns.last and messages[0].role == 'system' %}{{ messages[0].content }}\n\n{% endif %}"
            "{{ m.content }}[/INST]{% elif m.role == 'assistant' %}{{ m.content }}<|im_end|>{% endif %}{% endfor %}"
        )
        system, first, answer, last = (message["content"] for message in spoken("suau"))
        self.assertEqual(go_judge.rendered([(text, spoken("suau"), TODAY)]), [f"[INST]{first}[/INST]{answer}<|im_end|>[INST]{system}\n\n{last}[/INST]"])
        self.assertEqual(go_judge.rendered([(text, spoken("sua"), TODAY)]), [f"[INST]{system}\n\n{first}[/INST]{answer}"])
        self.assertEqual([kind for kind, tried in TRIED.items() if tried.sentence in told], ["two questions in a row", "system message in the middle"])

    def test_todays_date(self):
        template = "{{ '<' + strftime_now(%r) + '>' }}{%% for m in messages %%}[{{ m.role }}]{{ m.content }}{%% endfor %%}{%% if add_generation_prompt %%}[assistant]{%% endif %%}"
        text, told = self.template(template % "%Y-%m-%d")
        self.assertTrue(rendered(text, spoken("u"), "2040-02-03").startswith("<2040-02-03>"))
        self.assertFalse(any("date" in each for each in told))
        text, told = self.template(template % "%d %b %Y")
        self.assertTrue(rendered(text, spoken("u"), "2040-02-03").startswith(f"<{date.today():%d %b %Y}>"))
        self.assertTrue(any(f"always writes that of {date.today().isoformat()}" in each for each in told))

    def test_what_cannot_be_said_is_named_and_no_template_is_written(self):
        # It numbers the turns, which a template of Ollama's cannot.
        text, told = self.template("{% for m in messages %}[{{ loop.index }} {{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}[{{ messages|length + 1 }} assistant]{% endif %}")
        self.assertIsNone(text)
        self.assertIn("cannot be said in the language of Ollama's templates", told[0])
        with tempfile.TemporaryDirectory() as folder:
            with mock.patch.object(modelfile, "template_of", return_value=(None, told)):
                self.assertEqual(write_modelfile(model_path(), "m.gguf", Path(folder))[: len(told)], told)
            self.assertNotIn("TEMPLATE", (Path(folder) / "Modelfile").read_text())

    def test_what_is_lost_is_said(self):
        trims = "{% for m in messages %}[{{ m.role }}]{{ m.content | trim }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
        _, told = self.template(trims)
        self.assertTrue(told[0].startswith("White space around a message stays"))
        drops = "{% for m in messages %}[{{ m.role }}]{{ m.content.split('</think>')[-1].lstrip() }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
        self.assertTrue(any(each.startswith("Thoughts of earlier answers") for each in self.template(drops)[1]))

    def test_a_template_that_is_not_known_is_an_error(self):
        for text in ("{{ if .Messages }}x", "{{ json .Messages }}", "{{ .Nothing }}", "{{ range .Messages }}{{ end }}", '{{ "a" "b" }}'):
            with self.subTest(text=text), self.assertRaises(Unknown):
                rendered(text, spoken("u"), TODAY)

    def _with(self, text: str):
        tokenizer = copy(self.tokenizer)
        tokenizer.chat_template = text
        return tokenizer
