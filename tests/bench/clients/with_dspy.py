"""DSPy: its provider fine-tunes, and the tuned model answers a program."""

import dspy
from dspy.clients.openai import OpenAIProvider, TrainingJobOpenAI
from dspy.clients.utils_finetune import TrainDataFormat
from rows import ADDRESS, KEY, MODEL, ROWS, seen

job = TrainingJobOpenAI()
tuned = OpenAIProvider.finetune(job, f"openai/{MODEL}", ROWS, TrainDataFormat.CHAT, {"n_epochs": 1})
lm = dspy.LM(f"openai/{tuned}", api_base=ADDRESS, api_key=KEY, max_tokens=32, temperature=0.5, cache=False)
answers = lm("3 + 1?")
assert isinstance(answers, list) and isinstance(answers[0], str), answers
seen(tuned=tuned, answered=len(answers))
