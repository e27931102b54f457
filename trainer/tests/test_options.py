"""What people tune: each choice alone, and some together, interrupted and compared; and those that do not go together."""

import json
import shutil
from functools import cache
from pathlib import Path

from ..platform.failures import BadInput, CheckpointLost
from ..runs.checkpoints import MANIFEST
from ..runs.hyperparameters import LR_SCHEDULERS, Hyperparameters
from ..runs.run_file import read_run_file
from ..training.optimisation import rate_share, warmup_of
from .support import HYPERPARAMETERS, Trainings, model_path, shared, train_here, train_once, warnings, write_run_file

STEPS, SAVED = 4, 2
SMALL = {**HYPERPARAMETERS, "gradient_accumulation": 1, "max_steps": STEPS, "save_steps": SAVED, "eval_steps": 0, "merge": False}
# Of 8 bits are tensors of 4096 numbers and more: those of the model, and those of adapters of this rank.
WIDE = {"lora_r": 64, "lora_alpha": 64}
# In the rows below, and not in the vocabulary.
NEW = ["answer", "tion"]
ALONE = [
    ("lora", {"lr_scheduler": "linear"}),
    ("lora", {"lr_scheduler": "constant"}),
    ("lora", {"lr_scheduler": "constant_with_warmup"}),
    ("lora", {"lr_scheduler": "warmup_stable_decay"}),
    ("lora", {"warmup_steps": 3}),
    ("lora", {"warmup_ratio": 0.5}),
    ("lora", {"weight_decay": 0.1}),
    ("lora", {"max_grad_norm": 0.05}),
    ("standard", {"optimizer": "adamw_8bit"}),
    ("standard", {"optimizer": "paged_adamw_8bit"}),
    ("standard", {"optimizer": "adafactor"}),
    ("standard", {"optimizer": "lion"}),
    ("standard", {"optimizer": "muon"}),
    ("lora", {"use_rslora": True}),
    ("lora", {"use_dora": True}),
    ("lora", {"loraplus_lr_ratio": 16}),
    ("lora", {"neftune_noise_alpha": 5}),
    ("lora", {"train_on": "everything"}),
    ("standard", {"packing": True}),
    ("lora", {"train_on": "last_answer"}),
    ("lora", {"modules_to_save": ["embed_tokens"]}),
    ("lora", {"new_tokens": NEW, "merge": True}),
    ("standard", {"new_tokens": NEW}),
    ("dpo", {"beta": 0.5}),
    ("dpo", {"loss_type": "ipo"}),
    ("dpo", {"loss_type": "orpo"}),
    ("dpo", {"finetuning_type": "qlora"}),
    ("dpo", {"finetuning_type": "full"}),
]
TOGETHER = [
    ("lora", {"optimizer": "adamw_8bit", "lr_scheduler": "linear", "warmup_steps": 2, "weight_decay": 0.1, **WIDE}),
    ("qlora", {"optimizer": "lion", "use_dora": True, "loraplus_lr_ratio": 8, "neftune_noise_alpha": 5}),
    ("qlora", {"use_rslora": True, "lr_scheduler": "warmup_stable_decay", "warmup_ratio": 0.25, "max_grad_norm": 0.1}),
    ("standard", {"optimizer": "muon", "lr_scheduler": "warmup_stable_decay", "weight_decay": 0.1, "neftune_noise_alpha": 5}),
    ("standard", {"weights": "bf16", "optimizer": "adamw", "weight_decay": 0.1, "max_grad_norm": 0, "train_on": "everything"}),
    ("standard", {"optimizer": "adafactor", "lr_scheduler": "constant", "neftune_noise_alpha": 5, "activation_checkpointing": True}),
    ("lora", {"use_rslora": True, "use_dora": True, "train_on": "everything", "lr_scheduler": "constant_with_warmup"}),
    ("lora", {"optimizer": "adafactor", "loraplus_lr_ratio": 4, "train_on": "last_answer", "weight_decay": 0.1}),
    ("lora", {"optimizer": "muon", "use_dora": True, "lr_scheduler": "linear", "gradient_accumulation": 2}),
    ("qlora", {"packing": True, "gradient_accumulation": 2, "optimizer": "lion", "use_dora": True, "train_on": "everything"}),
    ("standard", {"packing": True, "weights": "bf16", "activation_checkpointing": True, "batching": "random"}),
    ("qlora", {"optimizer": "paged_adamw_8bit", "loraplus_lr_ratio": 16, "neftune_noise_alpha": 5, "batching": "random", **WIDE}),
    ("qlora", {"modules_to_save": ["lm_head", "norm"], "loraplus_lr_ratio": 8, "neftune_noise_alpha": 5, "optimizer": "adamw_8bit", "use_dora": True}),
    ("lora", {"modules_to_save": ["embed_tokens", "input_layernorm"], "optimizer": "muon", "packing": True, "gradient_accumulation": 2, "weight_decay": 0.1}),
    ("qlora", {"new_tokens": NEW, "merge": True, "packing": True, "gradient_accumulation": 2, "use_dora": True, "optimizer": "adamw_8bit", **WIDE}),
    ("lora", {"new_tokens": NEW, "merge": True, "modules_to_save": ["norm"], "optimizer": "muon", "neftune_noise_alpha": 5, "activation_checkpointing": True, "weight_decay": 0.1}),
    ("qlora", {"new_tokens": NEW, "merge": True, "modules_to_save": ["embed_tokens"], "loraplus_lr_ratio": 8, "optimizer": "lion", "train_on": "everything"}),
    ("dpo", {"new_tokens": NEW, "merge": True, "optimizer": "adafactor", "use_rslora": True}),
    ("dpo", {"finetuning_type": "qlora", "use_dora": True, "optimizer": "lion", "lr_scheduler": "linear", "neftune_noise_alpha": 5}),
    ("dpo", {"finetuning_type": "full", "weights": "bf16", "loss_type": "ipo", "gradient_accumulation": 2, "activation_checkpointing": True}),
    ("dpo", {"finetuning_type": "full", "optimizer": "adafactor", "loss_type": "orpo", "beta": 0.3, "batching": "random"}),
]
REFUSED = [
    ("lora", {"warmup_steps": 5, "warmup_ratio": 0.1}, r"warmup_steps is 5 and warmup_ratio is 0\.1, which say the same in two ways; leave one of them out"),
    ("lora", {"lr_scheduler": "constant", "warmup_steps": 5}, "warmup_steps is 5, and lr_scheduler is constant, which has no warm-up; leave it out, or set lr_scheduler to constant_with_warmup"),
    ("lora", {"lr_scheduler": "constant", "warmup_ratio": 0.1}, r"warmup_ratio is 0\.1, and lr_scheduler is constant, which has no warm-up"),
    ("standard", {"optimizer": "lion", "weights": "bf16"}, "optimizer is lion, and weights is bf16, where only adamw loses nothing in rounding; set one of them to null"),
    ("lora", {"optimizer": "muon", "loraplus_lr_ratio": 2}, "loraplus_lr_ratio is 2, and optimizer is muon, which sets the size of each matrix's step itself; leave one of them out"),
    ("standard", {"use_rslora": True}, "use_rslora is True, and training_type is standard, which trains no adapters; leave it out, or train with lora or qlora"),
    ("standard", {"use_dora": True}, "use_dora is True, and training_type is standard"),
    ("standard", {"modules_to_save": ["lm_head"]}, r"modules_to_save is \['lm_head'\], and training_type is standard, which trains no adapters; leave it out, or train with lora or qlora"),
    ("lora", {"modules_to_save": []}, r"modules_to_save is \[\]; it must be a list of names of modules, or null"),
    ("rag", {"new_tokens": NEW}, r"new_tokens is \['answer', 'tion'\], and training_type is 'rag', which trains nothing; leave it out, or choose another training_type"),
    ("lora", {"new_tokens": NEW, "merge": False}, r"new_tokens is \['answer', 'tion'\], and merge is False: the base model, upon which the adapter would be used, has not these tokens; set merge to true"),
    ("lora", {"new_tokens": []}, r"new_tokens is \[\]; it must be a list of texts of 1 to 64 characters without spaces or control characters, or null"),
    ("lora", {"new_tokens": ["a b"]}, r"new_tokens is \['a b'\]; it must be a list of texts of 1 to 64 characters without spaces"),
    ("lora", {"new_tokens": ["<a>", "<b>", "<a>"]}, "new_tokens has '<a>' twice; name each token once"),
    ("standard", {"new_tokens": NEW, "sharding": "full"}, r"new_tokens is \['answer', 'tion'\], and sharding is full, with which new tokens are not learnt yet"),
    ("rag", {"loraplus_lr_ratio": 2}, "loraplus_lr_ratio is 2, and training_type is rag"),
    ("dpo", {"finetuning_type": "full", "use_dora": True}, "use_dora is True, and finetuning_type is full, which trains no adapters; leave it out, or train with lora or qlora"),
    ("dpo", {"weights": "bf16"}, "weights is 'bf16', and says in what all weights are trained; leave it out, or train with standard, or with dpo and finetuning_type full"),
    ("dpo", {"finetuning_type": "freeze"}, "finetuning_type is 'freeze'; it must be one of lora, qlora, full"),
    ("lora", {"finetuning_type": "full"}, "finetuning_type is 'full', and training_type is 'lora', which says itself what is trained; leave it out, or train with dpo"),
    ("dpo", {"train_on": "everything"}, "train_on is 'everything', and training_type is 'dpo', which learns from pairs by their answers; leave it out"),
    ("dpo", {"packing": True}, "packing is True, and training_type is 'dpo', whose pairs of answers are not packed; set it to false, or train with qlora or lora or standard"),
    ("rag", {"packing": True}, "packing is True, and training_type is 'rag', whose texts are not packed"),
    ("lora", {"packing": True, "neftune_noise_alpha": 5}, "neftune_noise_alpha is 5, and packing is true: its noise is the less the more tokens are read at once"),
    ("lora", {"packing": True, "compile": True}, "compile is true, and packing is true, with which each step has sequences of other lengths, and would be compiled anew; set one"),
    ("qlora", {"sharding": "full"}, "sharding is 'full', and training_type is 'qlora', whose weights in 4 bits bitsandbytes keeps whole on each GPU; set it to none, or train with standard or lora"),
    ("dpo", {"sharding": "full"}, "sharding is 'full', and training_type is 'dpo', whose pairs of answers are not computed with parts of a model yet"),
    ("rag", {"sharding": "full"}, "sharding is 'full', and training_type is 'rag', which trains nothing"),
    ("standard", {"sharding": "full"}, "sharding is 'full', and processes is 1, so that there is nothing to divide the model over"),
    ("standard", {"sharding": "full", "optimizer": "muon"}, "optimizer is muon, and sharding is full, where only adamw makes its steps with a part of each matrix"),
    ("standard", {"sharding": "full", "weights": "bf16"}, "weights is bf16, and sharding is full, which divides weights of float32 over the GPUs"),
    ("lora", {"sharding": "full", "use_dora": True}, "use_dora is true, and sharding is full: DoRA measures the length of whole rows, of which each GPU has a part"),
    ("lora", {"sharding": "full", "packing": True}, "packing is true, and sharding is full, with which packed rows are not computed yet"),
    ("lora", {"sharding": "full", "modules_to_save": ["norm"]}, r"modules_to_save is \['norm'\], and sharding is full, which does not divide what is trained whole beside adapters yet"),
    ("standard", {"sharding": "full", "compile": True}, "compile is true, and sharding is full, which gathers the weights of each layer while it computes"),
    ("lora", {"sharding": "half"}, "sharding is 'half'; it must be one of none, full"),
    ("lora", {"lr_scheduler": "sine"}, "lr_scheduler is 'sine'; it must be one of cosine, linear, constant, constant_with_warmup, warmup_stable_decay"),
    ("lora", {"optimizer": "sgd"}, "optimizer is 'sgd'; it must be one of null, adamw, adamw_8bit, paged_adamw_8bit, adafactor, lion, muon"),
    ("lora", {"train_on": "questions"}, "train_on is 'questions'; it must be one of answers, everything, last_answer"),
    ("lora", {"warmup_steps": -1}, "warmup_steps is -1; it must be at least 0"),
    ("lora", {"warmup_ratio": 2}, "warmup_ratio is 2; it must be from 0 to 1"),
    ("lora", {"weight_decay": 1.5}, r"weight_decay is 1\.5; it must be from 0 to 1"),
    ("lora", {"max_grad_norm": float("inf")}, "max_grad_norm is inf; it must be at least 0"),
    ("lora", {"loraplus_lr_ratio": 0.5}, r"loraplus_lr_ratio is 0\.5; it must be at least 1"),
    ("lora", {"neftune_noise_alpha": 0}, "neftune_noise_alpha is 0; it must be above 0, or null"),
]


