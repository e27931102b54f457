"""instructor: its commands upload and list, and its client gets an object of a class from the model, by a call of a tool and by a schema."""

import subprocess
import sys
from pathlib import Path
from typing import Literal

import instructor
from openai import OpenAI
from pydantic import BaseModel
from rows import MODEL, seen, written


class Weather(BaseModel):
    city: Literal["Oslo", "Rome"]
    rain: bool


command = str(Path(sys.executable).with_name("instructor"))
subprocess.run([command, "files", "upload", written()], check=True, stdout=sys.stderr)
listed = subprocess.run([command, "files", "list"], check=True, capture_output=True, text=True).stdout
assert "rows.jsonl" in listed, listed
made = []
for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA):
    client = instructor.from_openai(OpenAI(), mode=mode)
    asked = [{"role": "user", "content": "It rains in Oslo."}]
    made.append(client.chat.completions.create(model=MODEL, response_model=Weather, messages=asked, max_tokens=200, max_retries=0).model_dump())
seen(weather=made)
