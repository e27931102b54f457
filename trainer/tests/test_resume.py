import itertools
import json
import shutil
import signal
from functools import cache
from pathlib import Path
from unittest import mock

from ..chats import rendering
from ..platform.events import Events
from ..platform.failures import BadInput, CheckpointLost, LeaseLost, Stopped
from ..runs.checkpoints import MANIFEST, newest_complete
from .copies import warm
from .support import HYPERPARAMETERS, Trainings, model_path, shared, start, stop_at, stop_once, train_here, train_once, warnings, write_run_file

# What may be chosen of a training, and trainings of which each pair of choices is in one: whoever adds a choice adds what it
# needs here. All are interrupted and compared. (rag: test_rag. compile, which takes long: test_compile.)
QV = ("q_proj", "v_proj")
CHOICES = {
    "type": ("lora", "qlora", "standard", "standard, bf16"),
    "batching": ("like_length", "random"),
    "gradient_accumulation": (1, 2),
    "lora_dropout": (0.0, 0.1),
    "too_long": ("truncate", "drop", "split"),
    "evaluated": ("never", "every 2", "patience 2"),
    "merge": (True, False),
    "lora_target_modules": (None, QV),
    "activation_checkpointing": (False, True),
    "stopped_in": ("first epoch", "second epoch"),
}
TABLE = [
    ("lora", "random", 1, 0.1, "truncate", "never", False, QV, False, "first epoch"),
    ("lora", "random", 2, 0.1, "drop", "every 2", True, None, True, "second epoch"),
    ("lora", "like_length", 1, 0.0, "split", "patience 2", False, QV, False, "first epoch"),
    ("qlora", "like_length", 1, 0.0, "truncate", "every 2", True, QV, False, "second epoch"),
    ("qlora", "random", 2, 0.0, "drop", "patience 2", False, None, True, "second epoch"),
    ("qlora", "random", 2, 0.1, "split", "never", True, QV, False, "first epoch"),
    ("standard", "like_length", 1, 0.0, "truncate", "patience 2", True, None, True, "first epoch"),
    ("standard", "like_length", 2, 0.1, "drop", "never", False, None, False, "first epoch"),
    ("standard", "random", 2, 0.1, "split", "every 2", False, QV, False, "second epoch"),
    ("standard, bf16", "like_length", 2, 0.0, "truncate", "every 2", True, QV, False, "first epoch"),
    ("standard, bf16", "like_length", 1, 0.1, "drop", "patience 2", False, QV, True, "first epoch"),
    ("standard, bf16", "random", 2, 0.0, "split", "never", False, None, True, "second epoch"),
]
EVALUATED = {"never": {"eval_steps": 0}, "every 2": {"eval_steps": 2}, "patience 2": {"eval_steps": 2, "early_stopping_patience": 2}}
# In tokens: the longest of the rows below have more.
SHORT = 70


def hyperparameters_of(chosen: dict) -> dict:
    named = ("batching", "gradient_accumulation", "lora_dropout", "too_long", "merge", "activation_checkpointing")
    layers = chosen["lora_target_modules"] and list(chosen["lora_target_modules"])
    weights = "bf16" if chosen["type"].endswith("bf16") else None
    return {**HYPERPARAMETERS, "max_length": SHORT, "weights": weights, **{name: chosen[name] for name in named}, "lora_target_modules": layers, **EVALUATED[chosen["evaluated"]]}


@cache
def uneven_rows() -> Path:
    """Conversations of one to three turns with answers of one to four words: 29 to 112 tokens."""
    turns = lambda i: ((f"question {i} {turn}", f"answer {i} " * (1 + i % 4)) for turn in range(1 + i % 3))  # noqa: E731
    rows = [{"messages": [{"role": role, "content": text} for turn in turns(i) for role, text in zip(("user", "assistant"), turn)]} for i in range(14)]
    path = shared() / "uneven.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


