import json
import shutil
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from ..base_models import base_in_16_bits
from ..base_models.base_in_16_bits import PREFIX, remove_folders, write_out
from ..base_models.stored_base import StoredBase
from ..datasets.rows import read_conversations
from ..platform.failures import BadInput, DiskFull, Stopped
from ..runs.run_file import read_run_file
from ..validation.validation import validate
from .architectures import ARCHITECTURES, make
from .quantised import by_awq, by_bitsandbytes, by_bitsandbytes_one_by_one, by_compressed_tensors, by_fp8, by_mxfp4
from .support import HYPERPARAMETERS, Recorder, few_words, model_path, stop_at, stop_once, train_here, write_run_file
from .table import compared, go_all_the_way


class BaseIn16Bits(unittest.TestCase):
    """A base in fewer bits than 16 goes all the way as any other. Before, it was refused."""

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.made = by_bitsandbytes(model_path(), Path(directory.name) / "stored", "nf4")

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = Path(directory.name)
        self.stored = shutil.copytree(self.made, self.work / "stored")
        self.changes = {"model": {"name": "mtm/x-bnb-4bit", "path": str(self.stored)}, "hyperparameters": {**HYPERPARAMETERS, "max_steps": 4, "eval_steps": 4}}

    def folder(self, name: str) -> Path:
        (self.work / name).mkdir()
        return self.work / name

    def copies(self, folder: Path) -> list[Path]:
        return sorted(folder.glob(f"{PREFIX}*"))

    @few_words
    def looked_at(self, folder: Path, task: str = "validate", **changes) -> dict:
        run = read_run_file(write_run_file(folder, **{**self.changes, **changes, "task": task}))
        return validate(run, read_conversations(run.held_out), Recorder())

    def whole(self, stored: Path) -> Path:
        write_out(StoredBase(stored), self.work / f"{stored.name}-whole")
        return self.work / f"{stored.name}-whole"

    def test_each_type_is_trained_resumed_exported_validated_and_loaded_again(self):
        from transformers import AutoModelForCausalLM

        whole = self.whole(self.stored)
        for training_type in ("qlora", "lora", "standard"):
            with self.subTest(training_type):
                folder = self.work / training_type
                self.assertEqual(go_all_the_way(self.stored, folder, training_type, whole), "yes")
                self.assertEqual(self.copies(folder / "whole"), [])
                config = json.loads((folder / "whole" / "output" / "config.json").read_text())
                self.assertNotIn("quantization_config", config)
                card = (folder / "whole" / "output" / "README.md").read_text()
                self.assertIn("Its weights are stored by bitsandbytes: what was tuned is what they are in 16 bits.", card)
                self.assertEqual(str(AutoModelForCausalLM.from_pretrained(folder / "whole" / "output").dtype), "torch.bfloat16")

    def test_a_mixture_of_experts_and_a_model_that_reads_images(self):
        for name, store in (("qwen3_moe", by_bitsandbytes_one_by_one), ("gemma3", lambda *where: by_bitsandbytes(*where, "nf4"))):
            with self.subTest(name):
                make(next(each for each in ARCHITECTURES if each.model_type == name), self.work / name)
                stored = store(self.work / name, self.work / f"{name}-stored")
                self.assertEqual(go_all_the_way(stored, self.work / f"{name}-qlora", "qlora", self.whole(stored)), "yes")

    def test_every_way_of_storing_weights_goes_all_the_way(self):
        for store in (by_fp8, by_mxfp4, by_awq, by_compressed_tensors):
            with self.subTest(store.__name__):
                stored = self.work / store.__name__
                store(stored)
                self.assertEqual(go_all_the_way(stored, self.work / f"{stored.name}-qlora", "qlora", self.whole(stored)), "yes")

    def test_an_adapter_alone_is_checked_upon_the_same_weights_and_leaves_no_copy(self):
        folder = self.folder("adapter")
        hyperparameters = {**self.changes["hyperparameters"], "merge": False}
        train_here(folder, **{**self.changes, "hyperparameters": hyperparameters})
        self.assertEqual(len(self.copies(folder)), 1)
        found = self.looked_at(folder, hyperparameters=hyperparameters)
        self.assertTrue(found["valid"], found["summary"])
        self.assertTrue(all(abs(trait["difference"]) < 0.02 for trait in found["against_training"]["traits"]), found["against_training"])
        self.assertEqual(self.copies(folder), [])
        for _ in range(2):
            # The second finds nothing of the first.
            self.assertTrue(self.looked_at(folder, "check", hyperparameters=hyperparameters)["valid"])
            self.assertEqual(self.copies(folder), [])

    def test_a_merged_model_is_checked_without_a_copy(self):
        for learning_rate, is_changed in ((1e-3, True), (1e-60, False)):
            folder = self.folder(f"checked-{is_changed}")
            hyperparameters = {**self.changes["hyperparameters"], "learning_rate": learning_rate, "eval_steps": 0}
            train_here(folder, **{**self.changes, "hyperparameters": hyperparameters, "training_type": "standard"})
            remove_folders(read_run_file(write_run_file(folder, **self.changes)), PREFIX)
            with mock.patch.object(base_in_16_bits, "write_out", side_effect=AssertionError):
                found = self.looked_at(folder, "check", hyperparameters=hyperparameters, training_type="standard")
            self.assertEqual((found["valid"], found["weights_changed"]), (is_changed, is_changed), found["errors"])

    def test_it_is_said_and_done_once_and_the_bits_are_the_same_where_the_copy_is_gone(self):
        whole, events = train_here(self.folder("undisturbed"), **self.changes)
        told = [event["message"] for event in events.of("log")]
        self.assertEqual(sum("is stored in fewer bits (bitsandbytes). It is written out in 16 bits: 0.00 GB" in message for message in told), 1, told)
        for is_gone in (False, True):
            folder = self.folder(f"resumed-{is_gone}")
            stop_once(folder, 2, **self.changes)
            (copy,) = self.copies(folder)
            if is_gone:
                # Half of one, as a trainer that was killed leaves it.
                copy.rename(copy.with_name(f"{copy.name}.4711"))
                (copy.with_name(f"{copy.name}.4711") / "model.safetensors").write_bytes(b"half")
            resumed, events = train_here(folder, lease_epoch=2, **self.changes)
            self.assertEqual(len(events.of("resumed")), 1)
            self.assertEqual(any("written out" in event["message"] for event in events.of("log")), is_gone)
            self.assertEqual(resumed["weights_sha256"], whole["weights_sha256"])
            self.assertEqual(self.copies(folder), [copy])

    def test_a_training_goes_on_with_the_files_that_it_began_with_alone(self):
        folder = self.folder("other")
        with self.assertRaises(Stopped):
            train_here(folder, stop_at(2), **self.changes)
        shutil.rmtree(self.stored)
        by_bitsandbytes(model_path(), self.stored, "fp4")
        with self.assertRaisesRegex(BadInput, r"files of the model mtm/x-bnb-4bit in '.*/stored' are not those that this training began with"):
            train_here(folder, lease_epoch=2, **self.changes)

    def test_a_disk_without_room_for_the_copy(self):
        folder = self.folder("full")
        usage = shutil.disk_usage(folder)
        with mock.patch("shutil.disk_usage", return_value=usage._replace(free=10_000)), self.assertRaisesRegex(DiskFull, r"needs about 0\.00 GB .*\(the base model in 16 bits\)"):
            train_here(folder, **self.changes)
        self.assertEqual(self.copies(folder), [])

    def test_what_is_stored_in_a_way_that_is_not_known_is_refused_by_name(self):
        config = json.loads((self.stored / "config.json").read_text())
        (self.stored / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "gptq", "bits": 4}}))
        with self.assertRaisesRegex(BadInput, r"stored by gptq .* cannot be read here: awq, .* Take the same model in 16 bits"):
            train_here(self.folder("gptq"), **self.changes)

    def test_what_does_not_read_ends_before_the_first_step_and_leaves_nothing(self):
        from safetensors.torch import load_file, save_file

        tensors = load_file(self.stored / "model.safetensors")
        del tensors["model.layers.1.mlp.down_proj.weight.absmax"]
        save_file(tensors, self.stored / "model.safetensors", {"format": "pt"})
        folder = self.folder("damaged")
        with self.assertRaisesRegex(BadInput, r"The weights model\.layers\.1\.mlp\.down_proj\.weight of the model in '.*/stored' do not read as bitsandbytes stores them: absmax is missing\. Take"):
            train_here(folder, **self.changes)
        self.assertEqual(self.copies(folder), [])

    def test_the_export_of_a_model_in_several_files_is_in_as_many(self):
        shutil.rmtree(self.stored)
        by_bitsandbytes(model_path(), self.stored, "nf4", max_shard_size="30KB")
        folder = self.folder("shards")
        train_here(folder, **self.changes)
        files = sorted(path.name for path in self.stored.glob("*.safetensors*"))
        self.assertGreater(len(files), 3)
        self.assertEqual(sorted(path.name for path in (folder / "output").glob("*.safetensors*")), files)
        self.assertIsNone(compared(self.whole(self.stored), folder / "output", "qlora"))


if __name__ == "__main__":
    unittest.main()
