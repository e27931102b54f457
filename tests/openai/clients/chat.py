"""Asks a model by OpenAI's client: `chat.py MODEL`. Prints what it saw as JSON."""

import json
import sys

import openai

MODEL = sys.argv[1]
client = openai.OpenAI()
messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "what is one plus two"}]
asked = {"model": MODEL, "messages": messages, "max_tokens": 12, "temperature": 0}

whole = client.chat.completions.create(**asked)
chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
helped = None
if hasattr(client.chat.completions, "stream"):
    with client.chat.completions.stream(**asked) as stream:
        # Its final completion raises where the answer was cut off.
        helped = "".join(event.delta for event in stream if event.type == "content.delta")
sent_back = client.chat.completions.create(**{**asked, "messages": [*messages, whole.choices[0].message.model_dump(), {"role": "user", "content": "and two"}]})
text = client.completions.create(model=MODEL, prompt="one plus", max_tokens=4, temperature=0)
try:
    client.chat.completions.create(**{**asked, "model": "gpt-9"})
    missing = None
except openai.NotFoundError as error:
    missing = error.code
print(
    json.dumps(
        {
            "text": whole.choices[0].message.content,
            "finish": whole.choices[0].finish_reason,
            "usage": whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0,
            "streamed": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
            "streamed_usage": chunks[-1].usage.total_tokens == whole.usage.total_tokens,
            "helped": helped if helped is not None else whole.choices[0].message.content,
            "went_on": sent_back.usage.prompt_tokens > whole.usage.prompt_tokens,
            "continued": isinstance(text.choices[0].text, str) and text.object,
            "missing": missing,
        }
    )
)
