"""Puts files into a repository of a Hugging Face hub: those that are not there as they are here, in one commit, so that nobody sees half a model."""

import contextlib
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from huggingface_hub.utils import disable_progress_bars

from ..base_models.hub import HubAway, away
from ..platform.failures import BadInput

# In every folder that a run publishes: what says that a repository has a model of this service.
MARK = "manifest.json"
MAIN = constants.DEFAULT_REVISION
# What a hub itself, or a person who makes a repository there, puts into a new one.
_OF_NEW_REPOSITORIES = {".gitattributes", "README.md", "LICENSE"}
# What a refused commit means where the branch has moved on since it was looked at.
_CHANGED_MEANWHILE = (409, 412)
_MOST_SAID_CHARACTERS = 300


@dataclass(frozen=True)
class Target:
    """Where to: `repository` is ORG/NAME on the hub at `endpoint`, and is made where it is not there, `private` or not; so is `branch`."""

    repository: str
    branch: str = MAIN
    private: bool = True
    endpoint: str = constants.ENDPOINT


@dataclass(frozen=True)
class Pushed:
    """What a push came to; `sent` and `removed` are paths, and none where the repository had all of it already."""

    url: str
    commit: str
    sent: list[str]
    removed: list[str]


def push(files: dict[str, Path], target: Target, token: str | None, tell: Callable[[float], None] = lambda part: None) -> Pushed:
    """Makes the branch what `files` are, by their names there; they have a card (README.md) and a manifest. A push that broke off goes on behind the files that arrived.
    `tell` hears which part of the bytes is there, from 0 to 1. Raises BadInput with what to do, and HubAway where the same again may succeed."""
    assert MARK in files, f"There is no {MARK} among what is pushed."
    hub, repository, branch = target.endpoint.rstrip("/"), target.repository, target.branch
    if not token:
        raise BadInput(
            f"Nothing is pushed to {hub} without a token. Make one that may write at {hub}/settings/tokens, set HF_TOKEN to it for the host agent, start the agent again, "
            "and ask for the export again."
        )
    # LFS, which every hub has: huggingface_hub else takes xet wherever hf_xet is installed, and makes several commits of a large folder.
    constants.HF_HUB_DISABLE_XET = True
    disable_progress_bars()
    api = HfApi(endpoint=hub, token=token)
    with _in_words(hub, repository):
        api.create_repo(repository, private=target.private, exist_ok=True)
        if branch != MAIN:
            api.create_branch(repository, branch=branch, exist_ok=True)
        before, there, is_private = _state_of(api, repository, branch)
        _require_ours(hub, repository, there)
        if target.private and not is_private:
            raise BadInput(f"{repository} on {hub} is public, and the model was to be private. Make it private in its settings there, name another repository, or push it as public.")
        changed = _other_than(there, files)
        removed = sorted(there.keys() - files.keys() - _OF_NEW_REPOSITORIES)
        commit, arrived = before, there
        if changed or removed:
            additions = _sent(api, target, {name: files[name] for name in changed}, tell)
            deletions = [CommitOperationDelete(name, is_folder=False) for name in removed]
            commit, arrived = _committed(api, target, [*additions, *deletions], before, files)
    if wrong := _other_than(arrived, files):
        raise BadInput(f"{hub} has other contents of {', '.join(wrong[:3])} in {repository} than were sent. Look at them there, or name another repository.")
    return Pushed(f"{hub}/{repository}" if branch == MAIN else f"{hub}/{repository}/tree/{branch}", commit, changed, removed)


def _sent(api: HfApi, target: Target, files: dict[str, Path], tell: Callable[[float], None]) -> list[CommitOperationAdd]:
    """One file after another, so that a kill loses no more than what has come of one."""
    additions, done = [], 0
    total = sum(path.stat().st_size for path in files.values())
    for name, path in files.items():
        addition = CommitOperationAdd(name, path)
        api.preupload_lfs_files(target.repository, [addition], revision=target.branch, free_memory=False)
        additions.append(addition)
        done += path.stat().st_size
        tell(done / total)
    return additions


def _committed(api: HfApi, target: Target, operations: list, before: str, files: dict[str, Path]) -> tuple[str, dict[str, str]]:
    """The commit, and what is there by it."""
    try:
        commit = api.create_commit(target.repository, operations, commit_message="Push a fine-tuned model", revision=target.branch, parent_commit=before).oid
    except HfHubHTTPError as error:
        if error.response.status_code not in _CHANGED_MEANWHILE:
            raise
        commit, there, _ = _state_of(api, target.repository, target.branch)
        # Another attempt at the same may have been faster: one that was believed dead, say.
        if _other_than(there, files):
            raise
        return commit, there
    return commit, _state_of(api, target.repository, commit)[1]


