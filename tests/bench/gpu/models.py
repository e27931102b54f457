"""Models of the shapes that people train, with random weights: what they take and how fast they are does not depend on what they learnt."""

import json
from pathlib import Path

SHAPES = {
    "Llama 3.1 8B": {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 128_256},
    "Llama 3.2 1B": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32, "vocab_size": 128_256, "tie_word_embeddings": True},
    "small": {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 16, "vocab_size": 4096},
}
_BYTES_PER_FILE = 2 << 30


def make(target: Path, shape: str) -> Path:
    """Written tensor by tensor, in bf16: an 8B model in some 2 GB of memory."""
    import torch
    from safetensors.torch import save_file
    from transformers import LlamaConfig, LlamaForCausalLM

    from trainer.install_model import tiny_tokenizer

    config = LlamaConfig(
        num_key_value_heads=8, max_position_embeddings=131_072, rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
        bos_token_id=None, eos_token_id=2, pad_token_id=0, dtype=torch.bfloat16, architectures=["LlamaForCausalLM"], **SHAPES[shape],
    )  # fmt: skip
    target.mkdir()
    config.save_pretrained(target)
    tiny_tokenizer().save_pretrained(target)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in LlamaForCausalLM(config).named_parameters()}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    numbers = torch.Generator(device).manual_seed(0)
    place_of, part, size, files = {}, {}, 0, 1
    for name, of in shapes.items():
        # As they begin in transformers: those of norms are 1.
        tensor = torch.ones(of) if len(of) == 1 else torch.empty(of, device=device).normal_(0, 0.02, generator=numbers)
        part[name], size = tensor.to("cpu", torch.bfloat16), size + 2 * tensor.numel()
        place_of[name] = f"model-{files:05}.safetensors"
        if size >= _BYTES_PER_FILE or len(place_of) == len(shapes):
            save_file(part, target / place_of[name], {"format": "pt"})
            part, size, files = {}, 0, files + 1
    (target / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": place_of}))
    return target
