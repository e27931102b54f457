"""Looks every model up by its name, with OpenAI's client. Prints the names as JSON."""

import json

import openai

client = openai.OpenAI()
names = [model.id for model in client.models.list()]
print(json.dumps({"names": names, "found": [client.models.retrieve(name).id for name in names]}))
