"""Tiny models with random weights, of every architecture in the table of docs/models.md."""

from dataclasses import dataclass, field
from pathlib import Path

# What every configuration is given, as far as it knows the name: two layers, four experts.
SMALL = dict(
    vocab_size=512, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16, max_position_embeddings=512,
    bos_token_id=None, eos_token_id=2, pad_token_id=0,
    num_experts=4, num_local_experts=4, n_routed_experts=4, moe_num_experts=4, num_experts_per_tok=2, moe_k=2, moe_intermediate_size=32, shared_expert_intermediate_size=32, n_shared_experts=1,
    first_k_dense_replace=1, n_group=1, topk_group=1, q_lora_rank=16, kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=8, v_head_dim=16,
)  # fmt: skip
UNKNOWN = object()  # Of a size that the configuration refuses to be given.
# Of models with other names for the same.
GPT2 = dict(n_embd=64, n_layer=2, n_head=4, n_positions=512, n_inner=128)
MAMBA = dict(state_size=8, conv_kernel=4, expand=2, time_step_rank=4)
MLA = dict(head_dim=8, num_key_value_heads=4)
LINEAR = dict(layer_types=["linear_attention", "full_attention"], linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=8, linear_value_head_dim=8)
MROPE = dict(rope_type="default", rope_theta=10000.0, mrope_section=[2, 3, 3])
VISION = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)


@dataclass(frozen=True)
class Architecture:
    """`sizes`: what differs from SMALL. Of a model for text and images they are those of its part for text; `vision` are those of the other."""

    model_type: str
    sizes: dict = field(default_factory=dict)
    vision: dict | None = None
    whole: dict = field(default_factory=dict)


ARCHITECTURES = [
    *map(Architecture, "apertus arcee cohere cohere2 ernie4_5 exaone4 gemma gemma2 glm glm4 granite helium llama mistral ministral nemotron olmo olmo2 olmo3 persimmon phi phi3 qwen2 qwen3 seed_oss smollm3 stablelm starcoder2".split()),
    Architecture("gemma3_text", dict(layer_types=["sliding_attention", "full_attention"], sliding_window=32)),
    *map(Architecture, "biogpt bitnet diffllama doge hunyuan_v1_dense hyperclovax internlm3 jais2 ministral3 nanochat vaultgemma xglm".split()),
    *(Architecture(name, dict(bos_token_id=UNKNOWN)) for name in ("cwm", "modernbert-decoder")),
    *(Architecture(name, MLA) for name in ("minicpm3", "youtu")),
    Architecture("gemma4_text", dict(layer_types=["sliding_attention", "full_attention"], sliding_window=32, vocab_size_per_layer_input=512, hidden_size_per_layer_input=8, num_global_key_value_heads=2, global_head_dim=16)),
    Architecture("gpt2", GPT2),
    Architecture("gpt_bigcode", GPT2),
    Architecture("gptj", {**GPT2, "rotary_dim": 16}),
    Architecture("gpt_neo", dict(num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]], window_size=32)),
    Architecture("gpt_neox", dict(num_key_value_heads=4)),
    Architecture("opt", dict(ffn_dim=128, word_embed_proj_dim=64)),
    Architecture("bloom", dict(n_layer=2, n_head=4)),
    Architecture("mpt", dict(d_model=64, n_heads=4, n_layers=2, max_seq_len=512)),
    Architecture("falcon", dict(new_decoder_architecture=True, num_kv_heads=2, head_dim=UNKNOWN)),
    Architecture("codegen", {**GPT2, "rotary_dim": 16}),
    Architecture("mamba", MAMBA),
    Architecture("mamba2", {**MAMBA, "num_heads": 8, "head_dim": 16, "n_groups": 2}),
    Architecture("falcon_mamba"),
    Architecture("recurrent_gemma", dict(block_types=["recurrent", "attention"], lru_width=64, attention_window_size=32)),
    Architecture("zamba2", dict(layers_block_type=["mamba", "hybrid"], layer_types=["mamba", "hybrid"], mamba_ngroups=1, n_mamba_heads=8, mamba_d_state=8, num_mem_blocks=1)),
    Architecture("olmo_hybrid"),
    Architecture("qwen3_5_text", LINEAR),
    Architecture("falcon_h1", dict(mamba_d_ssm=64, mamba_n_heads=4, mamba_d_head=16, mamba_d_state=8, mamba_n_groups=1)),
    Architecture("bamba", dict(mamba_n_heads=8, mamba_d_head=16, mamba_d_state=8, attn_layer_indices=[1])),
    Architecture("jamba", dict(attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2, expert_layer_offset=1, mamba_d_state=8, use_mamba_kernels=False)),
    Architecture("lfm2", dict(layer_types=["conv", "full_attention"])),
    Architecture("nemotron_h", dict(layers_block_type=["mamba", "attention"], mamba_num_heads=4, mamba_head_dim=16, ssm_state_size=8, n_groups=1)),
    Architecture("qwen3_next", LINEAR),
    *map(Architecture, "mixtral qwen2_moe qwen3_moe olmoe glm4_moe dots1 gpt_oss granitemoe phimoe ernie4_5_moe minimax hunyuan_v1_moe flex_olmo".split()),
    *map(Architecture, "afmoe cohere2_moe exaone_moe granitemoeshared jetmoe laguna llama4_text mimo_v2_flash minimax_m2 solar_open".split()),
    Architecture("lfm2_moe", dict(layer_types=["conv", "full_attention"], num_dense_layers=1)),
    Architecture("qwen3_5_moe_text", LINEAR),
    *(Architecture(name, MLA) for name in ("deepseek_v2", "deepseek_v3", "deepseek_v32", "glm4_moe_lite", "longcat_flash")),
    Architecture("granitemoehybrid", dict(layer_types=["mamba", "attention"], mamba_n_heads=8, mamba_d_head=16, mamba_d_state=8, shared_intermediate_size=64)),
    Architecture("gemma3", dict(layer_types=["sliding_attention", "full_attention"], sliding_window=32), VISION, dict(mm_tokens_per_image=4)),
    Architecture("gemma4", dict(layer_types=["sliding_attention", "full_attention"], sliding_window=32, vocab_size_per_layer_input=512, hidden_size_per_layer_input=8, num_global_key_value_heads=2, global_head_dim=16), VISION),
    Architecture("mistral3", {}, VISION),
    Architecture("qwen2_vl", dict(rope_parameters=MROPE), dict(depth=1, embed_dim=32, hidden_size=64, num_heads=2)),
    Architecture("qwen2_5_vl", dict(rope_parameters=MROPE), dict(depth=1, hidden_size=32, intermediate_size=64, num_heads=2, out_hidden_size=64, fullatt_block_indexes=[0])),
    Architecture("qwen3_vl", {}, dict(depth=1, hidden_size=32, intermediate_size=64, num_heads=2, out_hidden_size=64, deepstack_visual_indexes=[0])),
    Architecture("qwen3_5", LINEAR, dict(depth=1, hidden_size=32, intermediate_size=64, num_heads=2, out_hidden_size=64, deepstack_visual_indexes=[])),
    Architecture("qwen3_vl_moe", {}, dict(depth=1, hidden_size=32, intermediate_size=64, num_heads=2, out_hidden_size=64, deepstack_visual_indexes=[0])),
    Architecture("qwen3_5_moe", LINEAR, dict(depth=1, hidden_size=32, intermediate_size=64, num_heads=2, out_hidden_size=64, deepstack_visual_indexes=[])),
    Architecture("glm4v", dict(rope_parameters=MROPE), dict(depth=1, hidden_size=32, intermediate_size=64, num_heads=2, out_hidden_size=64, image_size=28, patch_size=14)),
    Architecture("internvl", {}, {**VISION, "image_size": [28, 28], "patch_size": [14, 14]}),
    Architecture("lfm2_vl", dict(layer_types=["conv", "full_attention"]), {name: size for name, size in VISION.items() if name != "image_size"}),
    Architecture("kimi_k25", MLA, VISION),
    *(Architecture(name, {}, VISION) for name in ("llava", "llava_next", "llava_onevision", "aya_vision", "idefics3", "smolvlm")),
    Architecture("llama4", dict(intermediate_size_mlp=128, interleave_moe_layer_step=1), {**VISION, "vision_output_dim": 32, "projector_input_dim": 32, "projector_output_dim": 32}),
]  # fmt: skip


