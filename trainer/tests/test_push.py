import tempfile
import unittest
from pathlib import Path
from unittest import mock

from huggingface_hub import constants

from ..base_models.hub import HubAway
from ..exports.hub import card_for_hub
from ..outputs.push import Target, push
from ..platform.failures import BadInput
from .hub_server import READER, TOKEN, Hub

NAME = "bob/far"


class Pushing(unittest.TestCase):
    """Against a hub on loopback that speaks the protocol of Hugging Face's, by its own library."""

    def setUp(self):
        self.hub = Hub()
        self.addCleanup(self.hub.close)
        # The tests are offline but for what is on this machine.
        self.enterContext(mock.patch.object(constants, "HF_HUB_OFFLINE", False))
        self.enterContext(mock.patch.object(constants, "HF_HUB_DISABLE_XET", False))
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory())) / "job-1"
        (self.folder / "adapter").mkdir(parents=True)
        self.write("README.md", "---\nlicense: mit\n---\n# Far\n")
        self.write("manifest.json", "{}")
        self.write("model.safetensors", "w" * 3000)
        self.write("adapter/adapter_model.safetensors", "a" * 2000)

    def enterContext(self, context):  # Of unittest from Python 3.11 on.
        entered = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return entered

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def push(self, name: str = NAME, token: str | None = TOKEN, **more):
        files = {path.relative_to(self.folder).as_posix(): path for path in sorted(self.folder.rglob("*")) if path.is_file()}
        told: list[float] = []
        pushed = push(files, Target(name, endpoint=self.hub.address, **more), token, told.append)
        self.assertEqual(told, sorted(told))
        self.assertEqual(told[-1:], [1.0] if pushed.sent else [])
        return pushed

    def newest(self) -> dict[str, bytes]:
        return {name: content for name, content in self.hub.repositories[NAME][-1].items() if name != ".gitattributes"}

    def here(self) -> dict[str, bytes]:
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def sent(self) -> list[str]:
        return [each for each in self.hub.asked if each.startswith("PUT ")]

    def refusal(self, *given, **more) -> str:
        with self.assertRaises(BadInput) as refused:
            self.push(*given, **more)
        return str(refused.exception)

    def test_the_repository_becomes_what_the_folder_is_by_one_commit(self):
        pushed = self.push()
        self.assertEqual(self.newest(), self.here())
        # Leave HF_HUB_DISABLE_XET as it is: huggingface_hub looks for a server of xet, and fails.
        self.assertEqual(len(self.hub.repositories[NAME]), 2)
        self.assertEqual((pushed.url, pushed.commit, sorted(pushed.sent)), (f"{self.hub.address}/{NAME}", f"{1:040d}", sorted(self.here())))
        self.assertEqual(self.hub.visibility[NAME], "private")
        self.push("bob/open", private=False)
        self.assertEqual(self.hub.visibility["bob/open"], "public")

    def test_only_what_changed_is_sent(self):
        self.push()
        self.hub.asked.clear()
        again = self.push()
        # Take the comparison of hashes out of push: a second commit is made.
        self.assertEqual((again.sent, again.removed, len(self.hub.repositories[NAME])), ([], [], 2))
        self.write("model.safetensors", "v" * 3000)
        (self.folder / "adapter" / "adapter_model.safetensors").unlink()
        third = self.push()
        self.assertEqual((third.sent, third.removed), (["model.safetensors"], ["adapter/adapter_model.safetensors"]))
        self.assertEqual(len(self.sent()), 1)
        self.assertEqual(self.newest(), self.here())

    def test_a_push_that_broke_off_goes_on_behind_what_arrived(self):
        self.hub.fails = {f"POST /api/models/{NAME}/commit": 503}
        with self.assertRaisesRegex(HubAway, "fails for now .HTTP 503.. The push goes on by itself"):
            self.push()
        self.assertEqual((len(self.sent()), self.newest()), (2, {}))
        self.hub.fails = {}
        self.push()
        self.assertEqual((len(self.sent()), self.newest()), (2, self.here()))

    def test_other_content_is_not_replaced(self):
        self.hub.repositories[NAME] = [{".gitattributes": b"", "config.json": b"{}", "model.safetensors": b"theirs"}]
        self.hub.visibility[NAME] = "private"
        # Take _require_ours out: theirs is replaced.
        self.assertRegex(self.refusal(), r"bob/far on .* has other content \(config.json, model.safetensors\).*Name another repository, or empty that one\.")
        self.assertEqual(self.hub.repositories[NAME][-1]["model.safetensors"], b"theirs")

    def test_a_change_by_others_meanwhile_is_not_lost(self):
        self.push()
        self.write("model.safetensors", "v")
        self.hub.before_commit = lambda: self.hub.repositories[NAME].append({"model.safetensors": b"theirs"})
        # Leave parent_commit out of _committed: theirs is replaced.
        self.assertRegex(self.refusal(), "was changed meanwhile .*Look at it, and ask for the export again")
        self.assertEqual(self.hub.repositories[NAME][-1], {"model.safetensors": b"theirs"})

    def test_another_attempt_at_the_same_may_be_faster(self):
        self.push()
        self.write("model.safetensors", "v")
        self.hub.before_commit = lambda: self.hub.repositories[NAME].append(self.here())
        # Let _committed raise whatever it is refused with: the push fails, though all of it is there.
        self.assertEqual(self.push().commit, f"{2:040d}")

    def test_a_branch_of_its_own_leaves_the_others_alone(self):
        self.push()
        self.write("model.safetensors", "v")
        # Leave `revision` out of create_commit (_committed): the commit goes to main.
        pushed = self.push(branch="v2")
        self.assertEqual(pushed.url, f"{self.hub.address}/{NAME}/tree/v2")
        self.assertEqual(self.newest()["model.safetensors"], b"w" * 3000)
        self.assertEqual(self.hub.repositories[f"{NAME}@v2"][-1]["model.safetensors"], b"v")
        self.assertEqual(self.push(branch="v2").sent, [])

    def test_a_card_names_what_a_hub_knows(self):
        card = "---\nbase_model: /models/mine\nlicense: mit\ndatasets:\n- My data\n---\n\n# Far\n"
        self.write("README.md", card)
        # Leave the cause out of _in_words: it is tried again for ever.
        self.assertRegex(self.refusal(), 'refuses the model card. It says: .*"base_model" with value "/models/mine" is not valid')
        # Keep either in card_for_hub: it is refused.
        self.write("README.md", card_for_hub(card, None))
        self.push()
        self.assertEqual(self.newest()["README.md"], b"---\nlicense: mit\n---\n\n# Far\n")
        usage = 'base_model: org/base\nlibrary_name: peft\n---\nfolder = "."  # That of the model.\n'
        self.assertEqual(card_for_hub(f"---\n{usage}", NAME), "---\n" + usage.replace('"."  # That of the model.', '"bob/far"'))

    def test_a_private_model_is_not_pushed_where_all_can_see_it(self):
        self.push(private=False)
        self.write("model.safetensors", "secret")
        # Take the question out of push: it is sent.
        self.assertRegex(self.refusal(), "bob/far on .* is public, and the model was to be private")
        self.assertEqual(len(self.hub.repositories[NAME]), 2)
        self.push(private=False)
        self.assertEqual(self.newest(), self.here())

    def test_what_arrived_is_compared(self):
        def damaged() -> None:
            self.hub.objects = {digest: b"damaged" for digest in self.hub.objects}

        self.hub.before_commit = damaged
        # Take the second look out of push: nobody knows.
        self.assertRegex(self.refusal(), "has other contents of adapter/adapter_model.safetensors, model.safetensors in bob/far than were sent")

    def test_what_a_person_can_do_is_said(self):
        self.assertRegex(self.refusal(token=None), "Nothing is pushed to .* without a token. Make one that may write at .*, set HF_TOKEN to it for the host agent")
        self.assertRegex(self.refusal(token="hf_gone"), r"does not know the token \(HTTP 401\). Make a new one")
        self.assertRegex(self.refusal(token=READER), r"may not write to bob/far on .* \(HTTP 403\).*YOUR_NAME/far")
        self.assertRegex(self.refusal("no name/at all/"), "is no name of a repository")
        self.assertEqual(self.hub.repositories, {})
        # Say nothing of what the hub says in _refused: nobody knows that it is about room, not rights.
        self.hub.fails = {"POST /api/repos/create": 403}
        self.hub.says = "No room left, see https://hub/plans?key=secret, hf_writes"
        self.assertRegex(self.refusal(), r"\(HTTP 403\)\. It says: No room left, see … …\. Take one that may write")
        self.hub.fails = {f"POST /api/models/{NAME}/commit": 429}
        with self.assertRaisesRegex(HubAway, "asks for fewer requests") as busy:
            self.push()
        self.assertEqual(busy.exception.retry_after_s, 7)
        self.hub.fails = {}
        with mock.patch.object(constants, "HF_HUB_OFFLINE", True):
            self.assertRegex(self.refusal(), "HF_HUB_OFFLINE is set")
        self.hub.close()
        with self.assertRaisesRegex(HubAway, "The connection to .* failed"):
            self.push()
