"""Conversations of every kind, which templates are tried with."""

from ..datasets.rows import Conversation

DAY = "2026-11-28"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Tells how warm it is.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "Where."}}, "required": ["city"]},
        },
    }
]


def system(text: str) -> dict:
    return {"role": "system", "content": text}


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def assistant(text: str, **more) -> dict:
    return {"role": "assistant", "content": text, **more}


def call(*cities: str, text: str = "") -> dict:
    return assistant(text, tool_calls=[{"type": "function", "function": {"name": "weather", "arguments": {"city": city}}} for city in cities])


def result(text: str) -> dict:
    return {"role": "tool", "name": "weather", "content": text}


_ASKED = [user("Is it far to the sea, Bob?"), assistant("Nine miles by road."), user("And by rail?")]
CONVERSATIONS: dict[str, list[dict]] = {
    "single": [user("Is it far to the sea, Bob?"), assistant("Nine miles by road.")],
    "several turns": [*_ASKED, assistant("Less than seven."), user("Thanks a lot."), assistant("You are welcome.")],
    "system": [system("Count in miles, please."), *_ASKED, assistant("Less than seven.")],
    "empty system": [system(""), *_ASKED[:2]],
    "thoughts in the text": [
        user("Is it far to the sea, Bob?"),
        assistant("<think>\nHe means the coast.\n</think>\n\nNine miles by road."),
        user("And by rail?"),
        assistant("<think>\nTrains go straight.\n</think>\n\nLess than seven."),
    ],
    "thoughts in their field": [
        user("Is it far to the sea, Bob?"),
        assistant("Nine miles by road.", reasoning_content="He means the coast."),
        user("And by rail?"),
        assistant("Less than seven.", reasoning_content="Trains go straight."),
    ],
    "call": [user("Is Rome hot?"), call("Rome"), result("31 degrees"), assistant("Quite hot, yes.")],
    "parallel calls": [user("Is Rome or Oslo hot?"), call("Rome", "Oslo"), result("31 degrees"), result("4 degrees"), assistant("Rome alone.")],
    "call as the last message": [user("Is Rome hot?"), call("Rome")],
    "call with a text": [user("Is Rome hot?"), call("Rome", text="Let me look."), result("31 degrees"), assistant("Quite hot, yes.")],
    "white space at the ends": [user("  Is it far to the sea, Bob?\n"), assistant("\n Nine miles by road. \n"), user("\tAnd by rail?"), assistant(" Less than seven.  ")],
    "two users in a row": [user("Is it far to the sea, Bob?"), user("Are you there?"), assistant("Nine miles by road.")],
    "assistant first": [assistant("I am Bob, hello."), *_ASKED[:2]],
    "ends with a question": _ASKED,
    "an answer of weight 0": [_ASKED[0], {**_ASKED[1], "weight": 0}, _ASKED[2], assistant("Less than seven.")],
}


def conversation(name: str) -> Conversation:
    messages = CONVERSATIONS[name]
    return Conversation(messages, "all", TOOLS if any(message.get("tool_calls") for message in messages) else None)