def knows(config, name: str) -> bool:
    try:
        return hasattr(config, name)
    except Exception:  # noqa: BLE001: Gemma 4 refuses to be asked for what differs by layer.
        return True


def config_of(architecture: Architecture):
    from transformers import AutoConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    def sizes(default) -> dict:
        known = {name: value for name, value in SMALL.items() if knows(default, name)}
        return {name: value for name, value in (known | architecture.sizes).items() if value is not UNKNOWN}

    if architecture.vision is None:
        return AutoConfig.for_model(architecture.model_type, **sizes(CONFIG_MAPPING[architecture.model_type]()))
    parts = CONFIG_MAPPING[architecture.model_type].sub_configs
    default = CONFIG_MAPPING[architecture.model_type]()
    kinds = {name: type(getattr(default, name, None) or parts[name]()) for name in ("text_config", "vision_config")}
    text, vision = kinds["text_config"](**sizes(kinds["text_config"]())), kinds["vision_config"](**architecture.vision)
    return AutoConfig.for_model(architecture.model_type, text_config=text.to_dict(), vision_config=vision.to_dict(), **architecture.whole)


def named(name: str) -> Architecture:
    return next(each for each in ARCHITECTURES if each.model_type == name)


def built(architecture: Architecture):
    """The model in bf16, as most are published."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    torch.manual_seed(0)
    kind = AutoModelForCausalLM if architecture.vision is None else AutoModelForImageTextToText
    return kind.from_config(config_of(architecture), dtype=torch.bfloat16)


def make(architecture: Architecture, target: Path) -> None:
    """Writes the model, with the tokenizer that all share."""
    from ..base_models.published_form import as_published
    from ..install_model import tiny_tokenizer

    built(architecture).save_pretrained(target)
    tiny_tokenizer().save_pretrained(target)
    if architecture.vision is not None:
        (target / "preprocessor_config.json").write_text('{"do_resize": true, "size": {"height": 28, "width": 28}}')
    as_published(target)
