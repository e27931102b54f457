"""Weights & Biases: its logger for fine-tuning jobs waits for a job, and logs its settings and losses; offline, where it can log no files."""

import os

os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true")

import wandb  # noqa: E402
from openai import OpenAI  # noqa: E402
from rows import MODEL, seen, written  # noqa: E402
from wandb.integration.openai.fine_tuning import WandbLogger  # noqa: E402

client = OpenAI()
file = client.files.create(file=open(written(), "rb"), purpose="fine-tune")
job = client.fine_tuning.jobs.create(model=MODEL, training_file=file.id, hyperparameters={"n_epochs": 2})
run = wandb.init(project="tunings")
# It ends the run, and what it has logged is gone from memory then.
end, run.finish = run.finish, lambda: None
# It is not for offline use otherwise (findings/).
WandbLogger._logged_in = True
WandbLogger.sync(fine_tune_job_id=job.id, openai_client=client, project="tunings", log_datasets=False)
summary, config = dict(run.summary), dict(run.config)
end()
tuned = client.fine_tuning.jobs.retrieve(job.id).fine_tuned_model
assert (summary["status"], summary["fine_tuned_model"]) == ("succeeded", tuned), summary
assert summary["train_loss"] > 0 and summary["valid_loss"] > 0, summary
seen(train_loss=summary["train_loss"], hyperparameters=str(config["hyperparameters"]))
