import os
import shutil
from unittest import mock

from ..base_models.file_facts import KnownModel
from ..training import training
from .support import Trainings, model_path, train_here


class KnownModels(Trainings):
    def setUp(self):
        super().setUp()
        self.model = self.work / "model"
        shutil.copytree(model_path(), self.model)
        self.cache = self.work / "cache"
        self.asked = 0

    def ask(self, fact: str = "a fact") -> int:
        def find() -> int:
            self.asked += 1
            return self.asked

        return KnownModel(self.cache, self.model).once(fact, find)

    def age(self) -> None:
        """As if the files had been there for long."""
        settled = mock.patch("trainer.base_models.file_facts._SETTLED_S", -3600.0)
        settled.start()
        self.addCleanup(settled.stop)

    def test_files_that_nobody_changed_are_looked_at_once(self):
        self.age()
        self.assertEqual([self.ask(), self.ask(), self.ask("another"), self.ask(), self.ask("another")], [1, 1, 2, 1, 2])

    def test_each_change_is_seen(self):
        # Take a size, a time or the inode out of file_facts.state_of, or the names, and one of these is not.
        self.age()
        weights = self.model / "model.safetensors"

        def change_in_place():
            before = weights.stat()
            with weights.open("r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"\1")
            os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))

        def replace():
            before = weights.stat()
            other = self.model / "other"
            shutil.copyfile(weights, other)
            os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
            other.rename(weights)

        changes = {
            "in place, with its time set back": change_in_place,
            "for a copy with the same time": replace,
            "of config.json": lambda: (self.model / "config.json").write_text((self.model / "config.json").read_text() + " "),
            "another file": lambda: shutil.copyfile(weights, self.model / "model-2.safetensors"),
            "a file less": lambda: (self.model / "model-2.safetensors").unlink(),
        }
        for name, change in changes.items():
            with self.subTest(name):
                known = self.ask()
                self.assertEqual(self.ask(), known)
                change()
                self.assertEqual(self.ask(), known + 1)

    def test_files_of_just_now_are_not_trusted(self):
        # Take is_settled out of once: what is written again within a tick of the clock has the same times.
        self.assertEqual([self.ask(), self.ask()], [1, 2])

    def test_what_changes_while_it_is_looked_at_is_not_known(self):
        # Write it with the states of afterwards, and it is.
        self.age()
        config = self.model / "config.json"
        KnownModel(self.cache, self.model).once("a fact", lambda: config.write_text(config.read_text() + " "))
        self.assertEqual(self.ask(), 1)

    def test_damage_and_no_place_to_write_are_no_reason_to_fail(self):
        self.age()
        self.ask()
        [kept] = (self.cache / "models").iterdir()
        kept.write_text('{"files": ')
        self.assertEqual(self.ask(), 2)
        self.cache = self.work / "file"
        self.cache.write_text("")
        self.assertEqual([self.ask(), self.ask()], [3, 4])

    def test_without_a_cache_nothing_is_known(self):
        self.age()
        self.cache = None
        self.assertEqual([self.ask(), self.ask()], [1, 2])

    def test_a_second_training_does_not_read_the_weights_for_it_again(self):
        self.age()
        options = {"cache_dir": str(self.cache), "model": {"name": "tiny/known", "path": str(self.model)}}
        train_here(self.fresh("first"), **options)
        with mock.patch.object(training, "fingerprint_of", side_effect=AssertionError), mock.patch("trainer.base_models.models.require_numbers", side_effect=AssertionError):
            train_here(self.fresh("second"), **options)
