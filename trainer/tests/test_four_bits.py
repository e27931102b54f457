import json
import os
import shutil
from collections import namedtuple
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from ..base_models import four_bits
from ..platform.failures import Stopped
from ..platform.safetensors_files import header_of
from .architectures import make, named
from .support import Recorder, Trainings, model_path, stop_at, train_here, train_once, warnings

# A plain one; one whose layers lie the other way round in its files; some whose files have other tensors than the model in memory; experts; layers that are
# no attention; images beside.
ARCHITECTURES = ("llama", "gpt2", "phi3", "mixtral", "mamba", "qwen3_next", "gemma3")
DISK = namedtuple("disk", "total used free")


def loaded(model: Path, cache: Path | None, events: Recorder | None = None):
    """The model in 4 bits, and how many of its layers were quantised for that."""
    from bitsandbytes import functional

    from ..base_models.models import load_model

    with mock.patch.object(functional, "quantize_4bit", wraps=functional.quantize_4bit) as quantise:
        with four_bits.kept_in_4_bits(cache, model, events or Recorder()):
            return load_model(model, quantize=True), quantise.call_count


def bits_of(model) -> dict:
    """All that is in memory of a model: bytes, types and shapes by name."""
    import torch

    def state_of(prefix: str, state) -> dict:
        if state is None:
            return {}
        plain = {f"{prefix}.{name}": str(getattr(state, name)) for name in ("shape", "dtype", "blocksize", "quant_type", "nested")}
        tensors = {f"{prefix}.{name}": getattr(state, name) for name in ("absmax", "code", "offset") if getattr(state, name) is not None}
        return {**plain, **tensors, **state_of(f"{prefix}.state2", state.state2)}

    found = {**dict(model.named_parameters(remove_duplicate=False)), **dict(model.named_buffers())}
    for name, parameter in list(found.items()):
        found |= state_of(name, getattr(parameter, "quant_state", None))
    for name, layer in model.named_modules():
        found |= {f"{name} layer": type(layer).__name__, **state_of(f"{name} quant_state", getattr(layer, "quant_state", None))}
    bytes_of = lambda tensor: (str(tensor.dtype), tuple(tensor.shape), tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())  # noqa: E731
    return {name: bytes_of(value) if isinstance(value, torch.Tensor) else value for name, value in found.items()}


@contextmanager
def long_ago():
    """For whoever asks how long ago a file was written: nothing was written just now."""
    with mock.patch("trainer.base_models.file_facts._SETTLED_S", -3600.0):
        yield


