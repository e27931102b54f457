"""TRL's loss and ours, of a model that learnt preferences, on the same batches of its held-out pairs. trl_losses.py RUN_FILE

Exits with 1 where a batch's losses are further than 0.1 % from each other, or where TRL makes other tokens of the rows.
"""

import sys
from pathlib import Path

import torch
from datasets import Dataset
from trl import DPOConfig, DPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from trainer.base_models.models import load_model, load_tokenizer
from trainer.datasets.rows import read_conversations
from trainer.evaluation.answer_loss import MOST_LOGITS_ON_CPU, AnswerLoss
from trainer.runs.run_file import read_run_file
from trainer.tokens.all_rows import encode_all
from trainer.tokens.batches import collate
from trainer.tokens.pairs import paired, sides_of
from trainer.training.preferences import Preference

ROWS = 8
MOST_APART = 0.001

run = read_run_file(Path(sys.argv[1]))
hyper = run.hyperparameters
tokenizer = load_tokenizer(run.model_path)
conversations = read_conversations(run.held_out)
pairs = paired(encode_all(tokenizer, conversations, hyper.max_length, hyper.too_long).rows)
tuned, base = (load_model(path, dtype=torch.float32) for path in (run.output_dir, run.model_path))
as_trl_has_them = [
    {"prompt": row.messages[:-1], "chosen": row.messages[-1:], "rejected": row.rejected}
    for row in conversations
]
common = {"model": tuned, "train_dataset": Dataset.from_list(as_trl_has_them), "processing_class": tokenizer}
options = {
    "output_dir": str(run.work_dir / "trl"), "beta": hyper.beta, "max_length": hyper.max_length, "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "report_to": [],
}  # fmt: skip


def dpo_of_trl():
    trainer = DPOTrainer(ref_model=base, args=DPOConfig(loss_type=[hyper.loss_type], **options), **common)
    for ours, theirs in zip(pairs, trainer.train_dataset, strict=True):
        for side, name in zip(sides_of(ours), ("chosen", "rejected")):
            assert side["input_ids"].tolist() == theirs["prompt_ids"] + theirs[f"{name}_ids"], f"other tokens: {tokenizer.decode(theirs['prompt_ids'] + theirs[f'{name}_ids'])!r}"

    def loss_of(batch: dict):
        given = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"], "completion_mask": (batch["labels"] != -100).long()}
        return trainer._compute_loss(trainer.model, given, return_outputs=False)

    return loss_of


def orpo_of_trl():
    """Of the answers alone, as in the paper: what TRL adds for the chosen answer is of the question's tokens as well, so its own mean over the answer's stands for it."""
    trainer = ORPOTrainer(args=ORPOConfig(**options), **common)

    def loss_of(batch: dict):
        half = len(batch["labels"]) // 2
        parts = {"chosen": slice(None, half), "rejected": slice(half, None)}
        given = {f"{side}_{name}": batch[name][part] for side, part in parts.items() for name in ("input_ids", "attention_mask", "labels")}
        chosen, rejected = trainer.concatenated_forward(trainer.model, given)[:2]
        preferred, *_ = trainer.odds_ratio_loss(chosen, rejected)
        return (-chosen - preferred).mean()

    return loss_of


of_trl = orpo_of_trl() if hyper.loss_type == "orpo" else dpo_of_trl()
loss, of_base, batch_of = AnswerLoss(tuned, MOST_LOGITS_ON_CPU), AnswerLoss(base, MOST_LOGITS_ON_CPU), collate(tokenizer.pad_token_id)
preference, furthest = Preference(hyper.beta, hyper.loss_type), 0.0
tuned.eval()
for start in range(0, len(pairs), ROWS):
    batch = batch_of(pairs[start : start + ROWS])
    count = batch.pop("pairs").item()
    reference = {"reference": torch.tensor([total for total, _ in of_base.of_rows(batch)], dtype=torch.float32)} if run.refers_to_base else {}
    with torch.no_grad():
        ours, theirs = preference.learnt(loss, tuned, {**batch, **reference}, count).item(), of_trl(batch).item()
    furthest = max(furthest, abs(ours / theirs - 1))
    print(f"batch of {count} pairs: loss {ours:.6f}, TRL's {theirs:.6f}", flush=True)
print(f"At most {furthest:.5%} apart.")
sys.exit(furthest > MOST_APART)
