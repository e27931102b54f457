"""What the files of a base model say that it is, and the class of transformers that loads it: one that writes text, from its beginning to its end."""

import json
import re
from pathlib import Path

from ..bundle.embedding import WRITERS
from ..platform.failures import BadInput
from ..platform.safetensors_files import INDEX, SINGLE, shards_of, uses_index

CONFIG = "config.json"
ADAPTER_CONFIG = "adapter_config.json"
# What an export takes from its base, beside weights and config.json: what reads texts and images, and the licence.
COPIED = re.compile(
    r"tokenizer.*\.(json|model)|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.(json|txt)|merges\.txt|.*\.model|tekken\.json"
    r"|chat_template.*|additional_chat_templates|(pre|video_pre)?processor_config\.json|(LICENSE|LICENCE|NOTICE|USE_POLICY).*"
)


def whole_config(path: Path):
    """The configuration of a model, with those of all of its parts. Raises BadInput."""
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    given = config_in(path)
    named = given.get("model_type")
    if not isinstance(named, str) or named not in CONFIG_MAPPING:
        why = "has no model_type" if named is None else f"has the model_type {named!r}, which transformers {transformers.__version__} has no code for"
        raise BadInput(f"The model in {str(path)!r} does not load: its config.json {why}. Take a model of an architecture that it has; docs/models.md names those that were tried.")
    try:
        return transformers.AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise BadInput(f"The config.json of the model in {str(path)!r} does not read as that of a {named}: {last_line(error)}. Take an undamaged copy of the model.") from error


def config_in(model: Path) -> dict:
    """config.json as it is written. Raises BadInput."""
    return _json_in(model / CONFIG)


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def class_of(path: Path):
    """The class of transformers that loads all of the model: one that reads images as well is more than its language model."""
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as WITH_IMAGES

    config = whole_config(path)
    whole = WITH_IMAGES.get(config.model_type)
    return AutoModelForImageTextToText if whole and whole in (config.architectures or []) else AutoModelForCausalLM


def require_text_writer(path: Path) -> None:
    """Raises BadInput for a directory that is no model by which text is written, token by token: by what its files say, before they are loaded."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    if (path / ADAPTER_CONFIG).is_file():
        if not (path / CONFIG).is_file():
            raise BadInput(f"The model in {str(path)!r} is an adapter ({ADAPTER_CONFIG}), and no whole model. Merge it with its base, and name the directory of the result.")
        raise BadInput(
            f"The model in {str(path)!r} has an adapter beside it ({ADAPTER_CONFIG}), which transformers would put upon it while it loads, so that it is not clear what is to be "
            "trained. Move the files of the adapter away, or merge it with the model."
        )
    config = whole_config(path)
    named = list(config.architectures or [])
    what = ", ".join(named) or config.model_type
    known = {MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.model_type), MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES.get(config.model_type)} - {None}
    if config.is_encoder_decoder:
        why = "has an encoder and a decoder"
    elif not known:
        why = "has no part that writes text, as far as transformers knows"
    # The names in published models are not always those that transformers has now.
    elif named and not any(name in known or name.endswith(WRITERS) for name in named):
        why = "is of a class that gives scores, classes or vectors, and no text (architectures in its config.json)"
    else:
        return
    raise BadInput(f"The model in {str(path)!r}, {what}, {why}. Take one that writes text from left to right, of a class such as LlamaForCausalLM.")


def require_whole_files(path: Path) -> None:
    """Raises BadInput where the weights are not under the names that transformers looks for, and where an index does not read, or names files that are not there."""
    others = sorted(file.name for file in path.glob("*.safetensors"))
    if not uses_index(path):
        if others and SINGLE not in others and not config_in(path).get("transformers_weights"):
            raise BadInput(f"The model in {str(path)!r} has {others[0]}, and neither {SINGLE} nor {INDEX}, which transformers looks for. Take the model in the layout of transformers.")
        return
    index = _json_in(path / INDEX)
    shards = index.get("weight_map")
    if not isinstance(shards, dict) or not shards or not all(isinstance(name, str) and Path(name).name == name for name in shards.values()):
        raise BadInput(f"{str(path / INDEX)!r} has no weight_map that names for each tensor a file beside it. Take an undamaged copy of the model.")
    if not isinstance(index.get("metadata"), dict):
        raise BadInput(f'{str(path / INDEX)!r} has no metadata, without which transformers does not read it. Add "metadata": {{}} to it.')
    if missing := [name for name in shards_of(path) if not (path / name).is_file()]:
        raise BadInput(f"The model in {str(path)!r} has no {missing[0]}, which {INDEX} names ({len(missing)} of its {len(shards_of(path))} files are missing). Get it again, whole.")


def last_line(error: Exception) -> str:
    """What is wrong, where a sentence about what was done stands before it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip().rstrip(".")[:300]


def _json_in(file: Path) -> dict:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"The model in {str(file.parent)!r} has no {file.name}. Name the directory that has it.") from error
    except ValueError as error:
        raise BadInput(f"{str(file)!r} is no JSON: {error}. Take an undamaged copy of the model.") from error
    if not isinstance(found, dict):
        raise BadInput(f"{str(file)!r} is no JSON object. Take an undamaged copy of the model.")
    return found