class FourBits(Trainings):
    def setUp(self):
        super().setUp()
        self.cache = self.work / "cache"

    @property
    def kept(self) -> list[Path]:
        return sorted((self.cache / four_bits.FOLDER).iterdir())

    def test_what_is_kept_is_what_quantising_gives_to_the_bit(self):
        # Keep absmax in float16, or take the transposed matrix of gpt2, and it is not.
        for name in ARCHITECTURES:
            with self.subTest(name):
                model = self.work / name
                make(named(name), model)
                events = Recorder()
                plain, quantised = loaded(model, None)
                self.assertGreater(quantised, 0)
                first, made = loaded(model, self.cache, events)
                again, none = loaded(model, self.cache, events)
                self.assertEqual((made, none, events.of("log")), (quantised, 0, []))
                self.assertEqual(bits_of(first), bits_of(plain))
                self.assertEqual(bits_of(again), bits_of(plain))

    def test_another_model_under_the_same_path_is_quantised(self):
        # Take the hash of the weights out of four_bits._key: the fingerprint has the first bytes of each tensor alone.
        model = self.fresh("model")
        shutil.copytree(model_path(), model, dirs_exist_ok=True)
        with long_ago():
            loaded(model, self.cache)
        file = model / "model.safetensors"
        before, data, header = file.stat(), bytearray(file.read_bytes()), header_of(file)
        data[header.data_begins + header.tensors["model.layers.0.mlp.up_proj.weight"].begin + 1001] ^= 1
        file.write_bytes(data)
        # As if nothing had happened. The time of that is what tells.
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        with long_ago():
            changed, quantised = loaded(model, self.cache)
        self.assertGreater(quantised, 0)
        self.assertEqual(bits_of(changed), bits_of(loaded(model, None)[0]))
        self.assertEqual(len(self.kept), 2)

    def test_other_threads_and_versions_have_weights_of_their_own(self):
        import torch

        # The mean of many scales is a sum, whose parts are as many as the threads.
        loaded(model_path(), self.cache)
        threads = torch.get_num_threads()
        self.addCleanup(torch.set_num_threads, threads)
        torch.set_num_threads(threads + 1)
        self.assertGreater(loaded(model_path(), self.cache)[1], 0)
        torch.set_num_threads(threads)
        with mock.patch.object(four_bits, "arithmetic", return_value={"bitsandbytes": "0.0.1"}):
            self.assertGreater(loaded(model_path(), self.cache)[1], 0)
        self.assertEqual(loaded(model_path(), self.cache)[1], 0)

    def test_damage_is_told_and_made_again(self):
        # Take the comparison of hashes out of four_bits._require_as_written and damage is trained beside.
        def flip(folder):
            file = folder / "weights.safetensors"
            data = bytearray(file.read_bytes())
            data[-3] ^= 1
            file.write_bytes(data)

        def tear(folder):
            file = folder / "weights.safetensors"
            os.truncate(file, file.stat().st_size - 10)

        def of_another(folder):
            manifest = json.loads((folder / "manifest.json").read_text())
            (folder / "manifest.json").write_text(json.dumps({**manifest, "sha256": "0" * 64, "state": [1, 1, 1, 1]}))

        damages = {
            "a bit is flipped": flip,
            "it is torn": tear,
            "the manifest is another's": of_another,
            "the manifest is torn": lambda folder: os.truncate(folder / "manifest.json", 9),
            "the manifest is missing": lambda folder: (folder / "manifest.json").unlink(),
            "the weights are missing": lambda folder: (folder / "weights.safetensors").unlink(),
        }
        plain, quantised = loaded(model_path(), None)
        for name, damage in damages.items():
            with self.subTest(name), long_ago():
                shutil.rmtree(self.cache, ignore_errors=True)
                loaded(model_path(), self.cache)
                loaded(model_path(), self.cache)
                damage(self.kept[0])
                events = Recorder()
                mended, made = loaded(model_path(), self.cache, events)
                self.assertEqual((made, bits_of(mended)), (quantised, bits_of(plain)))
                [warning] = warnings(events)
                self.assertRegex(warning, "The weights in 4 bits in .* are not what was written there .*: they are removed, and made again")
                self.assertEqual(loaded(model_path(), self.cache)[1], 0)

    def test_no_room_is_no_reason_to_fail(self):
        # Take the exception for the full disk out of four_bits._keep, or the share of what is free, and it fails, or fills the disk.
        no_room = mock.patch.object(four_bits, "_write", side_effect=OSError(28, "No space left on device"))
        little = mock.patch.object(four_bits.shutil, "disk_usage", return_value=DISK(10**9, 10**9, 100_000))
        for patched, why in ((no_room, "No space left on device"), (little, "more than a tenth of the 0.00 GB that are free")):
            with self.subTest(why), patched:
                events = Recorder()
                loaded(model_path(), self.cache, events)
                [told] = events.of("log")
                self.assertEqual(told["level"], "info")
                self.assertIn(why, told["message"])
                self.assertEqual(self.kept, [])

    def test_a_training_ends_with_the_same_weights(self):
        whole, events = train_once(self.fresh("whole"))
        self.assertIn("model", [span["name"] for span in events.of("spans")[0]["spans"]])
        options = {"cache_dir": str(self.cache)}
        with long_ago():
            work = self.fresh("stopped")
            with self.assertRaises(Stopped):
                train_here(work, stop_at(4), **options)
            rest, events = train_here(work, lease_epoch=2, known_checkpoint_step=5, **options)
        self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])
        names = [span["name"] for span in events.of("spans")[0]["spans"]]
        self.assertIn("weights_in_4_bits", names)
        self.assertNotIn("quantising", names)

    def test_of_several_processes_one_keeps_them(self):
        from ..base_models.models import load_model

        with four_bits.kept_in_4_bits(self.cache, model_path(), None):
            load_model(model_path(), quantize=True)
        self.assertFalse((self.cache / four_bits.FOLDER).exists())
