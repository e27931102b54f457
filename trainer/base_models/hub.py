"""What a hub says of a model: its files with their sizes and hashes, which of them are taken, and in plain words why it says no."""

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, constants, get_token
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ..platform.failures import BadInput, MachineFailed

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
_METADATA_TIMEOUT_S = 30

# Nothing that holds code or pickles: texts, and tokenizers in formats that are read and not run. Modules of embedding models have folders of their own.
_TAKEN = re.compile(
    r"[A-Za-z0-9][\w.+-]*\.(json|txt|jinja|md|model|tiktoken)"
    r"|(LICEN[SC]E|NOTICE|USE_POLICY)[\w-]*(\.(md|txt|pdf))?"
    r"|\d+_[A-Za-z]+/(config\.json|model\.safetensors)"
    r"|additional_chat_templates/[A-Za-z0-9][\w.+-]*\.jinja",
    re.IGNORECASE,
)
# What tells of weights that are not taken, or would put an adapter upon those that are.
_LEFT = re.compile(r".*\.index\.json|adapter_.*", re.IGNORECASE)
_PICKLES = re.compile(r".*\.(bin|pt|pth|ckpt|pkl|gguf|h5|msgpack)", re.IGNORECASE)


class HubAway(MachineFailed):
    """The hub, or the way to it, fails for now: the same again may succeed, after `retry_after_s` where the hub says so."""

    def __init__(self, message: str, retry_after_s: int | None = None):
        super().__init__(message)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class HubFile:
    name: str
    size: int
    # Of the content: its SHA-256 where the hub keeps it in LFS, else git's SHA-1 of a blob. The cache calls it so.
    hash: str


@dataclass(frozen=True)
class Offer:
    """A model as the hub has it at one commit."""

    name: str
    commit: str
    license: str | None
    files: dict[str, HubFile]


def look_up(name: str, revision: str) -> Offer:
    """Raises BadInput where there is no such model for us, HubAway where the hub does not say."""
    with in_words(name, revision):
        info = HfApi().model_info(name, revision=revision, files_metadata=True, timeout=_METADATA_TIMEOUT_S)
        if not info.sha:
            raise HubAway(f"{constants.ENDPOINT} does not say which commit {revision} of {name} is.")
        files = {}
        for sibling in info.siblings or []:
            digest = sibling.lfs.sha256 if sibling.lfs else sibling.blob_id
            size = sibling.lfs.size if sibling.lfs else sibling.size
            if size is not None and digest and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", digest):
                files[sibling.rfilename] = HubFile(sibling.rfilename, size, digest)
        if info.siblings and not files:
            raise BadInput(f"{constants.ENDPOINT} tells no sizes and hashes of the files of {name}, so nothing of it could be checked. Name another hub in HF_ENDPOINT.")
        card = info.card_data.to_dict() if info.card_data else {}
        license = card.get("license_name") if card.get("license") == "other" else card.get("license")
        return Offer(name, info.sha, str(license) if license else None, files)


def require_no_code_of_its_own(name: str, config) -> None:
    """Before gigabytes are fetched that could not be used."""
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind not in Path(__file__).with_name("transformers_model_types.txt").read_text(encoding="utf-8").split():
        raise BadInput(f"{name} is of the type {kind} (model_type in config.json), which transformers has no code for, and a model's own code is never run here. Take another model.")


def texts_of(offer: Offer) -> list[HubFile]:
    """All that is taken but the weights, config.json and the index first. Raises BadInput where it is no model that could be used."""
    if WEIGHTS not in offer.files and INDEX not in offer.files:
        others = [name for name in offer.files if _PICKLES.fullmatch(name) or name.endswith(".safetensors")]
        has = f" It has {', '.join(sorted(others)[:3])}, which is not taken." if others else ""
        raise BadInput(f"{offer.name} has no weights that transformers reads from safetensors ({WEIGHTS} or {INDEX}).{has} Take a version of the model in safetensors.")
    if "config.json" not in offer.files:
        raise BadInput(f"{offer.name} has no config.json, so it is no model of transformers. Name another one.")
    taken = [file for name, file in offer.files.items() if _TAKEN.fullmatch(name) and not _LEFT.fullmatch(name)]
    if WEIGHTS not in offer.files:
        taken.append(offer.files[INDEX])
    return sorted(taken, key=lambda file: (file.name != "config.json", file.name != INDEX, file.name))


