"""LiteLLM: its functions for files and jobs, which check each answer strictly, then chat, streamed and not."""

import time

import litellm
from rows import ADDRESS, KEY, MODEL, seen, written

place = {"custom_llm_provider": "openai", "api_base": ADDRESS, "api_key": KEY}
file = litellm.create_file(file=open(written(), "rb"), purpose="fine-tune", **place)
job = litellm.create_fine_tuning_job(model=MODEL, training_file=file.id, hyperparameters={}, **place)
while job.status not in ("succeeded", "failed", "cancelled"):
    time.sleep(0.5)
    job = litellm.retrieve_fine_tuning_job(fine_tuning_job_id=job.id, **place)
assert job.status == "succeeded", job
assert job.id in [each.id for each in litellm.list_fine_tuning_jobs(**place).data]
asked = {"model": f"openai/{job.fine_tuned_model}", "messages": [{"role": "user", "content": "3 + 1?"}], "max_tokens": 8, "api_base": ADDRESS, "api_key": KEY}
said = litellm.completion(**asked, temperature=0)
told = "".join(chunk.choices[0].delta.content or "" for chunk in litellm.completion(**asked, temperature=0, stream=True))
assert told == said.choices[0].message.content, (told, said)
seen(tuned=job.fine_tuned_model, tokens=said.usage.total_tokens)
