"""Pydantic AI: an agent that calls a tool and gives an object of a class, which it makes the model call a tool for."""

from typing import Literal

from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.settings import ModelSettings
from rows import MODEL, seen


class Weather(BaseModel):
    city: Literal["Oslo", "Rome"]
    rain: bool


model = OpenAIChatModel(MODEL, settings=ModelSettings(temperature=0, max_tokens=200))
text = Agent(model).run_sync("3 + 1?").output
weather = Agent(model, output_type=Weather).run_sync("It rains in Oslo.").output
seen(text=text, weather=weather.model_dump())