@cache
def rows() -> Path:
    """Chats of two answers."""
    turns = lambda i: (("user", f"question {i}"), ("assistant", f"answer {i}"), ("user", "sure"), ("assistant", "yes " * (1 + i % 3)))  # noqa: E731
    path = shared() / "two-answers.jsonl"
    path.write_text("".join(json.dumps({"messages": [{"role": role, "content": text} for role, text in turns(i)]}) + "\n" for i in range(8)))
    return path


@cache
def pairs() -> Path:
    """Questions of two answers, of which one was chosen."""
    path = shared() / "pairs.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"question {i}", "chosen": "yes " * (1 + i % 3), "rejected": f"answer {i}"}) + "\n" for i in range(8)))
    return path


def asked(training_type: str, chosen: dict) -> dict:
    train = pairs() if training_type == "dpo" else rows()
    return {"training_type": training_type, "hyperparameters": {**SMALL, **chosen}, "data": {"train": str(train), "held_out": None}}


class Options(Trainings):
    def plainly(self, training_type: str, **chosen) -> str:
        """The weights of a training in which nothing of this is chosen."""
        work = self.work / f"{training_type} {chosen}"
        work.mkdir(exist_ok=True)
        return train_once(work, **asked(training_type, chosen))[0]["weights_sha256"]

    def test_killed_in_the_middle_it_ends_with_the_same_weights(self):
        # Let a training that goes on begin with an optimizer that knows nothing (_load_optimizer_and_scheduler of transformers), and each row fails;
        # with the generator as it was at the first step (_load_rng_state), those with noise or dropout.
        for number, (training_type, chosen) in enumerate(ALONE + TOGETHER):
            with self.subTest(training_type, **chosen):
                work, options = self.fresh(str(number)), asked(training_type, chosen)
                whole, _ = train_here(work, **options)
                # What there is behind a kill between the two saves.
                shutil.rmtree(work / "checkpoints" / "e1" / f"checkpoint-{STEPS}")
                shutil.rmtree(work / "output")
                rest, events = train_here(work, lease_epoch=2, known_checkpoint_step=SAVED, **options)
                self.assertEqual([event["step"] for event in events.of("step")], list(range(SAVED + 1, STEPS + 1)))
                self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])
                # Take a choice out of the arguments in optimisation.py, adapters.py or encoding.py, and its row learns as if it had not been made.
                others = {name: value for name, value in chosen.items() if name in WIDE or name in ("weights", "gradient_accumulation", "batching") and chosen.get("finetuning_type") is None}
                self.assertNotEqual(whole["weights_sha256"], self.plainly(training_type, **others))

    def test_what_is_standard_is_what_was_before_there_was_a_choice(self):
        # Change a default in hyperparameters.py, or a name of ways.py, and a training that chooses nothing ends with other weights than one that names what it was.
        before = {"lr_scheduler": "cosine", "warmup_steps": 1, "weight_decay": 0.0, "max_grad_norm": 1.0, "optimizer": "adamw", "train_on": "answers"}
        for training_type in ("lora", "standard"):
            self.assertEqual(train_here(self.fresh(training_type), **asked(training_type, before))[0]["weights_sha256"], self.plainly(training_type))

    def test_they_are_what_a_checkpoint_is_held_to(self):
        # Leave one out of _AS_BEFORE in checkpoints.py, and what an earlier version saved is put aside; take it out of what is compared, and the second does not raise.
        work = self.fresh("work")
        whole, _ = train_once(work, **asked("lora", {}))
        shutil.rmtree(work / "checkpoints" / "e1" / f"checkpoint-{STEPS}")
        manifest = work / "checkpoints" / "e1" / f"checkpoint-{SAVED}" / MANIFEST
        saved = json.loads(manifest.read_text())
        new = {"lr_scheduler", "warmup_steps", "warmup_ratio", "weight_decay", "max_grad_norm", "optimizer", "use_rslora", "use_dora", "loraplus_lr_ratio", "neftune_noise_alpha", "train_on", "packing", "modules_to_save", "new_tokens", "finetuning_type", "sharding"}
        self.assertLessEqual(new, set(saved["hyperparameters"]))
        saved["hyperparameters"] = {name: value for name, value in saved["hyperparameters"].items() if name not in new}
        manifest.write_text(json.dumps(saved))
        other = self.work / "other"
        shutil.copytree(work, other)
        rest, _ = train_here(work, lease_epoch=2, known_checkpoint_step=SAVED, **asked("lora", {}))
        self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])
        with self.assertRaisesRegex(CheckpointLost, "none there verifies"):
            train_here(other, lease_epoch=2, known_checkpoint_step=SAVED, **asked("lora", {"weight_decay": 0.1}))

    def test_what_does_not_go_together_is_refused(self):
        # Take one line out of hyperparameters.py or run_file.py, and its row is read.
        for training_type, chosen, sentence in REFUSED:
            with self.subTest(training_type, **chosen), self.assertRaisesRegex(BadInput, f"^hyperparameters\\.{sentence}"):
                read_run_file(write_run_file(self.work, training_type=training_type, hyperparameters={**HYPERPARAMETERS, **chosen}))

    def test_what_goes_otherwise_is_told(self):
        # Leave out told_before of optimisation.py.
        _, events = train_here(self.fresh("work"), **asked("lora", {"warmup_steps": 9, "optimizer": "paged_adamw_8bit"}))
        long, unpaged = warnings(events)
        self.assertEqual(long, "warmup_steps is 9, and the training has 4 steps: it ends before it learns at learning_rate 0.001.")
        self.assertEqual(unpaged, "optimizer is paged_adamw_8bit, and on the CPU nothing is paged: it learns as adamw_8bit does.")


