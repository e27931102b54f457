import contextlib
import io
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from ..runs.checkpoints import sha256_of
from .support import model_path

# llama.cpp's names of what transformers calls otherwise.
LAYER = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}  # fmt: skip
WHOLE = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}


class Gguf(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = Path(directory.name)

    def write(self, architecture: str = "llama", split: str = "smollm", slowed_down=None) -> Path:
        """The tests' model as llama.cpp would write it, with its weights as they are."""
        from gguf import GGUFWriter
        from transformers import AutoModelForCausalLM, AutoTokenizer

        path = self.work / "model.gguf"
        model, tokenizer = AutoModelForCausalLM.from_pretrained(model_path()), AutoTokenizer.from_pretrained(model_path())
        config = model.config
        writer = GGUFWriter(path, architecture)
        writer.add_name("tiny")
        writer.add_context_length(config.max_position_embeddings)
        writer.add_embedding_length(config.hidden_size)
        writer.add_block_count(config.num_hidden_layers)
        writer.add_feed_forward_length(config.intermediate_size)
        writer.add_head_count(config.num_attention_heads)
        writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_rope_freq_base(10_000.0)
        writer.add_vocab_size(config.vocab_size)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(split)
        vocabulary = tokenizer.get_vocab()
        words = sorted(vocabulary, key=vocabulary.get)
        writer.add_token_list([*words, *(f"<unused {number}>" for number in range(len(words), config.vocab_size))])
        merges = tokenizer.backend_tokenizer.to_str()
        writer.add_token_merges([" ".join(pair) for pair in _merges(merges)])
        writer.add_eos_token_id(2)
        writer.add_pad_token_id(0)
        for name, weight in model.state_dict().items():
            if name != "lm_head.weight":  # It is that of the embedding.
                writer.add_tensor(_name_of(name), _as_llama_cpp(name, weight.float().numpy(), config))
        if slowed_down is not None:
            writer.add_tensor("rope_freqs.weight", slowed_down)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    def imported(self, gguf: Path) -> Path:
        from ..import_gguf import main

        given = ["import_gguf", str(gguf), "--cache", str(self.work / "cache"), "--name", "ollama/tiny", "--sha256", sha256_of(gguf)]
        with mock.patch("sys.argv", given), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            main()
        return self.work / "cache" / "models--ollama--tiny"

    def test_the_model_is_the_one_that_was_written(self):
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        # A random model knows no language.
        with mock.patch("trainer.base_models.gguf_model.MOST_LOSS", float("inf")):
            gguf = self.write()
            folder = self.imported(gguf)
        self.assertEqual((folder / "refs" / "main").read_text(), sha256_of(gguf))
        snapshot = folder / "snapshots" / sha256_of(gguf)
        before, after = (AutoModelForCausalLM.from_pretrained(path, dtype=torch.bfloat16) for path in (model_path(), snapshot))
        for name, weight in before.state_dict().items():
            self.assertTrue(torch.equal(weight, after.state_dict()[name]), name)
        for setting in ("rms_norm_eps", "max_position_embeddings", "eos_token_id", "model_type", "rope_parameters", "tie_word_embeddings"):
            self.assertEqual(getattr(after.config, setting), getattr(before.config, setting), setting)
        tokenizer = AutoTokenizer.from_pretrained(snapshot)
        # Leave the pre-tokenizer as it was read, and the digits of a number are one piece.
        pieces = [piece for piece, _ in tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str("in 2026")]
        self.assertEqual(pieces, ["in", "Ġ", "2", "0", "2", "6"])
        self.assertEqual(tokenizer.decode(tokenizer("the answer is yes")["input_ids"]), "the answer is yes")

    def test_positions_are_scaled_as_llama_3_does(self):
        # llama.cpp writes how much each frequency is slowed down, and transformers does not read it.
        import numpy
        from transformers import AutoConfig
        from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

        config = AutoConfig.from_pretrained(model_path())
        scaled = {"rope_type": "llama3", "rope_theta": 10_000.0, "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
        config.rope_parameters = scaled
        frequencies, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
        plain = 10_000.0 ** -(numpy.arange(0, 2 * len(frequencies), 2) / (2 * len(frequencies)))
        with mock.patch("trainer.base_models.gguf_model.MOST_LOSS", float("inf")):
            gguf = self.write(slowed_down=(plain / frequencies.numpy()).astype(numpy.float32))
            folder = self.imported(gguf)
        imported = AutoConfig.from_pretrained(folder / "snapshots" / sha256_of(gguf))
        self.assertEqual(imported.rope_parameters, scaled)

    def test_what_is_not_known_well_enough_is_refused_and_leaves_nothing(self):
        refused = {
            "a tokenizer that splits in an unknown way": (lambda: self.write(split="klingon"), "splits texts in the way 'klingon'"),
            "a family that transformers does not read": (lambda: self.write(architecture="klingon"), "klingon"),
            "a model that knows no language": (self.write, "English is as good as noise to it"),
            "a file that is no GGUF": (lambda: self.junk(), "is no GGUF file"),
        }
        for name, (write, why) in refused.items():
            with self.subTest(name):
                with self.assertRaisesRegex(SystemExit, f"{why}.*(hf download|Get it again)"):
                    self.imported(write())
                self.assertEqual(list((self.work / "cache").iterdir()), [])

    def junk(self) -> Path:
        path = self.work / "junk.gguf"
        path.write_bytes(b"no GGUF")
        return path


def _merges(tokenizer_json: str) -> list:
    import json

    return [pair if isinstance(pair, list) else pair.split(" ") for pair in json.loads(tokenizer_json)["model"]["merges"]]


def _name_of(name: str) -> str:
    if name in WHOLE:
        return WHOLE[name]
    _, _, block, rest = name.split(".", 3)
    return f"blk.{block}.{LAYER[rest.removesuffix('.weight')]}.weight"


def _as_llama_cpp(name: str, weight, config):
    """It rotates pairs of neighbours, where transformers rotates halves: queries and keys are in another order."""
    for part, heads in (("q_proj", config.num_attention_heads), ("k_proj", config.num_key_value_heads)):
        if part in name:
            return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)
    return weight
