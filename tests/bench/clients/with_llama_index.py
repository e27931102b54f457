"""LlamaIndex: its engine uploads, creates the job and asks for it."""

import time

from llama_index.finetuning import OpenAIFinetuneEngine
from rows import MODEL, seen, written

# Its check of the file counts tokens, for which it fetches a file of OpenAI's from another site.
engine = OpenAIFinetuneEngine(MODEL, written(), verbose=False, validate_json=False)
engine.finetune()
job = engine.get_current_job()
while job.status not in ("succeeded", "failed", "cancelled"):
    time.sleep(0.5)
    job = engine.get_current_job()
assert job.status == "succeeded", job
seen(tuned=job.fine_tuned_model)
