"""What a model says when it is asked: the likeliest token each time, of whatever model, and the same limit for all of them."""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

from ..platform.memory import as_many_as_fit
from ..runs.hyperparameters import Hyperparameters

# Where the run file names no other: so many times the tokens of the longest expected answer, within two bounds; and what a model that
# thinks first takes as a rule. Whoever ends earlier costs less: generation stops when all of a batch have ended.
TIMES_THE_LONGEST, LEAST_NEW_TOKENS = 2, 32
MOST_NEW_TOKENS = 256
MOST_NEW_TOKENS_OF_THOUGHTS = 2048
MOST_ASKED_AT_ONCE = 32
# So many tokens take no more memory than one that is trained on: of those, keys and values alone are kept.
TOKENS_OF_A_TRAINED_ONE = 4
# Where they take no more than this, they have room whatever was trained.
LITTLE_BYTES = 256 << 20


@dataclass(frozen=True)
class Answer:
    text: str
    # Whether it came to the limit, or to the end of the context, before it had ended.
    is_cut_off: bool


def most_new_tokens(chosen: int | None, template, tokenizer, expected: list[str]) -> int:
    """`chosen` by the run file, or what answers like the `expected` ones need. Whether a model thinks is seen by its chat template,
    which knows what ends a thought."""
    return chosen or (MOST_NEW_TOKENS_OF_THOUGHTS if template.thought_tag else enough_tokens(tokenizer, expected))


def enough_tokens(tokenizer, expected: list[str]) -> int:
    """For an answer where these are expected: the same for all of them."""
    longest = max(map(len, tokenizer(expected, add_special_tokens=False)["input_ids"])) if expected else 0
    return min(MOST_NEW_TOKENS, max(LEAST_NEW_TOKENS, TIMES_THE_LONGEST * longest))


def generate(
    model, tokenizer, prompts: list[str], max_new_tokens: int, hyper: Hyperparameters, tell: Callable[[int], None] = lambda made: None
) -> list[Answer]:
    """How the model goes on, taking the likeliest token each time, up to the end of its context.

    Each token costs all weights, for one row as for many, so there are many at once: as many as have room where a batch had it when
    the model was trained, and of small models as many as take little. `tell` is called with how many of len(prompts) x max_new_tokens tokens
    are made; an answer that has ended counts as all of its own.
    """
    if not prompts:
        return []
    import torch

    from ..base_models.models import context_of, ends_of

    context, ends = context_of(model.config), ends_of(model, tokenizer)
    row_tokens = max(len(ids) for ids in tokenizer(prompts, add_special_tokens=False)["input_ids"]) + max_new_tokens

    answered = 0

    def answers_to(prompts: list[str]) -> list[Answer]:
        nonlocal answered
        batch = tokenizer(prompts, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt").to(model.device)
        read = batch["input_ids"].shape[1]
        if read + max_new_tokens > context and len(prompts) > 1:
            # The longest would leave little room to those beside it.
            return [answer for prompt in prompts for answer in answers_to([prompt])]
        new = min(max_new_tokens, context - read)
        if new < 1:
            answered += 1
            return [Answer("", is_cut_off=True)]  # The question fills the context.

        def goes_on(ids, scores, **_):
            tell(answered * max_new_tokens + len(ids) * (ids.shape[1] - read))
            return torch.zeros(len(ids), dtype=torch.bool, device=ids.device)

        with torch.inference_mode(), greedy(model, max_new_tokens=new, eos_token_id=ends, pad_token_id=tokenizer.pad_token_id):
            output = model.generate(**batch, stopping_criteria=[goes_on])[:, read:]
        answered += len(prompts)
        tell(answered * max_new_tokens)
        texts = tokenizer.batch_decode(output, skip_special_tokens=True)
        has_ended = torch.isin(output, torch.tensor(ends, device=output.device)).any(1).tolist()
        return [Answer(text, not ended) for text, ended in zip(texts, has_ended)]

    have_room = max(TOKENS_OF_A_TRAINED_ONE * hyper.batch_size * hyper.max_length, LITTLE_BYTES // token_bytes(model))
    return as_many_as_fit(prompts, max(1, min(MOST_ASKED_AT_ONCE, have_room // row_tokens)), answers_to)


def token_bytes(model) -> int:
    """What keys and values of a token take at most: by their heads, where a config has those; or else twice what goes from layer to
    layer, for models whose heads are wider together."""
    config = model.config.get_text_config()
    width, layers, heads, of_head = (getattr(config, name, None) for name in ("hidden_size", "num_hidden_layers", "num_key_value_heads", "head_dim"))
    if layers and heads and of_head and not getattr(config, "v_head_dim", None):
        width = heads * of_head
    elif width:
        width *= 2
    return 2 * width * layers * model.dtype.itemsize if width and layers else LITTLE_BYTES


@contextmanager
def greedy(model, **choices):
    """The model with nothing of its own generation_config.json for so long: a repetition_penalty, or tokens that are never to be
    said, change which token is the likeliest. (Handing generate a config is not enough: what that leaves open is taken from the
    model's.)"""
    from transformers import GenerationConfig

    # That of the model inside, where there are adapters: it is the one that generates.
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    own = inner.generation_config
    inner.generation_config = GenerationConfig(do_sample=False, **choices)
    try:
        yield
    finally:
        inner.generation_config = own
