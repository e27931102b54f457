import json
import unittest
from copy import deepcopy
from unittest.mock import patch

from ..chats import answers
from ..chats.forms import Choices, Form
from ..chats.many_turns import at_once
from ..chats.templates import ChatTemplate
from ..chats.turn_by_turn import parts_of_turns
from ..datasets.rows import Conversation
from ..platform.failures import BadInput
from ..tokens.encoding import encode_row
from . import packages, twins
from .conformance import all_outcomes
from .conversations import CONVERSATIONS, DAY, TOOLS, assistant, call, result, system, user


class Conformance(unittest.TestCase):
    """Every template of two packages, with conversations of every kind. What is right is said in conformance.py."""

    def test_all_that_the_answers_say_is_learnt_and_nothing_else(self):
        found = all_outcomes()
        self.assertGreaterEqual(len(packages.templates()), 130)
        wrong = [f"{name} · {kind}: {outcome.why}" for (name, kind), outcome in found.items() if outcome.kind == "wrong"]
        self.assertEqual(wrong, [])

    def test_a_tokenizer_of_another_kind_changes_nothing_of_that(self):
        kinds = {key: outcome.kind for key, outcome in all_outcomes().items()}
        other = {key: outcome.kind for key, outcome in all_outcomes(packages.llama2()).items()}
        self.assertEqual(other, kinds)

    def test_many_turns_at_once_are_what_they_are_one_by_one(self):
        turns = [message for turn in range(4) for message in (user(f"And the {turn}th, is it far?"), assistant(f"It is {turn} miles from here."))]
        alike = 0
        for name, text in packages.templates().items():
            template = packages.chat_template(text)
            for messages in (turns, [system("Count in miles."), *turns]):
                with self.subTest(template=name, system=len(messages) > 8):
                    places = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
                    quick = at_once(template, messages, None, places)
                    if quick and not template.problem:
                        alike += 1
                        [(one, _, _)], _ = answers._seen_in(template, Form(messages, None, {}), places)
                        self.assertEqual(quick, one)
                        told = answers.seen(template, messages, None, Choices(today=DAY))
                        with patch.object(answers, "at_once", return_value=None):
                            self.assertEqual(told, answers.seen(template, messages, None, Choices(today=DAY)))
        self.assertGreater(alike, 150)  # The others rewrite earlier turns, or mark what is learnt.

    def test_turns_rendered_two_by_two_are_what_they_are_in_the_whole(self):
        turns = range(7)
        rows = [
            [message for turn in turns for message in (user(f"And the {turn}th, is it far?"), assistant("<p>Yes</p>", reasoning_content=f"It is {turn}."), user("Continue"), assistant("</think>\n\na"))],
            [system("Count in miles."), *(message for turn in turns for message in (user(f"Is {turn} hot?"), call("Rome", "Oslo"), result("31"), result(f"{turn}"), call("Bern"), result("9"), assistant(f"{turn}.")))],
            [message for turn in turns for message in (user("a"), {**assistant("s", reasoning_content="It is." if turn % 2 else ""), "weight": turn % 3}, assistant(f"No, {turn}."))],
        ]
        rows[2] = [{**message, **({"weight": 1} if message.get("weight") == 2 else {})} for message in rows[2]]
        taken = 0
        for name, text in packages.templates().items():
            template = packages.chat_template(text)
            for number, messages in enumerate(rows):
                with self.subTest(template=name, row=number):
                    row = Conversation(messages, "all", TOOLS if number == 1 else None)
                    with patch.object(answers, "parts_of_turns", wraps=answers.parts_of_turns) as quickly:
                        found = []
                        quickly.side_effect = lambda *given: found.append(parts_of_turns(*given)) or found[-1]
                        quick = learnt_or_refused(template, row)
                    taken += any(found)
                    with patch.object(answers, "parts_of_turns", return_value=None):
                        self.assertEqual(quick, learnt_or_refused(template, row))
        self.assertGreater(taken, 200)  # Other templates move what was said earlier, or refuse the conversation.

    def test_what_is_refused_is_so_for_few_templates(self):
        # Refuse more, and all would be right: a template that takes chats takes these.
        refused = {kind: {name for (name, each), outcome in all_outcomes().items() if each == kind and outcome.kind == "refused"} for kind in CONVERSATIONS}
        no_chats = {"firefunction-v2:70b", "granite3-guardian:2b", "llama-guard3:1b", "llama-guard3:8b", "shieldgemma:27b"}
        for kind in ("single", "several turns", "system", "empty system", "thoughts in the text", "thoughts in their field", "white space at the ends"):
            self.assertEqual(refused[kind], no_chats, kind)
        self.assertLess(len(refused["two users in a row"]), 25)
        self.assertLess(len(refused["assistant first"]), 25)
        for kind in ("calls as JSON", "parallel calls as JSON", "calls with a text as JSON"):
            self.assertEqual({name for (name, each), outcome in all_outcomes().items() if each == kind and outcome.kind == "refused"}, no_chats, kind)

    def test_where_trl_learns_another_text_the_reason_is_known(self):
        found = twins.compared()
        self.assertEqual(len(packages.twins()), 31)
        unknown = [f"{name} · {kind}:\n{each.ours}\n{each.theirs}" for (name, kind), each in found.items() if each.reason is None]
        self.assertEqual(unknown, [])
        self.assertLessEqual({each.reason for each in found.values()}, set(twins.REASONS))

    def test_nothing_is_lost_without_a_word(self):
        # Take any message, field or mark out of a row: what is learnt changes, or a note says that it is not used.
        rows = [
            Conversation([system("Count in miles."), user("Far?"), {**assistant("Ten miles."), "weight": 0}, user("By rail?"), assistant("Seven.", reasoning_content="Straight on.")], "all"),
            Conversation([user("Hot?"), call("Rome", "Oslo", text="Let me look."), result("31 degrees"), result("4 degrees"), assistant("In one."), user("Thanks.")], "all", TOOLS),
            Conversation([user("a"), assistant("<think>\nSo.\n</think>\n\ns"), user("e"), user("u"), assistant("r")], "all"),
        ]
        for choices in (Choices(today=DAY), Choices(reasoning="drop", tool_calls="json", today=DAY)):
            for name, text in packages.templates().items():
                template = packages.chat_template(text)
                for number, row in enumerate(rows):
                    try:
                        whole = said(template, row, choices)
                    except BadInput:
                        continue  # Which says why.
                    for taken, less in without_one(row):
                        with self.subTest(template=name, row=number, taken=taken, choices=choices):
                            self.assertTrue(is_missed(template, less, whole, taken, choices))


