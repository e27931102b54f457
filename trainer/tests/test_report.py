import contextlib
import io
import json
import math
import os
import re
import shutil
import tempfile
import unittest
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from ..outputs.card import data_section, model_card
from ..outputs.provenance import data_of
from ..platform.events import Events
from ..platform.failures import BadInput
from ..platform.supervision import Commands
from ..runs.checkpoints import MANIFEST, sha256_of, write_manifest
from ..runs.history import read_history
from ..runs.run_file import read_run_file
from ..tasks import run
from .support import HYPERPARAMETERS, Recorder, few_words, model_path, train_here, train_once, write_run_file

# As many as a verdict needs.
ENOUGH = {"max_rows_per_trait": 6, "max_new_tokens": 4}
CODE = re.compile(r"```python\n(.*?)\n```", re.DOTALL)


def train(work: Path, **changes) -> None:
    """As `python -m trainer` does, with the events kept."""
    with open(os.devnull, "w") as nowhere:
        events = Events(os.dup(nowhere.fileno()))
    run(write_run_file(work, **changes), events, Commands())


@few_words
def validate(work: Path, task="validate", **changes) -> dict:
    return run(write_run_file(work, task=task, **changes), Recorder(), Commands())


def run_code(text: str, folder: Path) -> list[str]:
    """Runs each block of Python in a text as its reader would, with the base at hand. Returns what each printed."""
    printed = []
    for code in CODE.findall(text):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            # Not 100 tokens, which say no more than a few.
            code = code.replace("mtm/tiny-random-llama", str(model_path())).replace('folder = "."', f"folder = {str(folder)!r}")
            exec(code.replace("max_new_tokens=100", "max_new_tokens=5"), {})
        printed.append(out.getvalue())
    return printed


