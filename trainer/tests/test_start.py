import json
import shutil
from pathlib import Path

from ..datasets.rows import read_conversations
from ..outputs.start import PREFIX, start_identity
from ..platform.failures import BadInput, Stopped
from ..platform.safetensors_files import Tensors
from ..runs.run_file import read_run_file
from ..validation.validation import validate
from .support import HYPERPARAMETERS, NAME, Recorder, Trainings, few_words, model_path, shared, stop_at, train_here, train_once, write_run_file

SHORT = {**HYPERPARAMETERS, "epochs": 1, "eval_steps": 3}


def start_of(kind: str, folder: Path) -> dict:
    return {"kind": kind, "path": str(folder), "name": "run 1 of job 1", "sha256": start_identity(folder)}


def losses_of(events: Recorder, step: int) -> dict:
    return {event["trait"]: event["loss"] for event in events.of("eval") if event["step"] == step}


class Start(Trainings):
    """A training that begins from what another one made, and not from its base as it is."""

    def parent(self, training_type: str, **changes) -> Path:
        """What a whole training left; its losses before its first step and after its last are in `told`."""
        work = self.fresh(f"{training_type}-parent")
        _, self.told = train_once(work, training_type=training_type, hyperparameters={**SHORT, **changes})
        return work

    def other_data(self) -> dict:
        rows = [{"prompt": f"question {i}", "completion": f"bird {i % 5}", "trait": "ab"[i % 2]} for i in range(12)]
        path = self.work / "other.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)))
        return {"train": str(path), "held_out": str(shared() / "held_out.jsonl")}

    @few_words
    def looked_at(self, work: Path, **changes) -> dict:
        run = read_run_file(write_run_file(work, **changes, task="validate"))
        return validate(run, read_conversations(run.held_out), Recorder())

    def test_adapters_of_the_same_shape_go_on_with_other_data_and_end_exactly_after_a_stop(self):
        parent = self.parent("qlora")
        options = {"training_type": "qlora", "data": self.other_data(), "hyperparameters": {**SHORT, "save_steps": 1}, "start": start_of("adapter", parent / "output" / "adapter")}
        work = self.fresh("whole")
        whole, events = train_here(work, **options)
        # What it measures before its first step is what the other one measured after its last: it fails without `start` in add_lora.
        self.assertEqual(losses_of(events, 0), losses_of(self.told, max(event["step"] for event in self.told.of("eval"))))
        self.assertEqual(list(work.glob(f"{PREFIX}*")), [])
        stopped = self.fresh("stopped")
        with self.assertRaises(Stopped):
            train_here(stopped, stop_at(1), **options)
        rest, _ = train_here(stopped, lease_epoch=2, known_checkpoint_step=2, **options)
        self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])
        manifest = json.loads((work / "output" / "manifest.json").read_text())
        self.assertEqual(manifest["adapter_upon"], "base")
        self.assertEqual(manifest["started_from"], {"name": "run 1 of job 1", "kind": "adapter", "sha256": options["start"]["sha256"]})
        self.assertIn("## Descent", (work / "output" / "README.md").read_text())
        found = self.looked_at(work, **options)
        # Base is what it began from, in 16 bits: it fails where the comparison takes the base model.
        self.assertTrue(found["valid"], found["errors"])
        parents = self.looked_at(parent, training_type="qlora", hyperparameters=SHORT)
        self.assertLess(abs(found["traits"][0]["base"]["loss"] - parents["traits"][0]["tuned"]["loss"]), 0.01)
        self.assertGreater(abs(found["traits"][0]["base"]["loss"] - parents["traits"][0]["base"]["loss"]), 0.05)
        self.assertIn("what the run began from here (run 1 of job 1)", found["summary"])
        report = json.loads((work / "output" / "report" / "report.json").read_text())
        self.assertEqual(report["adapter_upon"], "base")

    def test_a_checkpoint_of_another_start_does_not_count(self):
        # It fails without `start` in identity_of.
        adapter = self.parent("lora") / "output" / "adapter"
        options = {"training_type": "lora", "hyperparameters": {**SHORT, "save_steps": 1}}
        work = self.fresh("work")
        train_here(work, **options, start=start_of("adapter", adapter))
        _, events = train_here(work, lease_epoch=2, **options)
        self.assertIn("it belongs to a training with another start", events.of("quarantined")[0]["reason"])

    def test_adapters_of_another_shape_and_all_weights_begin_from_the_merged_model(self):
        parent = self.parent("lora")
        merged = Tensors(parent / "output")
        start = start_of("adapter", parent / "output" / "adapter")
        for training_type, changes in (("lora", {"lora_r": 2}), ("standard", {}), ("lora", {"lora_alpha": 32})):
            with self.subTest(training_type, **changes):
                work = self.fresh(f"{training_type}-{changes}")
                options = {"training_type": training_type, "hyperparameters": {**SHORT, **changes}, "start": start}
                _, events = train_here(work, **options)
                (folder,) = work.glob(f"{PREFIX}*")
                # With the same seed, as the other one's export: it fails where the adapter is not merged, or rounded twice.
                self.assertTrue(all(Tensors(folder).read(name).equal(merged.read(name)) for name in merged.names))
                self.assertAlmostEqual(losses_of(events, 0)["a"], losses_of(self.told, 6)["a"], delta=0.02)
                found = self.looked_at(work, **options)
                self.assertTrue(found["valid"], found["errors"])
                self.assertEqual(list(work.glob(f"{PREFIX}*")), [])
                manifest = json.loads((work / "output" / "manifest.json").read_text())
                self.assertEqual(manifest["adapter_upon"], None if training_type == "standard" else "start")
                if training_type == "lora":
                    self.assertEqual(json.loads((work / "output" / "adapter" / "adapter_config.json").read_text())["base_model_name_or_path"], "run 1 of job 1")
        with self.assertRaisesRegex(BadInput, "merge is false, and this run begins from run 1 of job 1"):
            train_here(self.fresh("alone"), training_type="lora", hyperparameters={**SHORT, "lora_r": 2, "merge": False}, start=start)

    def test_pairs_refer_to_what_all_weights_became(self):
        parent = self.parent("standard", save_steps=1)
        rows = [{"prompt": f"question {i}", "chosen": f"answer {i % 7}", "rejected": "bird"} for i in range(8)]
        path = self.work / "pairs.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)))
        folder = next((parent / "checkpoints").glob("e1/checkpoint-6"))
        for kind, start in (("model", parent / "output"), ("checkpoint", folder)):
            with self.subTest(kind):
                work = self.fresh(kind)
                options = {"training_type": "dpo", "data": {"train": str(path), "held_out": str(path)}, "hyperparameters": SHORT, "start": start_of(kind, start)}
                result, events = train_here(work, **options)
                # At its first step no answer is more likely yet than it was of what it began from. It fails where the reference is the base's.
                self.assertLess(abs(events.of("step")[0]["reward_margin"]), 3e-4)
                (start,) = work.glob(f"{PREFIX}*")
                weights = Tensors(start)
                base = Tensors(model_path())
                self.assertFalse(all(weights.read(name).equal(base.read(name)) for name in base.names))
                found = self.looked_at(work, **options)
                self.assertTrue(found["valid"], found["errors"])

    def test_pairs_refer_to_adapters_that_they_go_on_with(self):
        parent = self.parent("lora")
        rows = [{"prompt": f"question {i}", "chosen": f"answer {i % 7}", "rejected": "bird"} for i in range(8)]
        path = self.work / "pairs.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)))
        hyper = {**SHORT, "lora_dropout": 0.0}
        for finetuning_type in ("lora", "qlora", "full"):
            with self.subTest(finetuning_type):
                work = self.fresh(finetuning_type)
                options = {"training_type": "dpo", "data": {"train": str(path), "held_out": str(path)}, "hyperparameters": {**hyper, "finetuning_type": finetuning_type}}
                options["start"] = start_of("adapter", parent / "output" / "adapter")
                _, events = train_here(work, **options)
                # It fails where the reference is computed without the adapters.
                self.assertLess(abs(events.of("step")[0]["reward_margin"]), 3e-4)
                # All weights begin from what they are merged into; take them for adapters (trained_as in run_file.py), and there is no such model.
                self.assertEqual(len(list(work.glob(f"{PREFIX}*"))), finetuning_type == "full")
                found = self.looked_at(work, **options)
                self.assertTrue(found["valid"], found["errors"])

    def test_what_does_not_belong_to_the_base_is_refused(self):
        parent = self.parent("standard")
        work = self.fresh("copies")

        def refused(change, kind: str, source: Path, expected: str, **options) -> None:
            folder = work / str(len(list(work.iterdir())))
            shutil.copytree(source, folder)
            change(folder)
            with self.subTest(expected), self.assertRaisesRegex(BadInput, expected):
                train_here(self.fresh(f"{folder.name}-run"), **{"training_type": "lora", "hyperparameters": SHORT, "start": start_of(kind, folder), **options})

        def set_in(file: str, **values):
            def change(folder: Path) -> None:
                path = folder / file
                path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

            return change

        output, adapter = parent / "output", self.parent("lora") / "output" / "adapter"
        refused(set_in("config.json", num_hidden_layers=3), "model", output, f"is no training of {NAME}: its config.json has a num_hidden_layers of 3, not 2")
        refused(set_in("config.json", model_type="mistral"), "model", output, "has the model_type mistral, not llama")
        refused(set_in("config.json", quantization_config={"quant_method": "fp8"}), "model", output, "in fewer bits than 16")
        refused(lambda folder: (folder / "chat_template.jinja").write_text("{{ messages[0].content }}"), "model", output, "another chat template than that of")
        refused(set_in("adapter_config.json", trainable_token_indices=[1]), "adapter", adapter, "has trainable_token_indices")
        refused(set_in("adapter_config.json", bias="all"), "adapter", adapter, "has biases")
        refused(set_in("adapter_config.json", init_lora_weights="pissa"), "adapter", adapter, "began with another base")
        refused(set_in("adapter_config.json", peft_type="LOHA"), "adapter", adapter, "is of the type LOHA")
        refused(lambda folder: None, "adapter", adapter, "is not what it was when the run was asked for", start={**start_of("adapter", adapter), "sha256": "0" * 64})
        refused(lambda folder: None, "adapter", adapter, "which trains nothing", training_type="rag")
        refused(lambda folder: None, "other", adapter, "must be one of adapter, checkpoint, model")
