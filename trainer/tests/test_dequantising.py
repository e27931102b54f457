import json
import tempfile
import unittest
from pathlib import Path

from ..base_models.base_in_16_bits import write_out
from ..base_models.dequantising import from_4_bits
from ..base_models.stored_base import StoredBase
from ..platform.failures import BadInput
from ..retrieval.indexing import require_answers
from ..runs.run_file import read_run_file
from .architectures import ARCHITECTURES, make
from .quantised import by_awq, by_bitsandbytes, by_bitsandbytes_one_by_one, by_compressed_tensors, by_fp8, by_mxfp4, by_preset
from .support import model_path, write_run_file
from .table import described
from .test_rag import embedder_path


class Dequantising(unittest.TestCase):
    """Weights in fewer bits than 16 are what whoever stored them meant, value by value."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = Path(directory.name)

    def test_bitsandbytes_as_its_own_model_is_dequantised(self):
        import torch
        from transformers import AutoModelForCausalLM

        before = load_plain(model_path())
        for kind, most in (("nf4", 0.12), ("fp4", 0.2), ("in bf16", 0.12), ("int8", 0.02)):
            with self.subTest(kind):
                stored = by_bitsandbytes(model_path(), self.work / kind, kind)
                expected = AutoModelForCausalLM.from_pretrained(stored).dequantize().state_dict()
                base = StoredBase(stored)
                for name in base.names:
                    self.assertTrue(torch.equal(base.read(name), expected[name].to(base.read(name).dtype)), name)
                    self.assertLessEqual((base.read(name).float() - before[name].float()).norm(), most * before[name].float().norm(), name)
                self.assertEqual({name: each[:2] for tensors in base.of_file.values() for name, each in tensors.items()}, described_in_bf16(model_path()))

    def test_bitsandbytes_in_rows_that_end_within_a_block(self):
        # Its own kernel for AVX512 gave numbers that were 0.1 to 0.4 of the norm away.
        import torch
        from bitsandbytes.functional import dequantize_blockwise, quantize_4bit

        for kind in ("nf4", "fp4"):
            for is_nested in (False, True):
                for shape in ((64, 32), (33, 272), (5, 144), (3, 5), (1152, 43), (64, 64)):
                    with self.subTest(f"{kind}, {is_nested}, {shape}"):
                        whole = torch.randn(shape, generator=torch.Generator().manual_seed(1)).bfloat16()
                        numbers, state = quantize_4bit(whole, quant_type=kind, compress_statistics=is_nested)
                        count = whole.numel()
                        codes = torch.stack([numbers.view(-1) >> 4, numbers.view(-1) & 15], 1).view(-1)[:count].long()
                        scales = dequantize_blockwise(state.absmax, state.state2) + state.offset if is_nested else state.absmax
                        expected = (state.code[codes] * scales.repeat_interleave(64)[:count]).reshape(shape).bfloat16()
                        self.assertTrue(torch.equal(from_4_bits(numbers, state), expected))

    def test_bitsandbytes_in_the_layout_of_every_kind_of_model(self):
        # Turned matrices (GPT-2), experts one by one and all in one, beside what reads images; in several files.
        import torch

        for name in ("gpt2", "qwen3_moe", "dots1", "gpt_oss", "gemma3"):
            with self.subTest(name):
                make(next(each for each in ARCHITECTURES if each.model_type == name), self.work / name)
                stored = self.work / f"{name}-stored"
                if name == "dots1":
                    by_bitsandbytes_one_by_one(self.work / name, stored)
                else:
                    by_bitsandbytes(self.work / name, stored, "nf4", max_shard_size="100KB")
                write_out(StoredBase(stored), self.work / f"{name}-whole")
                self.assertEqual(described(self.work / f"{name}-whole"), described(self.work / name))
                self.assertNotIn("quantization_config", json.loads((self.work / f"{name}-whole" / "config.json").read_text()))
                before, after, dequantised = StoredBase(self.work / name), StoredBase(self.work / f"{name}-whole"), 0
                for tensor in before.names:
                    original, read = before.read(tensor).float(), after.read(tensor).float()
                    dequantised += not torch.equal(original, read)
                    self.assertLess((original - read).norm(), 0.2 * original.norm() + 1e-6, tensor)
                self.assertGreater(dequantised, 7)

    def test_fp8_in_blocks_that_do_not_fill_the_matrix_and_of_whole_matrices(self):
        for block in ([48, 40], None):
            with self.subTest(block=block):
                self.require(by_fp8, block)

    def test_mxfp4_of_experts(self):
        self.require(by_mxfp4)

    def test_awq(self):
        self.require(by_awq)

    def test_compressed_tensors(self):
        self.require(by_compressed_tensors)

    def test_compressed_tensors_in_each_of_its_formats(self):
        # How far the weights may be from those of before, as a share of their norm: the fewer bits, the farther.
        presets = {"W4A16_ASYM": 0.1, "W8A8": 0.01, "FP8": 0.03, "FP8_DYNAMIC": 0.03, "FP8_BLOCK": 0.03, "NVFP4": 0.11, "MXFP4A16": 0.13, "MXFP6A16": 0.05, "MXFP8A16": 0.03, "W3A16": 0.22}
        before = StoredBase(model_path())
        for preset, most in presets.items():
            with self.subTest(preset):
                after = StoredBase(by_preset(self.work / preset, preset))
                self.assertEqual({*after.names}, {*before.names})
                apart = [((after.read(name).float() - before.read(name).float()).norm() / before.read(name).float().norm().clamp(min=1e-9)).item() for name in before.names]
                self.assertTrue(most / 3 < max(apart) < most, max(apart))
                write_out(after, self.work / f"{preset}-whole")

    def require(self, store, *arguments) -> None:
        import torch

        stored = self.work / f"stored-{len(list(self.work.iterdir()))}"
        expected = store(stored, *arguments)
        self.assertGreater(len(expected), 3)
        write_out(StoredBase(stored), self.work / f"{stored.name}-whole")
        after = StoredBase(self.work / f"{stored.name}-whole")
        for name, whole in expected.items():
            self.assertTrue(torch.equal(after.read(name), whole), name)
        before = load_plain(stored)
        for name in set(after.names) - expected.keys():
            self.assertTrue(torch.equal(after.read(name), before[name]), name)

    def test_what_is_damaged_or_unknown_is_told_in_a_sentence(self):
        import torch
        from safetensors.torch import load_file, save_file

        stored = by_bitsandbytes(model_path(), self.work / "stored", "nf4")
        layer = "model.layers.0.self_attn.q_proj.weight"
        state = f"{layer}.quant_state.bitsandbytes__nf4"
        undamaged = load_file(stored / "model.safetensors")

        def renamed(old: str, new: str):
            return lambda tensors: tensors.update({new: tensors.pop(old)})

        def more_of(name: str):
            return lambda tensors: tensors.update({name: torch.cat([tensors[name], tensors[name][:1]])})

        damages = {
            "absmax is missing": lambda tensors: tensors.pop(f"{layer}.absmax"),
            r"(?<!nested_)absmax has \d+ values in place of \d+": more_of(f"{layer}.absmax"),
            r"nested_absmax has 2 values in place of 1": more_of(f"{layer}.nested_absmax"),
            r"numbers has \d+ values in place of \d+": more_of(layer),
            "There should be exactly one `quant_state` item": renamed(state, f"{layer}.quant_state.bitsandbytes__nf5"),
            "is U8, and what it was scaled by is not beside it": lambda tensors: tensors.pop(state),
            f"{layer} is missing": lambda tensors: tensors.pop(layer),
        }
        for sentence, damage in damages.items():
            with self.subTest(sentence):
                tensors = dict(undamaged)
                damage(tensors)
                save_file(tensors, stored / "model.safetensors", {"format": "pt"})
                with self.assertRaisesRegex(BadInput, rf"The weights.* of the model in '.*' do not read as bitsandbytes stores them: .*{sentence}.*\. Take an undamaged copy of the model"):
                    base = StoredBase(stored)
                    [base.read(name) for name in base.names]
        save_file(undamaged, stored / "model.safetensors", {"format": "pt"})
        whole = (stored / "model.safetensors").read_bytes()
        for left, sentence in ((len(whole) - 100, "The weights .* do not read .*"), (100, "The weights of the model .* do not read .*"), (0, "The weights of the model .* do not read .*")):
            (stored / "model.safetensors").write_bytes(whole[:left])
            with self.assertRaisesRegex(BadInput, sentence):
                write_out(StoredBase(stored), self.work / f"left-{left}")
        (stored / "model.safetensors").write_bytes(whole)
        config = json.loads((stored / "config.json").read_text())
        for quantization, named in (({"quant_method": "gptq", "bits": 4}, "gptq"), ({"bits": 4}, "a method without a name")):
            (stored / "config.json").write_text(json.dumps({**config, "quantization_config": quantization}))
            with self.assertRaisesRegex(BadInput, rf"stored by {named} .*, which cannot be read here: awq, bitsandbytes, .* can\. Take the same model in 16 bits"):
                StoredBase(stored)

    def test_a_model_that_answers_is_loaded_as_it_is_stored_or_refused(self):
        # transformers loads AWQ by a library that is not pinned here: known after the whole index, before.
        by_awq(self.work / "awq")
        embedder = {"name": "mtm/tiny-random-bert", "path": str(embedder_path())}
        run = read_run_file(write_run_file(self.work, training_type="rag", embedding_model=embedder))
        require_answers(run)
        require_answers(run.upon(by_bitsandbytes(model_path(), self.work / "nf4", "nf4")))
        with self.assertRaisesRegex(BadInput, r"stored by awq .*does not load so: .*gptqmodel.* Take the same model in 16 bits, or by bitsandbytes\."):
            require_answers(run.upon(self.work / "awq"))

    def test_the_service_knows_the_same_methods(self):
        from ..base_models.dequantising import METHODS

        self.assertEqual((Path(__file__).parents[1] / "base_models" / "quantization_methods.txt").read_text().split(), sorted(METHODS))


def load_plain(model: Path) -> dict:
    from safetensors.torch import load_file

    return load_file(model / "model.safetensors")


def described_in_bf16(model: Path) -> dict[str, tuple]:
    return {name: ("BF16", shape) for name, (_, shape) in described(model).items()}


if __name__ == "__main__":
    unittest.main()