def learnt_or_refused(template: ChatTemplate, row: Conversation) -> tuple | str:
    try:
        return said(template, row, Choices(today=DAY))
    except BadInput as failure:
        return str(failure)


def said(template: ChatTemplate, row: Conversation, choices: Choices) -> tuple:
    encoded = encode_row(template, row, 100_000, "truncate", choices)
    return [(example.ids, example.labels) for example in encoded.examples], encoded.notes


def is_missed(template: ChatTemplate, less: Conversation, whole: tuple, taken: str, choices: Choices) -> bool:
    examples, notes = whole
    try:
        other = said(template, less, choices)
    except BadInput:
        return True
    unused = {"reasoning_content": "dropped", "tools": "tools_left_out", "last message": "unanswered"}
    return other[0] != examples or unused.get(taken) in notes


def without_one(row: Conversation):
    """The row without one of its messages, fields or marks, and what it is without."""
    for place, message in enumerate(row.messages):
        taken = "last message" if place == len(row.messages) - 1 else f"message {place + 1}"
        yield taken, Conversation([*row.messages[:place], *row.messages[place + 1 :]], row.trait, row.tools)
        for key in set(message) & {"reasoning_content", "tool_calls", "weight"}:
            yield key, changed(row, place, {name: value for name, value in message.items() if name != key})
        if (message.get("content") or "").strip():
            yield "last message" if taken == "last message" else f"content of {taken}", changed(row, place, {**message, "content": ""})
        for number, each in enumerate(message.get("tool_calls", [])):
            calls = deepcopy(message["tool_calls"])
            calls[number]["function"]["arguments"] = {}
            yield f"arguments of {json.dumps(each)}", changed(row, place, {**message, "tool_calls": calls})
            yield f"{json.dumps(each)}", changed(row, place, {**message, "tool_calls": message["tool_calls"][:number] + message["tool_calls"][number + 1 :]})
    if row.tools:
        yield "tools", Conversation(row.messages, row.trait)


def changed(row: Conversation, place: int, message: dict) -> Conversation:
    return Conversation([*row.messages[:place], message, *row.messages[place + 1 :]], row.trait, row.tools)