def weights_of(offer: Offer, index: dict | None) -> list[HubFile]:
    """What transformers reads: the single file goes before the many that an index names, other copies are left."""
    if WEIGHTS in offer.files:
        return _small_enough(offer, [WEIGHTS])
    names = index.get("weight_map") if isinstance(index, dict) else None
    shards = sorted(set(names.values())) if isinstance(names, dict) and names else []
    if not shards or not all(isinstance(shard, str) and re.fullmatch(r"[A-Za-z0-9][\w.+-]*\.safetensors", shard) for shard in shards):
        raise BadInput(f"{INDEX} of {offer.name} names no files in safetensors beside it. Take another version of the model.")
    if missing := [shard for shard in shards if shard not in offer.files]:
        raise BadInput(f"{INDEX} of {offer.name} names {', '.join(missing[:3])}, which the hub does not have. Take another revision of the model.")
    return _small_enough(offer, shards)


def _small_enough(offer: Offer, names: list[str]) -> list[HubFile]:
    """The hub gives larger files by xet alone."""
    for name in names:
        if offer.files[name].size > constants.MAX_HTTP_DOWNLOAD_SIZE:
            raise BadInput(f"{name} of {offer.name} has more than 50 GB, which the hub does not give by HTTP. Fetch the model with `hf download {offer.name}`.")
    return [offer.files[name] for name in names]


@contextlib.contextmanager
def in_words(name: str, revision: str):
    """Says what the hub answered, and what to do. No sentence has a URL from it: such may be signed, and so be a key."""
    hub = constants.ENDPOINT
    try:
        yield
    except OfflineModeIsEnabled:
        raise BadInput("HF_HUB_OFFLINE is set for the host agent, so nothing is fetched. Unset it, start the agent again, and resume the download.") from None
    except GatedRepoError:
        accept = f"{name} is gated: accept its terms on {hub}/{name} with your account"
        if get_token():
            raise BadInput(f"{accept}, which the token of this host (HF_TOKEN) has no access by yet, then resume the download.") from None
        raise BadInput(f"{accept}, set HF_TOKEN to a token of that account for the host agent, start the agent again, and resume the download.") from None
    except DisabledRepoError:
        raise BadInput(f"{hub} has disabled the access to {name}. Take another model.") from None
    except RevisionNotFoundError:
        raise BadInput(f"{name} has no revision {revision!r} on {hub}. Name a branch, a tag or a commit that it has.") from None
    except RepositoryNotFoundError:
        private = "the token of this host (HF_TOKEN) does not show it" if get_token() else "it is private: then set HF_TOKEN for the host agent, and start the agent again"
        raise BadInput(f"There is no model {name} on {hub}, or {private}. Look at the name, which is ORG/NAME.") from None
    except RemoteEntryNotFoundError:
        raise BadInput(f"{hub} lists a file of {name} that it does not have. Take another revision of the model.") from None
    except HFValidationError:
        raise BadInput(f"{name!r} is no name of a model on a hub. They are ORG/NAME.") from None
    except HfHubHTTPError as error:
        raise _refused(name, error.response) from None
    except httpx2.HTTPError as error:
        raise away(hub, error) from None
    except (ValueError, TypeError, KeyError) as error:
        raise HubAway(f"{hub} answers with something that is not the hub's protocol ({type(error).__name__}).") from None


def away(host: str, error: Exception) -> HubAway:
    return HubAway(f"The connection to {host} failed ({type(error).__name__}).")


def _refused(name: str, response: httpx2.Response) -> Exception:
    hub, status = constants.ENDPOINT, response.status_code
    if status in (408, 429) or status >= 500:
        waits = response.headers.get("Retry-After", "")
        why = "asks for fewer requests" if status == 429 else "fails for now"
        return HubAway(f"{hub} {why} (HTTP {status}).", int(waits) if waits.isdigit() else None)
    if status in (401, 403):
        return BadInput(f"{hub} does not give {name} to this host (HTTP {status}). Set HF_TOKEN for the host agent to a token that may read it, start the agent again, and resume the download.")
    return BadInput(f"{hub} refuses what was asked about {name} (HTTP {status}). Look at its name and revision.")
