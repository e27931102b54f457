"""What is trained whole beside adapters: embeddings, the layer of the output, norms."""

from pathlib import Path

from ..datasets.rows import read_conversations
from ..outputs.start import PREFIX, start_identity
from ..platform.failures import BadInput
from ..platform.safetensors_files import Tensors
from ..runs.run_file import read_run_file
from ..validation.validation import validate
from .architectures import Architecture, make, named
from .support import HYPERPARAMETERS, Recorder, Trainings, few_words, model_path, train_here, warnings, write_run_file
from .table import compared

SHORT = {**HYPERPARAMETERS, "max_steps": 3, "save_steps": 1, "eval_steps": 3, "learning_rate": 0.01}


class WholeModules(Trainings):
    def trained(self, base: Path, training_type: str = "lora", **chosen) -> tuple[Path, Recorder]:
        work = self.fresh(f"work-{len(list(self.work.iterdir()))}")
        options = {"training_type": training_type, "hyperparameters": {**SHORT, **chosen}, **({} if base == model_path() else {"model": {"name": "mtm/x", "path": str(base)}})}
        _, events = train_here(work, **options)
        self.options = options
        return work, events

    def untied(self, tie: bool = False, name: str = "llama") -> Path:
        base = self.work / f"{name}-{tie}"
        make(Architecture(name, {**named(name).sizes, "tie_word_embeddings": tie}), base)
        return base

    @few_words
    def require_valid(self, work: Path) -> None:
        run = read_run_file(write_run_file(work, **self.options, task="validate"))
        found = validate(run, read_conversations(run.held_out), Recorder())
        self.assertTrue(found["valid"], found["errors"])

    def test_embeddings_that_are_the_output_as_well_stay_one_matrix(self):
        # Say False for ensure_weight_tying in adapters.py: the output keeps the base's, and files and logits differ. Leave out keep_in_fp32, and the adapter has it in bf16.
        for training_type, chosen in (("lora", ["embed_tokens"]), ("qlora", ["lm_head", "model.norm"])):
            with self.subTest(training_type, chosen=chosen):
                work, events = self.trained(model_path(), training_type, modules_to_save=chosen)
                self.assertEqual(warnings(events), [])
                self.assertIsNone(compared(model_path(), work / "output", training_type))
                before, after, adapter = Tensors(model_path()), Tensors(work / "output"), Tensors(work / "output" / "adapter")
                name = "model.embed_tokens.weight"
                for saved in (name, "lm_head.weight"):
                    self.assertEqual(adapter.header_of(f"base_model.model.{saved}").dtype, "F32")
                    self.assertTrue(adapter.read(f"base_model.model.{saved}").equal(after.read(name).float()))
                self.assertFalse(after.read(name).equal(before.read(name)))
                self.assertEqual(after.read("model.norm.weight").equal(before.read("model.norm.weight")), training_type == "lora")
                self.require_valid(work)

    def test_embeddings_and_an_output_of_their_own_are_each_trained(self):
        # In bf16, which steps are lost to where keep_in_fp32 is left out. Give add_lora the names as they were chosen, and `norm` trains every norm (peft goes by how names end).
        base = self.untied()
        work, _ = self.trained(base, modules_to_save=["embed_tokens", "lm_head", "norm", "1.input_layernorm"])
        self.assertIsNone(compared(base, work / "output", "lora"))
        before, after, adapter = Tensors(base), Tensors(work / "output"), Tensors(work / "output" / "adapter")
        whole = {name.removeprefix("base_model.model.") for name in adapter.names if ".lora_" not in name}
        self.assertEqual(whole, {"model.embed_tokens.weight", "lm_head.weight", "model.norm.weight", "model.layers.1.input_layernorm.weight"})
        self.assertTrue(all(after.read(name).equal(before.read(name)) != (name in whole) for name in before.names if "norm" in name or name in whole))
        self.assertEqual({adapter.header_of(name).dtype for name in adapter.names}, {"F32"})
        self.require_valid(work)

    def test_another_training_goes_on_with_them_or_begins_from_the_merged_model(self):
        # Leave them out of adapters_of in whole_checkpoints.py, and the first measures another loss before its first step; out of Trained, and the second does.
        chosen = {"modules_to_save": ["embed_tokens"]}
        parent, told = self.trained(model_path(), **chosen)
        losses = lambda events, step: {event["trait"]: event["loss"] for event in events.of("eval") if event["step"] == step}  # noqa: E731
        adapter = parent / "output" / "adapter"
        for changes, is_merged in ((chosen, False), ({}, True)):
            with self.subTest(changes):
                work = self.fresh(f"fork-{is_merged}")
                start = {"kind": "adapter", "path": str(adapter), "name": "run 1 of job 1", "sha256": start_identity(adapter)}
                self.options = {"training_type": "lora", "hyperparameters": {**SHORT, **changes}, "start": start}
                _, events = train_here(work, **self.options)
                self.assertEqual(len(list(work.glob(f"{PREFIX}*"))), is_merged)
                for trait, loss in losses(events, 0).items():
                    self.assertAlmostEqual(loss, losses(told, 3)[trait], delta=0.02 if is_merged else 0)
                self.require_valid(work)

    def test_what_cannot_be_trained_whole_is_refused(self):
        # Take out one of the three raises of whole_modules.py, and its row trains, or fails as a bug.
        gpt2 = self.work / "gpt2"
        make(named("gpt2"), gpt2)
        for base, chosen, sentence in (
            (model_path(), {"modules_to_save": ["embeddings"]}, "names 'embeddings', and no module of the model that may be trained whole ends so: there are embed_tokens, input_layernorm, lm_head, norm, post_attention_layernorm"),
            (model_path(), {"modules_to_save": ["q_proj"]}, "names 'q_proj', a linear layer, which learns by an adapter. Name it in lora_target_modules, or train all weights"),
            (model_path(), {"modules_to_save": ["embed_tokens"], "lora_target_modules": ["q_proj", "lm_head"]}, "lora_target_modules names 'lm_head', and modules_to_save has it trained whole"),
            (gpt2, {"modules_to_save": ["wte"]}, "names 'transformer.wte', and 'transformer.wte' and 'lm_head' are one matrix in this model, which peft does not keep one where a layer is called 'transformer.wte'"),
        ):
            with self.subTest(sentence), self.assertRaisesRegex(BadInput, sentence):
                self.trained(base, **chosen)
