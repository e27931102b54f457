"""Several sequences that one forward pass makes a token longer.

Each token costs all weights, for one row as for many. A sequence joins at any step, once its prompt was read, and leaves when it has ended: nobody waits
for the longest answer of others. (transformers' continuous batching has one temperature for all and one seed, tells no likeliest tokens,
and gives no way to change adapters between two steps: version 5.23.)
"""

from collections.abc import Callable
from inspect import signature

# What they are made of keeps keys and values for each token, or those of the last ones: rows of any length fit together.
_OF_ATTENTION = {"full_attention", "sliding_attention", "chunked_attention"}
# Of a prompt whose logits are looked at: those of all its tokens at once would take more memory than the model.
TOKENS_OF_A_BLOCK = 128


class Batch:
    """Rows of keys and values, with the token that each goes on with. Padding comes first, so that all go on at the same place."""

    def __init__(self, model, takes_several: bool):
        self._model = model
        self._takes_several = takes_several
        self._takes_positions = "position_ids" in forward_parameters(model)
        self._cache = None
        self._mask = None

    def __len__(self) -> int:
        return 0 if self._mask is None else len(self._mask)

    def read(self, prompt: list[int], look: Callable | None = None):
        """The rows of a new sequence, and the logits of what follows its prompt. `look` gets those of what follows each of its tokens, some at a time."""
        import torch

        fewer = {"logits_to_keep": 1} if look is None and "logits_to_keep" in forward_parameters(self._model) else {}
        # What keeps a state may begin anew with several tokens at once.
        size = TOKENS_OF_A_BLOCK if look and self._takes_several else len(prompt)
        cache, mask = _new_cache(self._model, self._takes_several), None
        for place in range(0, len(prompt), size):
            ids = torch.tensor([prompt[place : place + size]], device=self._model.device)
            mask = torch.ones((1, place + ids.shape[1]), dtype=ids.dtype, device=ids.device)
            out = self._model(input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, **fewer)
            cache = out.past_key_values
            if look:
                look(out.logits[0])
        return (cache, mask), out.logits[0, -1]

    def join(self, rows, copies: int = 1) -> None:
        """Adds the rows of a sequence, so many times."""
        import torch

        cache, mask = rows
        if copies > 1:
            cache.batch_repeat_interleave(copies)
            mask = mask.repeat_interleave(copies, 0)
        if self._mask is None:
            self._cache, self._mask = cache, mask
            return
        length = max(self._mask.shape[1], mask.shape[1])
        for layer, new in zip(self._cache.layers, cache.layers):
            layer.keys = torch.cat([_padded(layer.keys, length, -2), _padded(new.keys, length, -2)])
            layer.values = torch.cat([_padded(layer.values, length, -2), _padded(new.values, length, -2)])
        self._mask = torch.cat([_padded(self._mask, length, -1), _padded(mask, length, -1)])

    def step(self, tokens: list[int]):
        """Appends a token to each row. The logits of what follows, [rows, tokens that there are]."""
        import torch

        mask = torch.cat([self._mask, self._mask.new_ones(len(self._mask), 1)], dim=1)
        positions = {"position_ids": self._mask.sum(1, keepdim=True)} if self._takes_positions else {}
        ids = torch.tensor(tokens, device=self._model.device)[:, None]
        out = self._model(input_ids=ids, attention_mask=mask, past_key_values=self._cache, use_cache=True, **positions)
        self._cache, self._mask = out.past_key_values, mask
        return out.logits[:, -1]

    def keep(self, places: list[int]) -> None:
        """These rows stay, in this order; without the padding that none of them needs."""
        import torch

        if len(places) == len(self):
            return
        if not places:
            self._cache = self._mask = None
            return
        self._cache.batch_select_indices(torch.tensor(places, device=self._model.device))
        self._mask = self._mask[places]
        if unused := int(self._mask.any(0).int().argmax()):
            self._mask = self._mask[:, unused:]
            for layer in self._cache.layers:
                layer.keys, layer.values = layer.keys[..., unused:, :].contiguous(), layer.values[..., unused:, :].contiguous()


def takes_several(model) -> bool:
    """Whether rows of different length can be read together: where a layer keeps a state of all that it has read, padding would be in it."""
    config = model.config.get_text_config(decoder=True)
    kinds = getattr(config, "layer_types", None)
    return set(kinds or _OF_ATTENTION) <= _OF_ATTENTION and not hasattr(config, "num_kv_shared_layers")


def keeps_what_it_read(model) -> bool:
    """Whether it takes what it has read before in the form that nearly all models do."""
    return "past_key_values" in forward_parameters(model)


def forward_parameters(model):
    return signature(model.forward).parameters


def _new_cache(model, several: bool):
    from transformers import DynamicCache

    # Without a configuration, layers that see the last tokens alone keep all of them: rows can be padded, and the mask says what is seen.
    return DynamicCache() if several else DynamicCache(config=model.config)


def _padded(tensor, length: int, dimension: int):
    """With zeros before it, up to a length."""
    import torch

    missing = length - tensor.shape[dimension]
    if missing == 0:
        return tensor
    shape = list(tensor.shape)
    shape[dimension] = missing
    return torch.cat([tensor.new_zeros(shape), tensor], dim=dimension)
