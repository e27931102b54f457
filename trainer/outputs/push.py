"""Puts a folder into a repository of a Hugging Face hub: the files that are not there as they are here, in one commit, so that nobody sees half a model."""

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from huggingface_hub.utils import disable_progress_bars

from ..base_models.hub import HubAway, away
from ..platform.failures import BadInput, MachineFailed

# In every folder that a run publishes: what says that a repository has a model of this service.
MARK = "manifest.json"
# What a hub itself, or a person who makes a repository there, puts into a new one.
_OF_NEW_REPOSITORIES = {".gitattributes", "README.md", "LICENSE"}


@dataclass(frozen=True)
class Pushed:
    """What a push came to; `sent` and `removed` are paths, and none where the repository had all of it already."""

    url: str
    commit: str
    sent: list[str]
    removed: list[str]


def push(folder: Path, repo_id: str, token: str | None, endpoint: str | None = None, private: bool = True) -> Pushed:
    """Makes `repo_id` (ORG/NAME) on the hub at `endpoint` what `folder` is, with its card (README.md) and its manifest: the repository is made where it is not there, `private`
    or not. A push that broke off goes on behind the files that arrived. Raises BadInput with what to do, HubAway and MachineFailed where the same again may succeed."""
    here = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    assert MARK in here, f"{folder} has no {MARK}"
    hub = (endpoint or constants.ENDPOINT).rstrip("/")
    if not token:
        raise BadInput(f"Nothing is pushed to {hub} without a token. Make one that may write at {hub}/settings/tokens, and set HF_TOKEN to it.")
    # LFS, which every hub has: huggingface_hub else takes xet wherever hf_xet is installed, and makes several commits of a large folder.
    constants.HF_HUB_DISABLE_XET = True
    disable_progress_bars()
    api = HfApi(endpoint=hub, token=token)
    with _in_words(hub, repo_id):
        api.create_repo(repo_id, private=private, exist_ok=True)
        before, there, is_private = _state_of(api, repo_id)
        _require_ours(hub, repo_id, there)
        if private and not is_private:
            raise BadInput(f"{repo_id} on {hub} is public, and the model was to be private. Make it private in its settings there, name another repository, or push it as public.")
        changed = [name for name, path in here.items() if there.get(name) != _hash_like(there.get(name), path)]
        removed = sorted(there.keys() - here.keys() - _OF_NEW_REPOSITORIES)
        if not changed and not removed:
            return Pushed(f"{hub}/{repo_id}", before, [], [])
        additions = [CommitOperationAdd(name, here[name]) for name in changed]
        deletions = [CommitOperationDelete(name, is_folder=False) for name in removed]
        commit = api.create_commit(repo_id, [*additions, *deletions], commit_message=f"Push {folder.name}", parent_commit=before)
        _, arrived, _ = _state_of(api, repo_id, commit.oid)
    if wrong := [name for name, path in here.items() if arrived.get(name) != _hash_like(arrived.get(name), path)]:
        raise MachineFailed(f"{hub} has other contents of {', '.join(wrong[:3])} in {repo_id} than were sent. Push again.")
    return Pushed(f"{hub}/{repo_id}", commit.oid, changed, removed)


def _state_of(api: HfApi, repo_id: str, revision: str | None = None) -> tuple[str, dict[str, str], bool]:
    """The newest commit, or the one that is named; of each file the hash of its content (SHA-256 where the hub keeps it in LFS, else git's SHA-1 of a blob); whether it is private."""
    info = api.model_info(repo_id, revision=revision, files_metadata=True)
    return info.sha, {file.rfilename: file.lfs.sha256 if file.lfs else file.blob_id for file in info.siblings or []}, bool(info.private)


def _require_ours(hub: str, repo_id: str, there: dict[str, str]) -> None:
    others = sorted(there.keys() - _OF_NEW_REPOSITORIES)
    if others and MARK not in there:
        raise BadInput(
            f"{repo_id} on {hub} has other content ({', '.join(others[:3])}), which a push would replace: it has no {MARK}, as every model has that this service pushed. "
            "Name another repository, or empty that one."
        )


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
def _in_words(hub: str, repo_id: str):
    """Says what the hub answered, and what to do. No sentence has a URL from it, or the token."""
    try:
        yield
    except OfflineModeIsEnabled:
        raise BadInput("HF_HUB_OFFLINE is set, so nothing is pushed. Unset it, and push again.") from None
    except HFValidationError:
        raise BadInput(f"{repo_id!r} is no name of a repository on a hub. They are ORG/NAME.") from None
    except HfHubHTTPError as error:
        raise _refused(hub, repo_id, error.response.status_code) from None
    except httpx2.HTTPError as error:
        raise away(hub, error) from None
    except RuntimeError as error:
        # Of a file that did not arrive; huggingface_hub says why in its cause.
        if isinstance(error.__cause__, HfHubHTTPError):
            raise _refused(hub, repo_id, error.__cause__.response.status_code) from None
        if isinstance(error.__cause__, httpx2.HTTPError):
            raise away(hub, error.__cause__) from None
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise HubAway(f"{hub} answers with something that is not the hub's protocol ({type(error).__name__}).") from None


def _refused(hub: str, repo_id: str, status: int) -> Exception:
    if status in (408, 429) or status >= 500:
        return HubAway(f"{hub} {'asks for fewer requests' if status == 429 else 'fails for now'} (HTTP {status}). Push again later: what has arrived is not sent again.")
    if status == 401:
        return BadInput(f"{hub} does not know the token (HTTP 401). Make a new one that may write at {hub}/settings/tokens, and set HF_TOKEN to it.")
    if status in (403, 404):
        return BadInput(f"The token may not write to {repo_id} on {hub} (HTTP {status}). Take one that may write there, or name a repository of your own: YOUR_NAME/{repo_id.split('/')[-1]}.")
    if status == 412:
        return BadInput(f"{repo_id} on {hub} was changed meanwhile (HTTP 412). Look at it, and push again.")
    return BadInput(f"{hub} refuses what was pushed to {repo_id} (HTTP {status}). Look at its name, and at README.md of the model.")
