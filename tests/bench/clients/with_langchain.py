"""LangChain: chat, streamed, and structured outputs: by a schema, and by a call of a tool."""

from typing import Literal

from langchain_openai import ChatOpenAI
from pydantic import BaseModel
from rows import MODEL, seen


class Weather(BaseModel):
    city: Literal["Oslo", "Rome"]
    rain: bool


chat = ChatOpenAI(model=MODEL, temperature=0, max_tokens=200, max_retries=0)
said = chat.invoke("3 + 1?")
told = "".join(chunk.content for chunk in chat.stream("3 + 1?"))
assert told == said.content, (told, said.content)
asked = "It rains in Oslo."
made = [chat.with_structured_output(Weather, method="json_schema").invoke(asked).model_dump()]
for strict in (False, True):
    made.append(chat.with_structured_output(Weather, method="function_calling", strict=strict).invoke(asked).model_dump())
seen(weather=made, tokens=said.usage_metadata["total_tokens"])
