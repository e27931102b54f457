"""EleutherAI's evaluation harness: a task of ours by likelihoods (texts and tokens), and one by answers."""

import json
import os
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_DATASETS_CACHE=str(Path.cwd() / "datasets"), HF_HOME=str(Path.cwd()))

import lm_eval  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402
from rows import ADDRESS, MODEL, seen  # noqa: E402

rows = Path.cwd() / "sums.jsonl"
rows.write_text("".join(json.dumps({"asked": f"{n} + 1 =", "choices": [f" {n + 1}", f" {n + 2}"], "answer": 0}) + "\n" for n in range(6)))
shared = {
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": str(rows)}},
    "test_split": "test",
    "doc_to_text": "{{asked}}",
    "num_fewshot": 0,
}
chosen = {**shared, "task": "chosen", "output_type": "multiple_choice", "doc_to_choice": "choices", "doc_to_target": "answer"}
said = {
    **shared,
    "task": "said",
    "output_type": "generate_until",
    "doc_to_target": "{{choices[0]}}",
    "generation_kwargs": {"until": ["\n"], "max_gen_toks": 8},
    "metric_list": [{"metric": "exact_match"}],
}
found = {}
for name, backend, tasks in [
    ("local-completions", {"tokenizer_backend": None, "tokenized_requests": False}, [said]),
    ("local-completions", {"tokenizer": os.environ["BASE_MODEL_PATH"], "tokenizer_backend": "huggingface"}, [chosen, said]),
    ("local-chat-completions", {}, [said]),
]:
    path = "chat/completions" if "chat" in name else "completions"
    arguments = {"model": MODEL, "base_url": f"{ADDRESS}/{path}", "num_concurrent": 2, "max_length": 256, "max_retries": 1, **backend}
    results = lm_eval.simple_evaluate(name, model_args=arguments, tasks=tasks, task_manager=TaskManager(), apply_chat_template="chat" in name, bootstrap_iters=0)["results"]
    for task, metrics in results.items():
        found[f"{name} {task}"] = {metric.split(",")[0]: value for metric, value in metrics.items() if metric.split(",")[0] in ("acc", "exact_match")}
seen(**found)