class Resume(Trainings):
    """A training that was interrupted ends with the weights of one that was not, to the bit."""

    def test_stop_and_go_on_is_exact(self):
        rows = uneven_rows()
        data = {"train": str(rows), "held_out": str(rows)}
        for row in TABLE:
            chosen = dict(zip(CHOICES, row, strict=True))
            with self.subTest(**chosen):
                options = {"training_type": chosen["type"].partition(",")[0], "data": data, "hyperparameters": hyperparameters_of(chosen)}
                whole, events = train_once(self.fresh(f"{row}-whole"), **options)
                plan = events.of("plan")[0]
                self.assertGreater(*{"truncate": (plan["truncated_rows"], 0), "drop": (plan["dropped_rows"], 0), "split": (plan["examples"], plan["rows"])}[chosen["too_long"]])
                middle = plan["steps_per_epoch"] // 2
                last = middle if chosen["stopped_in"] == "first epoch" else middle + plan["steps_per_epoch"]
                work = self.fresh(f"{row}-stopped")
                stop_once(work, last, **options)
                rest, events = train_here(work, lease_epoch=2, known_checkpoint_step=last, **options)
                # It is told to stop while it tells of a step, and hears it after the next.
                self.assertEqual([event["step"] for event in events.of("resumed")], [last + 1])
                self.assertEqual([event["step"] for event in events.of("step")], list(range(last + 2, plan["total_steps"] + 1)))
                self.assertEqual({**rest, "files": None}, {**whole, "files": None})

    def test_each_pair_of_choices_is_in_the_table(self):
        for (at, (first, one)), (other, (second, two)) in itertools.combinations(enumerate(CHOICES.items()), 2):
            missing = set(itertools.product(one, two)) - {(row[at], row[other]) for row in TABLE}
            self.assertEqual(missing, set(), f"of {first} and {second}")

    def test_sigkill_and_go_on_is_exact(self):
        whole, _ = train_once(self.fresh("whole"))
        work = self.fresh("killed")
        with warm().start(str(write_run_file(work)), log=work / "log", events=True) as trainer:
            saved = False
            for event in trainer.told():
                saved = saved or event["type"] == "checkpoint"
                if saved and event["type"] == "step":
                    trainer.kill()
                    break
            self.assertEqual(trainer.wait(), -signal.SIGKILL)
        newest = max(int(manifest.parent.name.rpartition("-")[2]) for manifest in work.glob("checkpoints/e1/*/manifest.json"))
        rest, events = train_here(work, lease_epoch=2, known_checkpoint_step=3)
        self.assertEqual([event["step"] for event in events.of("resumed")], [newest])
        self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])

    def test_a_day_later_it_goes_on_with_the_same_tokens(self):
        # Let the template ask the clock, and what is trained on after midnight, or in another time zone, is another text.
        model = self.fresh("dated")
        shutil.copytree(model_path(), model, dirs_exist_ok=True)
        template = model / "chat_template.jinja"
        template.write_text("{{ strftime_now('%d %b %Y') }} " + template.read_text(encoding="utf-8"), encoding="utf-8")
        options = {"model": {"name": "tiny/dated", "path": str(model)}, "today": "2026-11-28"}
        whole, _ = train_here(self.fresh("whole"), **options)
        work = self.fresh("stopped")
        with self.assertRaises(Stopped):
            train_here(work, stop_at(5), **options)
        for cache in work.glob("tokens-*"):
            cache.unlink()
        with mock.patch.object(rendering, "datetime", wraps=rendering.datetime) as clock:
            clock.now.return_value = rendering.datetime(2026, 11, 29, 0, 1)
            rest, _ = train_here(work, lease_epoch=2, known_checkpoint_step=5, **options)
        self.assertEqual(rest["weights_sha256"], whole["weights_sha256"])
        self.assertIn("it wrote that of 2026-11-28", (work / "output" / "README.md").read_text(encoding="utf-8"))
        other, _ = train_here(self.fresh("other"), **{**options, "today": "2026-11-29"})
        self.assertNotEqual(other["weights_sha256"], whole["weights_sha256"])

    def test_lost_export_is_made_again_without_training(self):
        work = self.fresh("exported")
        whole, _ = train_once(work)
        shutil.rmtree(work / "output")
        again, events = train_here(work, lease_epoch=2, known_checkpoint_step=12)
        self.assertEqual(events.of("step"), [])
        self.assertEqual(again["weights_sha256"], whole["weights_sha256"])

    def test_only_the_newest_two_are_kept(self):
        work = self.fresh("pruned")
        train_once(work)
        self.assertEqual(sorted(path.name for path in (work / "checkpoints" / "e1").iterdir()), ["checkpoint-12", "checkpoint-9"])

    def test_damage_is_put_aside_and_the_one_before_is_used(self):
        # Take the comparison of hashes out of checkpoints.problem_with and damage is loaded.
        def tear(path):
            file = path / "adapter_model.safetensors"
            file.write_bytes(file.read_bytes()[:-10])

        def flip(path):
            file = path / "optimizer.pt"
            data = bytearray(file.read_bytes())
            data[len(data) // 2] ^= 1
            file.write_bytes(data)

        damages = {
            "no manifest": lambda path: (path / MANIFEST).unlink(),
            "a file is missing": lambda path: (path / "rng_state.pth").unlink(),
            "a file is torn": tear,
            "a bit is flipped": flip,
        }
        whole = self.fresh("damage")
        result, _ = train_once(whole)
        for name, damage in damages.items():
            with self.subTest(name):
                work = self.work / name
                shutil.copytree(whole, work)
                damage(work / "checkpoints" / "e1" / "checkpoint-12")
                again, events = train_here(work, lease_epoch=2, known_checkpoint_step=12)
                self.assertEqual(len(events.of("quarantined")), 1)
                self.assertEqual([event["step"] for event in events.of("resumed")], [9])
                self.assertEqual(again["weights_sha256"], result["weights_sha256"])

    def test_a_damaged_one_is_put_aside_by_whoever_can_report_it(self):
        # Rename it before the event in checkpoints.newest_complete: the next claim says that it is not there any more.
        work = self.fresh("untold")
        train_once(work)
        newest = work / "checkpoints" / "e1" / "checkpoint-12"
        (newest / "rng_state.pth").unlink()
        events = Events(None)
        events.keep(Path("/dev/full"))
        with self.assertRaisesRegex(OSError, "No space left"):
            newest_complete(work / "checkpoints", 2, {}, 12, events)
        self.assertTrue(newest.is_dir())
        _, events = train_here(work, lease_epoch=2, known_checkpoint_step=12)
        self.assertEqual([Path(event["path"]) for event in events.of("quarantined")], [newest])
        self.assertEqual([event for event in events.of("log") if "not under" in event["message"]], [])

    def test_never_silently_from_the_start(self):
        # Take the raise of CheckpointLost out of checkpoints.newest_complete and it starts at 0.
        work = self.fresh("lost")
        with self.assertRaisesRegex(CheckpointLost, "step 7 was saved"):
            train_here(work, known_checkpoint_step=7)

    def test_from_less_than_was_saved_it_says_so(self):
        # Take the warning out of checkpoints.newest_complete: on a network disk that shows the newest late it was so, in silence.
        work = self.fresh("less")
        train_once(work)
        shutil.rmtree(work / "checkpoints" / "e1" / "checkpoint-12")
        _, events = train_here(work, lease_epoch=2, known_checkpoint_step=12)
        self.assertEqual([event["step"] for event in events.of("resumed")], [9])
        [warning] = [message for message in warnings(events) if "was saved" in message]
        self.assertRegex(warning, "A checkpoint of step 12 was saved, and is not under .* any more: training goes on from step 9")

    def test_an_outdated_claim_is_refused(self):
        # Take the raise of BadInput out of checkpoints.newest_complete and it trains.
        work = self.fresh("outdated")
        train_here(work, lease_epoch=5)
        with self.assertRaisesRegex(BadInput, "later claim"):
            train_here(work, lease_epoch=4)

    def test_a_zombie_publishes_nothing(self):
        # Take the raise out of checkpoints.require_latest_claim and it saves on.
        work = self.fresh("zombie")

        def claimed_by_another(event, commands):
            if event["type"] == "step" and event["step"] == 4:
                (work / "checkpoints" / "e2").mkdir()

        with self.assertRaisesRegex(LeaseLost, "lease epoch 2"):
            train_here(work, claimed_by_another)
        self.assertEqual([path.parent.name for path in work.glob("checkpoints/*/*/manifest.json")], ["checkpoint-3"])