class Rates(Trainings):
    def test_how_the_learning_rate_changes(self):
        # Twelve steps, of which two warm up. Change a line of _FALLS.
        shares = {name: [round(rate_share(step, 2, 12, name), 2) for step in range(12)] for name in LR_SCHEDULERS}
        self.assertEqual(shares["cosine"], [0.5, 1, 0.98, 0.92, 0.83, 0.71, 0.57, 0.43, 0.29, 0.17, 0.08, 0.02])
        self.assertEqual(shares["linear"], [0.5, 1, 0.91, 0.82, 0.73, 0.64, 0.55, 0.45, 0.36, 0.27, 0.18, 0.09])
        self.assertEqual(shares["constant_with_warmup"], [0.5] + 11 * [1])
        self.assertEqual(shares["warmup_stable_decay"], [0.5] + 9 * [1] + [0.91, 0.45])
        self.assertEqual([rate_share(step, 0, 12, "constant") for step in range(12)], 12 * [1])

    def test_how_long_it_rises(self):
        for chosen, steps in (({}, 3), ({"warmup_steps": 0}, 0), ({"warmup_steps": 7}, 7), ({"warmup_ratio": 0.1}, 10), ({"warmup_ratio": 0}, 0), ({"lr_scheduler": "constant"}, 0)):
            self.assertEqual(warmup_of(Hyperparameters(**{**HYPERPARAMETERS, **chosen}), 100), steps)
        self.assertEqual(warmup_of(Hyperparameters(**HYPERPARAMETERS), 4), 1)

    def test_it_is_what_each_step_learns_with(self):
        # Leave scheduler out of rate_share's arguments in each_process.py.
        _, events = train_here(self.fresh("work"), **asked("lora", {"lr_scheduler": "linear", "warmup_steps": 0}))
        self.assertEqual([round(event["learning_rate"] / SMALL["learning_rate"], 6) for event in events.of("step")], [0.8, 0.6, 0.4, 0.2])


