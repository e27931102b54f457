import json
import shutil
from pathlib import Path
from unittest import mock

from ..bundle.fingerprint import fingerprint_of
from ..platform.failures import BadInput, Stopped
from ..runs.checkpoints import MANIFEST
from ..training.optimisation import rate_share
from .support import HYPERPARAMETERS, Trainings, model_path, stop_at, stop_once, train_here, warnings


class GoingOn(Trainings):
    """What a training that goes on is held to, and what it says where it cannot be exact."""

    def stopped(self, **options) -> Path:
        work = self.fresh("stopped")
        with self.assertRaises(Stopped):
            train_here(work, stop_at(4), **options)
        return work

    def changed(self, work: Path, change) -> None:
        for path in work.glob(f"checkpoints/*/*/{MANIFEST}"):
            manifest = json.loads(path.read_text())
            change(manifest)
            path.write_text(json.dumps(manifest))

    def test_checkpoints_of_an_older_version_go_on_as_they_began(self):
        # Let ways_in give the ways of now, and the weights are others.
        from ..training import training
        from ..training.ways import Ways

        def as_before(manifest):
            ways = manifest.pop("ways")
            manifest["optimizer"] = ways["optimizer"]
            del manifest["model_fingerprint"]

        before = Ways("adamw_torch_fused", None, first_step_learns=False, drawn_by_transformers=True)
        options = {"training_type": "standard", "hyperparameters": {**HYPERPARAMETERS, "batching": "random"}}
        with mock.patch.object(training, "ways_of", return_value=before):
            whole, events = train_here(self.fresh("whole"), **options)
            work = self.stopped(**options)
        self.assertEqual(events.of("step")[0]["learning_rate"], 0)
        self.changed(work, as_before)
        rest, events = train_here(work, lease_epoch=2, known_checkpoint_step=5, **options)
        self.assertEqual([event["step"] for event in events.of("resumed")], [5])
        self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])
        # And so on, when it was interrupted again.
        self.assertEqual(json.loads((work / "checkpoints" / "e2" / "checkpoint-12" / MANIFEST).read_text())["ways"], vars(before))

    def test_another_model_under_the_name_is_refused_and_nothing_is_lost(self):
        # Compare names alone, and adapters go on upon weights that they were not trained beside.
        import torch
        from safetensors.torch import load_file, save_file

        model = self.work / "model"
        shutil.copytree(model_path(), model)
        options = {"model": {"name": "tiny/changed", "path": str(model)}}
        whole, _ = train_here(self.fresh("whole"), **options)
        work = self.stopped(**options)
        weights = model / "model.safetensors"
        kept = weights.read_bytes()
        save_file({name: torch.roll(tensor, 1, 0) for name, tensor in load_file(weights).items()}, weights, metadata={"format": "pt"})
        with self.assertRaisesRegex(BadInput, "The files of the model tiny/changed in .* are not those that this training began with.*step 5 cannot go on. Put those back"):
            train_here(work, lease_epoch=2, known_checkpoint_step=5, **options)
        weights.write_bytes(kept)
        rest, _ = train_here(work, lease_epoch=3, known_checkpoint_step=5, **options)
        self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])

    def test_a_fingerprint_is_of_what_the_files_say(self):
        model = self.work / "model"
        shutil.copytree(model_path(), model)
        first = fingerprint_of(model)
        (model / "README.md").write_text("More about it.")
        (model / "config.json").touch()
        self.assertEqual(fingerprint_of(model), first)
        config = json.loads((model / "config.json").read_text())
        (model / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 0.1}))
        self.assertNotEqual(fingerprint_of(model), first)

    def test_other_versions_are_told(self):
        work = self.fresh("stopped")
        stop_once(work, 4)

        def older(manifest):
            manifest["versions"].update(torch="2.12.0", device="NVIDIA H100")

        self.changed(work, older)
        _, events = train_here(work, lease_epoch=2, known_checkpoint_step=5, threads=2)
        # Sums over another number of threads are rounded otherwise: it keeps those that it began with.
        self.assertEqual(json.loads((work / "checkpoints" / "e2" / "checkpoint-12" / MANIFEST).read_text())["threads"], 1)
        [warning] = warnings(events)
        self.assertRegex(warning, r"^This training was computed with torch 2\.12\.0 \(now [^)]+\), device NVIDIA H100 \(now cpu\) until step 5\. It goes on from there, .* not those to the bit\.$")

    def test_a_training_of_one_step_learns(self):
        # Begin the schedule at 0, and the weights are those of the base.
        import torch
        from safetensors.torch import load_file

        work = self.fresh("one")
        _, events = train_here(work, training_type="standard", hyperparameters={**HYPERPARAMETERS, "max_steps": 1})
        self.assertEqual([event["learning_rate"] for event in events.of("step")], [HYPERPARAMETERS["learning_rate"]])
        base, tuned = load_file(model_path() / "model.safetensors"), load_file(work / "output" / "model.safetensors")
        name = "model.layers.0.mlp.up_proj.weight"
        self.assertFalse(torch.equal(base[name].float(), tuned[name].float()))

    def test_the_learning_rate_is_never_0(self):
        for total in (1, 2, 3, 12, 400):
            warmup = max(1, round(0.03 * total))
            shares = [rate_share(step, warmup, total) for step in range(total)]
            self.assertGreater(min(shares), 0)
            self.assertEqual(shares.index(max(shares)), warmup - 1)
            self.assertEqual(max(shares), 1)
            self.assertEqual(shares[warmup - 1 :], sorted(shares[warmup - 1 :], reverse=True))