def _state_of(api: HfApi, repository: str, revision: str) -> tuple[str, dict[str, str], bool]:
    """The commit; of each file the hash of its content (SHA-256 where the hub keeps it in LFS, else git's SHA-1 of a blob); whether it is private."""
    info = api.model_info(repository, revision=revision, files_metadata=True)
    return info.sha, {file.rfilename: file.lfs.sha256 if file.lfs else file.blob_id for file in info.siblings or []}, bool(info.private)


def _require_ours(hub: str, repository: str, there: dict[str, str]) -> None:
    others = sorted(there.keys() - _OF_NEW_REPOSITORIES)
    if others and MARK not in there:
        raise BadInput(
            f"{repository} on {hub} has other content ({', '.join(others[:3])}), which a push would replace: it has no {MARK}, as every model has that this service pushed. "
            "Name another repository, or empty that one."
        )


def _other_than(there: dict[str, str], files: dict[str, Path]) -> list[str]:
    return [name for name, path in files.items() if there.get(name) != _hash_like(there.get(name), path)]


def _hash_like(known: str | None, path: Path) -> str:
    """The hash of a file's content, of the kind that the hub has of it; "" where it has none."""
    if known is None:
        return ""
    digest = hashlib.sha256() if len(known) == 64 else hashlib.sha1(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def _in_words(hub: str, repository: str):
    """Says what the hub answered, and what to do. No sentence has a URL from it, or the token."""
    try:
        yield
    except OfflineModeIsEnabled:
        raise BadInput("HF_HUB_OFFLINE is set for the host agent, so nothing is pushed. Unset it, start the agent again, and ask for the export again.") from None
    except HFValidationError:
        raise BadInput(f"{repository!r} is no name of a repository on a hub. They are ORG/NAME.") from None
    except HfHubHTTPError as error:
        raise _refused(hub, repository, error) from None
    except httpx2.HTTPError as error:
        raise away(hub, error) from None
    except RuntimeError as error:
        # Of a file that did not arrive; huggingface_hub says why in its cause.
        if isinstance(error.__cause__, HfHubHTTPError):
            raise _refused(hub, repository, error.__cause__) from None
        if isinstance(error.__cause__, httpx2.HTTPError):
            raise away(hub, error.__cause__) from None
        raise
    except (ValueError, TypeError, KeyError) as error:
        # Of the card, which huggingface_hub has looked at by the hub before a commit.
        if isinstance(error.__cause__, HfHubHTTPError):
            raise BadInput(f"{hub} refuses the model card.{_said_by(error.__cause__)} Push the model by hand, with another README.md.") from None
        raise HubAway(f"{hub} answers with something that is not the hub's protocol ({type(error).__name__}).") from None


def _refused(hub: str, repository: str, error: HfHubHTTPError) -> Exception:
    status = error.response.status_code
    if status in (408, 429) or status >= 500:
        waits = error.response.headers.get("Retry-After", "")
        why = "asks for fewer requests" if status == 429 else "fails for now"
        return HubAway(f"{hub} {why} (HTTP {status}). The push goes on by itself; what has arrived is not sent again.", int(waits) if waits.isdigit() else None)
    if status == 401:
        return BadInput(
            f"{hub} does not know the token (HTTP 401). Make a new one that may write at {hub}/settings/tokens, set HF_TOKEN to it for the host agent, start the agent again, "
            "and ask for the export again."
        )
    if status in (403, 404):
        own = f"YOUR_NAME/{repository.split('/')[-1]}"
        return BadInput(f"The token may not write to {repository} on {hub} (HTTP {status}).{_said_by(error)} Take one that may write there, or name a repository of your own: {own}.")
    if status in _CHANGED_MEANWHILE:
        return BadInput(f"{repository} on {hub} was changed meanwhile (HTTP {status}). Look at it, and ask for the export again.")
    return BadInput(f"{hub} refuses what was pushed to {repository} (HTTP {status}).{_said_by(error)} Look at its name and settings there, and ask for the export again.")


def _said_by(error: HfHubHTTPError) -> str:
    """What the hub says of it, such as that an account has no room: without addresses, which may be signed, and without tokens."""
    words = re.sub(r"\S*://\S*|hf_\w+", "…", " ".join((error.server_message or "").split()))[:_MOST_SAID_CHARACTERS]
    return f" It says: {words.rstrip('.')}." if words else ""
