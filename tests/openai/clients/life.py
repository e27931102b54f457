"""The life of a fine-tuning job by OpenAI's client: `life.py old` names its hyperparameters as before there were methods. Prints what it saw as JSON."""

import base64
import json
import sys
import time

import openai

MODEL = "gpt-4o-mini-2024-07-18"
client = openai.OpenAI()
rows = "".join(json.dumps({"messages": [{"role": "user", "content": f"{n} + 1?"}, {"role": "assistant", "content": str(n + 1)}]}) + "\n" for n in range(20))
file = client.files.create(file=("rows.jsonl", rows.encode()), purpose="fine-tune")

hyperparameters = {"n_epochs": 2, "batch_size": "auto"}
asked = {"hyperparameters": hyperparameters} if sys.argv[1:] == ["old"] else {"method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}}
job = client.fine_tuning.jobs.create(model=MODEL, training_file=file.id, suffix="from-python", seed=7, **asked)
created = job.status
while job.status not in ("succeeded", "failed", "cancelled"):
    time.sleep(0.2)
    job = client.fine_tuning.jobs.retrieve(job.id)
assert job.status == "succeeded", job.error

events = [event for event in client.fine_tuning.jobs.list_events(job.id, limit=3)][::-1]
checkpoints = [checkpoint for checkpoint in client.fine_tuning.jobs.checkpoints.list(job.id, limit=1)]
csv = base64.b64decode(client.files.content(job.result_files[0]).read()).decode()
print(
    json.dumps(
        {
            "created": created,
            "model": job.model,
            "fine_tuned_model": job.fine_tuned_model,
            "is_named_after_it": job.fine_tuned_model.endswith(":" + job.id.removeprefix("ftjob-")[:8]),
            "hyperparameters": [job.hyperparameters.n_epochs, job.hyperparameters.batch_size],
            "seed": job.seed,
            "trained_tokens": job.trained_tokens,
            "error": job.error,
            "times": job.finished_at >= job.created_at,
            "messages": [event.message for event in events if event.type == "message"],
            "steps": [event.data["step"] for event in events if event.type == "metrics"],
            "unique": len({event.id for event in events}) == len(events),
            "checkpoints": [[checkpoint.step_number, checkpoint.fine_tuned_model_checkpoint == job.fine_tuned_model] for checkpoint in checkpoints],
            "csv": [csv.splitlines()[0], len(csv.splitlines()) - 1],
            "is_listed": job.fine_tuned_model in [model.id for model in client.models.list()],
            "is_there": client.models.retrieve(job.fine_tuned_model).id == job.fine_tuned_model,
            "jobs": [each.id for each in client.fine_tuning.jobs.list(limit=1)].count(job.id),
        }
    )
)
