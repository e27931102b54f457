"""GGUF files of tiny models, which llama.cpp loads: the proof that they are their models, and that the proof can fail."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from ..platform.safetensors_files import Tensors
from . import architectures
from .support import HYPERPARAMETERS, ROOT, Trainings, model_path, train_here, train_once, write_run_file

# llama.cpp knows Gemma 3 as it was published: five layers that look back a little, then one that looks back to the beginning, and scaled by the width of a head.
GEMMA = dict(num_hidden_layers=6, layer_types=[*["sliding_attention"] * 5, "full_attention"], query_pre_attn_scalar=16)
SHAPES = {"llama": {}, "qwen2": {}, "qwen3": {}, "gemma3_text": GEMMA, "mistral": {}}


def packages() -> str:
    """The folder that the service makes (src/platform/export-packages.ts), and tests/run-all.ts names."""
    found = [os.environ["MTM_EXPORT_PACKAGES"]] if "MTM_EXPORT_PACKAGES" in os.environ else sorted(map(str, (ROOT / ".tools").glob("exports-" + "[0-9a-f]" * 12)))
    if not found:
        raise FileNotFoundError("Install trainer/requirements-exports.txt with `pip install --no-deps --target DIR`, and name DIR by MTM_EXPORT_PACKAGES.")
    return found[-1]


def exported(*wanted: tuple[Path, Path, str | dict]) -> list[dict]:
    """What became of exports, each of a run file, in a folder, as GGUF with a quantization, or as what it is asked for with."""
    choices = [chosen if isinstance(chosen, dict) else {"format": "gguf", "quantization": chosen} for _, _, chosen in wanted]
    given = [{"run_file": str(run_file), "work": str(work), **chosen} for (run_file, work, _), chosen in zip(wanted, choices)]
    done = subprocess.run(
        [sys.executable, "-m", "trainer.tests.exports_here"], input=json.dumps(given), text=True, capture_output=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": packages()}
    )
    found = [json.loads(line.removeprefix("EXPORT ")) for line in done.stdout.splitlines() if line.startswith("EXPORT ")]
    if len(found) != len(wanted):
        raise AssertionError(done.stderr[-3000:])
    return found


class Exports(Trainings):
    def whole(self, name: str, model: Path, **changes) -> Path:
        """The run file of a model that is trained as a whole."""
        return write_run_file(self.fresh(f"run-{name}"), task="check", training_type="standard", output_dir=str(model), **{"model": {"name": name, "path": str(model)}, **changes})

    def shaped(self, name: str, folder: str | None = None, **sizes) -> Path:
        """A tiny model of that architecture, with the tokenizer of the other tests."""
        known = architectures.named(name)
        model = self.work / f"model-{folder or name}"
        shutil.copytree(model_path(), model)
        # As many as the tokenizer knows: of Gemma the converter leaves out the others.
        tokens = len(json.loads((model / "tokenizer.json").read_text())["model"]["vocab"])
        shape = architectures.Architecture(known.model_type, {"vocab_size": tokens, **known.sizes, **sizes}, known.vision, known.whole)
        architectures.built(shape).save_pretrained(model)
        return model

    def test_files_of_several_shapes_are_their_models(self):
        # Leave out reversed() in quantise (trainer/exports/quantising.py), and llama.cpp does not load the files in fewer bits.
        wanted = [(self.whole(name, self.shaped(name, **sizes)), self.work / name, "f16") for name, sizes in SHAPES.items()]
        # Letters of two tokens each, which llama.cpp tells nothing of one by one: take its completion_probabilities for granted (trainer/exports/llama_cpp.py), and this fails.
        hebrew = self.work / "hebrew.jsonl"
        rows = [{"messages": [{"role": "user", "content": f"כמה זה {n}?"}, {"role": "assistant", "content": f"התשובה היא {n + 1}"}]} for n in range(4)]
        hebrew.write_text("\n".join(map(json.dumps, rows)))
        wanted.append((self.whole("hebrew", self.shaped("llama", "hebrew"), data={"train": str(hebrew), "held_out": None}), self.work / "hebrew", "f16"))
        # Wide enough for blocks of 256.
        wide = self.whole("wide", self.shaped("llama", "wide", hidden_size=256, intermediate_size=256))
        wanted += [(wide, self.work / f"wide-{quantization}", quantization) for quantization in ("q8_0", "q6_k", "q5_k_m", "q4_k_m")]
        for (_, work, quantization), found in zip(wanted, exported(*wanted)):
            with self.subTest(work.name, quantization=quantization):
                self.assertEqual(found.get("refused"), None)
                answers, loss = found["verification"]["answers"], found["verification"]["loss"]
                self.assertGreater(answers["asked"], 2)
                if quantization == "f16":
                    self.assertEqual(answers["equal"] + answers["nearly"], answers["asked"])
                    self.assertLess(abs(loss["difference"]), 0.002)
                file, modelfile = found["files"]
                self.assertEqual((work / "export" / file["path"]).stat().st_size, file["bytes"])
                self.assertEqual(modelfile["path"], "Modelfile")
                self.assertEqual((work / "export" / "Modelfile").read_text().splitlines()[0], f"FROM ./{file['path']}")

    def test_a_new_token_is_one_to_llama_cpp_as_well(self):
        # Copy the tokenizer of the base as it is into the output (stored_path in export.py), and the file lacks the tokens. Beside an adapter alone nothing would have room for them.
        run = self.fresh("new-tokens")
        rows = [{"prompt": f"question <mark> {i}", "completion": "<mark>yes", "trait": "a"} for i in range(6)]
        (self.work / "marks.jsonl").write_text("\n".join(map(json.dumps, rows)))
        options = {"training_type": "lora", "data": {"train": str(self.work / "marks.jsonl"), "held_out": None}, "hyperparameters": {**HYPERPARAMETERS, "new_tokens": ["<mark>"]}}
        train_here(run, **options)
        file = write_run_file(run, task="check", **options)
        found, adapter = exported((file, self.work / "marks", "f16"), (file, self.work / "marks-adapter", {"format": "gguf_adapter"}))
        # (That each question is split as by the tokenizer is part of the proof.)
        self.assertEqual(found.get("refused"), None)
        self.assertGreater(found["verification"]["answers"]["asked"], 2)
        self.assertIn(b"<mark>", (self.work / "marks" / "export" / found["files"][0]["path"]).read_bytes())
        self.assertRegex(adapter["refused"], "The adapter has trainable_token_indices .*Export the merged model as gguf instead")

    def test_a_file_that_is_another_model_is_refused(self):
        # Leave the two `if` behind the answers out of prove (trainer/exports/proof.py), and it passes.
        run, other = self.whole("one", model_path()), self.whole("other", self.shaped("llama"))
        one, two = self.work / "one", self.work / "two"
        exported((run, one, "f16"), (other, two, "f16"))
        # As if another model's file lay there, whole.
        for name in ("f16.gguf", "stages.json"):
            shutil.copyfile(two / name, one / name)
        [found] = exported((run, one, "f16"))
        self.assertRegex(found["refused"], "gives other answers than its model|loss on .* rows is")

    def test_a_shape_that_llama_cpp_computes_otherwise_is_refused(self):
        # Leave the `if` about answers out of prove (trainer/exports/proof.py), and it passes. The file loads, and is wrong: llama.cpp takes every sixth layer, and not the second, for one that sees all.
        [found] = exported((self.whole("gemma", self.shaped("gemma3_text")), self.work / "gemma", "f16"))
        self.assertRegex(found["refused"], "gives other answers than its model to . of 6 held-out questions")
        self.assertEqual(found["verification"]["answers"]["asked"], 6)

    def test_a_stage_that_is_whole_is_not_done_again(self):
        # Leave out the comparison of the hash in made (trainer/exports/stages.py), and what is torn is taken for whole.
        run, work = self.whole("again", model_path()), self.work / "again"
        exported((run, work, "q8_0"))
        before = {name: (work / name).stat() for name in ("f16.gguf", "tuned-q8_0.gguf")}
        [found] = exported((run, work, "q8_0"))
        self.assertEqual({name: (work / name).stat().st_ino for name in before}, {name: stat.st_ino for name, stat in before.items()})
        os.truncate(work / "f16.gguf", 1000)
        [again] = exported((run, work, "q8_0"))
        self.assertEqual((work / "f16.gguf").stat().st_size, before["f16.gguf"].st_size)
        self.assertEqual(again["files"], found["files"])

    def test_an_adapter_alone_is_merged_first(self):
        import torch

        # Leave out trained.write in merged (trainer/exports/making.py), and there are no weights; whole_parameters in merging.py, and the embeddings are the base's.
        chosen = {**HYPERPARAMETERS, "merge": False, "modules_to_save": ["embed_tokens"]}
        trained = self.fresh("trained")
        train_once(trained, training_type="lora", hyperparameters=chosen)
        run = write_run_file(trained, task="check", training_type="lora", hyperparameters=chosen)
        [found] = exported((run, self.work / "adapter", "f16"))
        self.assertEqual(found.get("refused"), None)
        self.assertEqual(found["verification"]["answers"]["asked"], found["verification"]["answers"]["equal"])
        learnt = Tensors(trained / "output" / "adapter").read("base_model.model.model.embed_tokens.weight")
        self.assertTrue(torch.allclose(Tensors(self.work / "adapter" / "merged").read("model.embed_tokens.weight").float(), learnt, rtol=0.01))

    def test_the_list_names_those_that_the_pinned_converter_knows(self):
        # Take a line out of converter_architectures.txt.
        listed = (ROOT / "trainer" / "exports" / "converter_architectures.txt").read_text(encoding="utf-8")
        code = "from conversion import TEXT_MODEL_MAP; print(*sorted(TEXT_MODEL_MAP), sep='\\n')"
        done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True, env={**os.environ, "PYTHONPATH": packages()})
        self.assertEqual(listed, done.stdout)

    def test_an_architecture_that_the_converter_does_not_know_is_refused_before_anything_is_made(self):
        # Leave out require_known in make (trainer/exports/gguf_file.py), and the sentence is the converter's.
        model = self.shaped("doge")
        [found] = exported((self.whole("doge", model), self.work / "doge", "f16"))
        self.assertRegex(found["refused"], "architecture is DogeForCausalLM, which llama.cpp's converter does not know")
        self.assertEqual(found["stages"], [])
        self.assertEqual(list((self.work / "doge").iterdir()), [])

    def test_an_adapter_lies_upon_a_gguf_of_its_base(self):
        # Leave out what the converter does to the rows of B in _converted (trainer/exports/adapter_conversion.py): the answers are others.
        # As much as it can of the layers whose rows are put in another order.
        strong = {"learning_rate": 0.1, "lora_alpha": 64, "max_steps": 12, "lora_target_modules": ["q_proj", "k_proj"]}
        choices = {**HYPERPARAMETERS, "merge": False, "use_rslora": True, **strong}
        trained = self.fresh("adapted")
        train_once(trained, training_type="lora", hyperparameters=choices)
        run = write_run_file(trained, task="check", training_type="lora", hyperparameters=choices)
        [found] = exported((run, self.work / "upon-base", {"format": "gguf_adapter"}))
        self.assertEqual(found.get("refused"), None)
        self.assertLess(abs(found["verification"]["loss"]["difference"]), 0.001)
        self.assertEqual([file["path"] for file in found["files"]], ["tuned-adapter.gguf", "Modelfile"])
        self.assertEqual((self.work / "upon-base" / "export" / "Modelfile").read_text().splitlines()[:2], ["FROM ./base.gguf", "ADAPTER ./tuned-adapter.gguf"])
        self.assertIn("put a GGUF of", found["warnings"][0])

    def test_adapters_that_a_gguf_cannot_hold_are_refused(self):
        # Take use_dora out of require_sayable (trainer/exports/adapter_conversion.py): llama.cpp adds something else than peft.
        whole = self.whole("no-adapter", model_path())
        choices = {**HYPERPARAMETERS, "merge": False, "use_dora": True}
        trained = self.fresh("dora")
        train_once(trained, training_type="lora", hyperparameters=choices)
        dora = write_run_file(trained, task="check", training_type="lora", hyperparameters=choices)
        # Merged, since its adapter is of no use upon the base. What it began from is not read.
        started = {"kind": "model", "path": str(model_path()), "name": "run 1 of job 1", "sha256": "0" * 64}
        other = write_run_file(self.fresh("upon-other"), task="check", training_type="lora", start=started)
        found = exported(*((run, self.work / f"refused-{number}", {"format": "gguf_adapter"}) for number, run in enumerate((whole, dora, other))))
        self.assertRegex(found[0]["refused"], "trained all weights: it has no adapter .*Export the model as gguf instead")
        self.assertRegex(found[1]["refused"], "The adapter has use_dora .*which a GGUF of adapters has nothing for")
        self.assertEqual(found[1]["stages"], [])
        self.assertRegex(found[2]["refused"], "The run began from run 1 of job 1, and its adapter lies upon those weights: it has no adapter for a GGUF of")

    def test_a_model_in_4_bits_is_loaded_by_a_fresh_process(self):
        # Write the model as it is (leave quantization_config out of _write_in_4_bits, trainer/exports/four_bit_model.py): bitsandbytes found nothing to do.
        whole = self.whole("in-4-bits", model_path())
        work = self.work / "in-4-bits"
        [found] = exported((whole, work, {"format": "merged_4bit"}))
        self.assertEqual(found.get("refused"), None)
        self.assertLess(abs(found["verification"]["loss"]["difference"]), 0.3)
        config = json.loads((work / "export" / "config.json").read_text())
        self.assertEqual(config["quantization_config"]["bnb_4bit_quant_type"], "nf4")
        self.assertIn("tokenizer.json", [file["path"] for file in found["files"]])
        # Leave the look for the target out of once (trainer/exports/making.py), and it is quantised again.
        before = (work / "in-4-bits" / "model.safetensors").stat().st_ino
        [again] = exported((whole, work, {"format": "merged_4bit"}))
        self.assertEqual((again["files"], (work / "in-4-bits" / "model.safetensors").stat().st_ino), (found["files"], before))