class Report(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = Path(directory.name)

    def mixture(self) -> dict:
        """Data as the service lays it out. Returns `data` of a run file."""
        data = self.work / "mixture"
        data.mkdir()
        ids = {"maths": 3, "coding": 8}
        rows = [
            {"prompt": f"what is {i}", "completion": f"#### {i % 5}" if trait == "maths" else "print('a')", "trait": trait, "dataset_id": ids[trait]}
            for i in range(15)
            for trait in ids
        ]
        parts = {"train": rows[:18], "held_out": rows[18:30]}
        for name, part in parts.items():
            (data / f"{name}.jsonl").write_text("\n".join(map(json.dumps, part)))
        counts = [{"trait": trait, "dataset_id": ids[trait], "train": 9, "held_out": 6} for trait in ids]
        files = {name: {"file": f"{name}.jsonl", "rows": len(part), "sha256": sha256_of(data / f"{name}.jsonl")} for name, part in parts.items()}
        datasets = [{"id": id, "sha256": f"{id:064}"} for id in ids.values()]
        (data / "mixture.json").write_text(json.dumps({"datasets": datasets, "counts": counts, **files}))
        named = [{"id": 3, "name": "GSM | 8K"}, {"id": 8, "name": "Snippets"}]
        return {"train": str(data / "train.jsonl"), "held_out": str(data / "held_out.jsonl"), "datasets": named}

    def test_it_says_what_was_made_from_what_and_how_to_use_it(self):
        data = self.mixture()
        train(self.work, data=data)
        (self.work / "events" / "e0.jsonl").write_text('{"type": "step", "step": 1, "loss": 99.0}\n{"type": "eval", "step": 3, "trait": "coding", "loss": 6.1, "rows": 3}\n{"type": "st')
        told = validate(self.work, data=data, validation=ENOUGH)
        self.assertEqual(told["verdict"], "better", told["summary"])
        self.assertNotIn("fixed_prompts", told)
        self.assertLess(len(json.dumps(told)), 20_000)

        folder = self.work / "output" / "report"
        names = ["curves.png", "report.json", "report.md"]
        self.assertEqual(sorted(path.name for path in folder.iterdir()), names)
        for name in names:
            self.assertEqual((folder / name).read_bytes(), (self.work / "report" / name).read_bytes())
        self.assertEqual((folder / "curves.png").read_bytes()[:8], b"\x89PNG\r\n\x1a\n")

        report = json.loads((folder / "report.json").read_text())
        self.assertEqual([dataset["name"] for dataset in report["data"]["datasets"]], ["GSM | 8K", "Snippets"])
        self.assertEqual([(dataset["train"], dataset["held_out"], dataset["share"]) for dataset in report["data"]["datasets"]], [(9, 6, 0.5)] * 2)
        self.assertTrue(all(dataset["tokens"] > 0 for dataset in report["data"]["datasets"]))
        self.assertEqual([(trait["trait"], trait["by_format"]["scorer"]) for trait in report["traits"]], [("maths", "number"), ("coding", "python_parses")])
        self.assertEqual(len(report["fixed_prompts"]), 5)
        # Of all six that were asked of each trait, with the conversation; the event, and report.md, have the first two: leave [:FEW]
        # out of few_of_each_trait, and they have all.
        self.assertEqual([sample["trait"] for sample in report["samples"]], ["maths"] * 6 + ["coding"] * 6)
        self.assertEqual(report["samples"][0]["messages"], [{"role": "user", "content": report["samples"][0]["prompt"]}])
        self.assertEqual([(sample["trait"], "messages" in sample) for sample in told["samples"]], [("maths", False)] * 2 + [("coding", False)] * 2)
        self.assertEqual((folder / "report.md").read_text().count("Expected:"), 4)
        self.assertLess(report["training"]["last_loss"], report["training"]["first_loss"])
        self.assertLess(report["training"]["first_loss"], 99)

        text = (folder / "report.md").read_text()
        self.assertEqual(text.splitlines()[2].split(".**")[0], "**Better than its base")
        card = (self.work / "output" / "README.md").read_text()
        for shown in (text, card):
            self.assertIn(f"| GSM \\| 8K | maths | 9 | 50.0% | {report['data']['datasets'][0]['tokens']} | 6 | {3:064} |", shown)
            self.assertIn(report["data"]["train"]["sha256"], shown)
            self.assertIn("| learning_rate | 0.001 |", shown)
        self.assertIn("![Loss and learning rate by step](curves.png)", text)
        self.assertEqual(len(run_code(card, self.work / "output")), 2)  # Merged, and the adapter.
        self.assertIn("README.md", told["files"]["files_checked"])

    def test_it_says_which_rows_were_left_out_or_cut_off(self):
        # Leave that out, and the numbers of rows are those that were to be trained on, whatever became of them.
        asked = read_run_file(write_run_file(self.work, data=self.mixture()))
        (self.work / "events").mkdir()
        counts = {"truncated_rows": 2, "dropped_rows": 0, "skipped_rows": 1, "refused_rows": 3}
        (self.work / "events" / "e1.jsonl").write_text(json.dumps({"type": "plan", "tokens_by_dataset": [], **counts}) + "\n")
        told = "Of those to train on: 2 cut off at max_length; 1 left out, since no answer stands within max_length; 3 left out, since the chat template cannot show them"
        self.assertIn(told, data_section(data_of(asked)))

    def test_the_card_names_a_dataset_that_is_held_out_alone_as_such(self):
        # Take the names of all datasets in model_card, and it says that the model was trained on what it is compared on.
        data = self.mixture()
        manifest = self.work / "mixture" / "mixture.json"
        mixture = json.loads(manifest.read_text())
        mixture["counts"][1] |= {"trait": "maths", "train": 0}
        manifest.write_text(json.dumps(mixture))
        card = model_card(read_run_file(write_run_file(self.work, data=data)))
        self.assertIn("fine-tuned (qlora) on GSM \\| 8K.", card)
        self.assertIn("datasets:\n- GSM | 8K\n", card)
        self.assertIn("Of Snippets no row is trained on: the model is compared on them.", card)
        self.assertIn(f"| Snippets | maths | 0 | 0.0% | - | 6 | {8:064} |", card)

    def test_the_card_tells_the_licence_of_the_base(self):
        from ..outputs.provenance import licence_of

        cases = {
            "---\nlicense: apache-2.0\ntags: [x]\n---\n# Base": {"license": "apache-2.0"},
            "---\nlicense: other\nlicense_name: own\n---\n": {"license": "other", "license_name": "own"},
            "# Base\nlicense: mit": {},
            "---\nlicense: [": {},
            "---\n- a\n---\n": {},
        }
        for text, licence in cases.items():
            (self.work / "README.md").write_text(text)
            self.assertEqual(licence_of(self.work), licence, text)
        self.assertEqual(licence_of(self.work / "none"), {})

    def test_a_model_that_got_worse_says_so_first(self):
        # Its base would rather say anything else than what it learnt by heart.
        held_out = self.work / "held_out.jsonl"
        held_out.write_text("\n".join(json.dumps({"prompt": f"{i}", "completion": "Zürich, quite ©†¥"}) for i in range(6)))
        data = {"train": str(self._rows("answer 1 answer 1")), "held_out": str(held_out)}
        changes = {"data": data, "training_type": "standard", "hyperparameters": {**HYPERPARAMETERS, "learning_rate": 0.01, "epochs": 20}, "validation": ENOUGH}
        train(self.work, **changes)
        told = validate(self.work, **changes)
        self.assertEqual((told["valid"], told["verdict"]), (True, "worse"), told["summary"])
        self.assertIn("WORSE than its base on held-out rows of all (loss ", told["summary"])
        self.assertIn("**WORSE than its base.**", (self.work / "report" / "report.md").read_text().splitlines()[2])

    def test_without_held_out_rows_it_is_not_compared(self):
        data = {"train": str(self._rows("answer")), "held_out": None}
        train(self.work, data=data)
        told = validate(self.work, data=data)
        self.assertEqual((told["valid"], told["verdict"], told["traits"]), (True, None, []))
        self.assertIn("no held-out rows to compare", (self.work / "report" / "report.md").read_text())

    def test_an_adapter_alone(self):
        # Count `merge` among what decides the weights (checkpoints._comparable), and it begins again at step 0.
        train_once(self.work)
        alone = {"hyperparameters": {**HYPERPARAMETERS, "merge": False}}
        result, events = train_here(self.work, lease_epoch=2, known_checkpoint_step=12, **alone)
        self.assertEqual([event["step"] for event in events.of("resumed")], [12])
        output = self.work / "output"
        self.assertEqual(sorted(path.name for path in output.glob("*.json")), ["generation_config.json", "manifest.json", "tokenizer.json", "tokenizer_config.json"])
        self.assertEqual(list(output.glob("*.safetensors")), [])
        told = validate(self.work, **alone)
        self.assertTrue(told["valid"], told["errors"])
        self.assertEqual(len(run_code((output / "README.md").read_text(), output)), 1)
        self.assertIn("library_name: peft", (output / "README.md").read_text())
        self.assertEqual(validate(self.work, "check")["errors"], ["config.json is missing."])

    def test_a_loss_that_is_no_number_is_told(self):
        # Compare them all the same, and the trainer crashes: JSON has no NaN.
        train_once(self.work)
        broken = self.work / "broken"
        shutil.copytree(model_path(), broken)
        with safe_open(broken / "model.safetensors", "pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}
        weights["model.embed_tokens.weight"][:] = math.nan
        save_file(weights, broken / "model.safetensors", {"format": "pt"})
        with self.assertRaisesRegex(BadInput, "The loss of the base model .* on held-out rows of a, b is not a number"):
            validate(self.work, model={"name": "mtm/tiny-random-llama", "path": str(broken)})

        shutil.copy(broken / "model.safetensors", self.work / "output" / "model.safetensors")
        write_manifest(self.work / "output", {})
        told = validate(self.work)
        self.assertEqual((told["valid"], told["loading"]["valid"]), (False, False))
        self.assertIn("its output is not a number", told["summary"])

    def test_damaged_and_swapped_files_are_named(self):
        train_once(self.work)
        other = self.work / "other"
        other.mkdir()
        train_here(other, hyperparameters={**HYPERPARAMETERS, "seed": 2})
        output, known = self.work / "output", {"known_manifest_sha256": sha256_of(self.work / "output" / MANIFEST)}
        self.assertTrue(validate(self.work, "check", **known)["valid"])

        weights = output / "model.safetensors"
        weights.write_bytes((other / "output" / "model.safetensors").read_bytes())
        told = validate(self.work, **known)
        self.assertEqual(told["errors"], ["model.safetensors is not the file that the training wrote."])
        self.assertRegex((self.work / "report" / "report.md").read_text(), r"\*\*NOT USABLE\.\*\*\n\n- model\.safetensors is not the file")
        self.assertFalse((output / "report").exists())

        output.rename(self.work / "first")
        (other / "output").rename(output)
        self.assertTrue(validate(self.work, "check")["valid"])
        told = validate(self.work, "check", **known)
        self.assertRegex(told["errors"][0], "manifest.json is not the one that this training wrote")

    def _rows(self, answer: str) -> Path:
        path = self.work / "rows.jsonl"
        path.write_text("\n".join(json.dumps({"prompt": f"question {i}", "completion": answer}) for i in range(8)))
        return path


class Histories(unittest.TestCase):
    def test_later_claims_count_in_place_of_earlier_ones(self):
        # Sort the files by name and e10 comes before e9.
        with tempfile.TemporaryDirectory() as directory:
            events = Path(directory) / "events"
            events.mkdir()
            step = '{{"type": "step", "step": {}, "loss": {}}}\n'
            (events / "e9.jsonl").write_text(step.format(1, 1.0) + step.format(2, 2.0) + '{"type": "step", "st')
            (events / "e10.jsonl").write_text(step.format(2, 2.5) + '{"type": "eval", "step": 2, "trait": null, "loss": 3.0, "rows": 5}\n')
            history = read_history(Path(directory))
            self.assertEqual([(number, event["loss"]) for number, event in sorted(history.steps.items())], [(1, 1.0), (2, 2.5)])
            self.assertEqual(history.held_out_loss, {None: {2: 3.0}})
