"""A GGUF that llama.cpp has loaded: how it splits texts, how it goes on, how likely it finds tokens."""

import json
import urllib.request
from pathlib import Path

from ..platform.failures import BadInput
from .proof import Said

# More than any difference of logits: the token that gets it is the one that is said.
_FOR_SURE = 1e6
_ANSWERS_WITHIN_S = 600


class LlamaCpp:
    """Raises BadInput where llama.cpp does not load the file. `context`: the most tokens at a time; `adapter`: a GGUF that lies upon it."""

    def __init__(self, path: Path, context: int, threads: int, adapter: Path | None = None):
        import xllamacpp as library

        choices = library.CommonParams()
        choices.model.path = str(path)
        choices.n_ctx = context
        if adapter:
            upon = library.CommonAdapterLoraInfo()
            upon.path, upon.scale = str(adapter), 1.0
            choices.lora_adapters = [upon]
        # Threads that look again and again whether others are done would take the time of trainings beside them.
        choices.cpuparams.poll = choices.cpuparams_batch.poll = 0
        choices.n_parallel, choices.cpuparams.n_threads = 1, threads
        # As exact as it can be, so that what differs is the file's: on the CPU, with keys and values in 32 bits, all of them kept.
        choices.n_gpu_layers = 0
        choices.cache_type_k = choices.cache_type_v = library.ggml_type.GGML_TYPE_F32
        choices.flash_attn_type = library.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        choices.swa_full, choices.ctx_shift, choices.fit_params, choices.warmup, choices.ui = True, False, False, False, False
        choices.hostnames, choices.port, choices.verbosity = ["127.0.0.1"], 0, 0
        try:
            self._server = library.Server(choices)
        except RuntimeError as error:
            raise BadInput(f"llama.cpp does not load the exported file ({error}). Its log is in that of the export.") from error

    def tokens_of(self, text: str) -> list[int]:
        return self._asked("/tokenize", content=text, add_special=False, parse_special=True)["tokens"]

    def goes_on(self, ids: list[int], most: int) -> Said:
        said = self._asked("/completion", prompt=ids, n_predict=most, temperature=0, samplers=["temperature"], return_tokens=True)
        return Said(said["tokens"], said["stop_type"] == "eos")

    def losses_of(self, ids: list[int], places: list[int]) -> dict[int, float]:
        losses = {place: self._loss_of(ids[:place], ids[place]) for place in places}
        return {place: loss for place, loss in losses.items() if loss is not None}

    def _loss_of(self, ids: list[int], token: int) -> float | None:
        """Minus the logarithm of how likely `token` is behind `ids`. llama.cpp's server gives that of the token it chooses: it is made to choose this one,
        which does not change the figure. None for a token that is only part of a character: the server gives none."""
        choices = {"n_predict": 1, "temperature": 0, "samplers": ["temperature"], "n_probs": 1, "logit_bias": [[token, _FOR_SURE]]}
        told = next(iter(self._asked("/completion", prompt=ids, **choices).get("completion_probabilities", [])), None)
        if told is None:
            return None
        if told["id"] != token:
            raise RuntimeError(f"llama.cpp answered for token {told['id']}, and was asked for {token}.")
        return -told["logprob"]

    def _asked(self, path: str, **body) -> dict:
        request = urllib.request.Request(self._server.listening_address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        # Of this process: no proxy stands between.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=_ANSWERS_WITHIN_S) as answer:
            return json.load(answer)