class Optimizers(Trainings):
    def test_muon_makes_the_steps_of_matrices_and_adamw_those_of_the_rest(self):
        # Take the embeddings out of `apart` in muon.py, or the sharing out of MuonBesideAdamW, and one of these fails.
        from ..base_models.models import load_model
        from ..training.muon import muon_of

        import torch

        model = load_model(model_path(), dtype=torch.float32)
        optimizer = muon_of(model, lr=0.01, weight_decay=0.1)
        named = {id(parameter): name for name, parameter in model.named_parameters()}
        matrices, decayed, others = [[named[id(parameter)] for parameter in group["params"]] for group in optimizer.param_groups]
        self.assertTrue(all(".layers." in name and name.endswith("_proj.weight") for name in matrices))
        self.assertEqual(decayed, ["model.embed_tokens.weight"])
        self.assertTrue(all("norm" in name for name in others))
        self.assertEqual(len(matrices) + len(decayed) + len(others), len(named))
        self.assertEqual([group["weight_decay"] for group in optimizer.param_groups], [0.1, 0.1, 0])
        before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
        optimizer.step()
        moved = {name: (parameter.detach() - before[name]).square().mean().sqrt().item() for name, parameter in model.named_parameters()}
        # A step of either is about as large, so that one learning rate is right for both.
        self.assertTrue(all(0.001 < size < 0.02 for size in moved.values()), moved)
        again = muon_of(model, lr=0.01, weight_decay=0.1)
        again.load_state_dict(optimizer.state_dict())
        self.assertEqual(len(again._parts[0].state), len(named))

    def test_lion_has_the_betas_of_its_paper(self):
        # Leave out adam_beta2 in optimisation.arguments.
        from transformers import Trainer

        from ..training.optimisation import arguments

        run = read_run_file(write_run_file(self.work, **asked("standard", {"optimizer": "lion", "weight_decay": 0.1})))
        given = arguments(run, self.work, STEPS, False, "lion_32bit")
        _, named = Trainer.get_optimizer_cls_and_kwargs(given)
        self.assertEqual((named["betas"], given.weight_decay), ((0.9, 0.99), 0.1))

    def test_what_they_keep_is_what_room_is_asked_for(self):
        # Change a number of _STATE_BYTES, or leave embeddings out of state_bytes, in rehearsal.py; or have transformers make another optimizer.
        import torch

        from ..base_models.models import load_model
        from ..training.rehearsal import checkpoint_bytes

        model = load_model(model_path(), dtype=torch.float32)
        for chosen, optimizer in (("adamw_8bit", "adamw_8bit"), ("lion", "lion_32bit"), ("muon", "muon")):
            work = self.fresh(chosen)
            train_here(work, **asked("standard", {"optimizer": chosen, "max_steps": 1}))
            written = sum((work / "checkpoints" / "e1" / "checkpoint-1" / name).stat().st_size for name in ("optimizer.pt", "model.safetensors"))
            self.assertAlmostEqual(checkpoint_bytes(model, optimizer) / written, 1, delta=0.1, msg=chosen)

    def test_loraplus_learns_the_second_matrix_faster(self):
        import torch
        from safetensors.torch import load_file

        # Of one step each, by AdamW: its size is the learning rate, whatever the gradient. Leave out loraplus_lr_ratio in optimisation.py.
        work = self.fresh("work")
        train_here(work, **asked("lora", {"loraplus_lr_ratio": 16, "max_steps": 1, "save_steps": 1}))
        trained = load_file(work / "output" / "adapter" / "adapter_model.safetensors")
        second = torch.cat([tensor.abs().flatten() for name, tensor in trained.items() if "lora_B" in name])
        self.assertAlmostEqual(second.median().item(), 16 * SMALL["learning_rate"], delta=1e-4)

    def test_dora_is_merged_as_it_was_learnt(self):
        # Leave out the length of rows in merging.change_by, and what is merged is far from what peft merges.
        import torch
        from safetensors.torch import load_file

        from ..base_models.adapters import add_trained_lora
        from ..base_models.models import load_model

        base = load_file(model_path() / "model.safetensors")
        # peft merges into the base as it is: beside 4 bits, lengths were learnt of rows that differ from those.
        for training_type, most_apart in (("lora", 0.05), ("qlora", 0.3)):
            with self.subTest(training_type):
                work = self.fresh(training_type)
                train_here(work, **asked(training_type, {"use_dora": True, "learning_rate": 0.02, "merge": True}))
                ours = load_file(work / "output" / "model.safetensors")
                theirs = add_trained_lora(load_model(model_path(), dtype=torch.float32), work / "output" / "adapter").merge_and_unload().state_dict()
                for name in (name for name in base if name.endswith("_proj.weight")):
                    changed, expected = ours[name].float() - base[name].float(), theirs[name] - base[name].float()
                    self.assertLess((changed - expected).norm() / expected.norm(), most_apart, name)

    def test_what_dora_learns_is_kept_in_float32(self):
        # Lengths of about 1 lose steps of 0.0002 to rounding in bf16.
        import torch

        from ..base_models.adapters import add_lora
        from ..base_models.models import load_model

        model = add_lora(load_model(model_path(), dtype=torch.bfloat16), Hyperparameters(**{**HYPERPARAMETERS, "use_dora": True}))
        self.assertEqual({parameter.dtype for parameter in model.parameters() if parameter.requires_grad}, {torch.float32})
