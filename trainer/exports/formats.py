"""What an export may be: one table."""

from dataclasses import dataclass

# Of each format (src/models/exports/export.ts has what each may be asked for with) the module here whose `make` makes it.
FORMATS = {"gguf": "gguf_file", "gguf_adapter": "gguf_adapter", "merged_4bit": "four_bit_model", "hub": "hub"}


@dataclass(frozen=True)
class Bounds:
    """How far an export may be from its model: `most_loss` is of the mean held-out loss, in nats a token."""

    most_loss: float
    # Whether it keeps 16 bits: answers must be equal then.
    keeps_answers: bool = False


@dataclass(frozen=True)
class Quantization:
    """`most_loss`: as of Bounds."""

    # The number that general.file_type of a GGUF has for it (llama.cpp's enum llama_ftype).
    file_type: int
    # What most matrices are stored in, and those that suffer most from fewer bits; as names of GGML's types.
    most: str
    more: str
    most_loss: float

    @property
    def is_whole(self) -> bool:
        return self.most == "F16"

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.most_loss, self.is_whole)


# The bounds are wide beside what is measured (docs/exports.md has figures): they find files that are wrong, not files that are coarse.
GGUF = {
    "f16": Quantization(1, "F16", "F16", 0.01),
    "q8_0": Quantization(7, "Q8_0", "Q8_0", 0.1),
    "q6_k": Quantization(18, "Q6_K", "Q6_K", 0.15),
    "q5_k_m": Quantization(17, "Q5_K", "Q6_K", 0.25),
    "q4_k_m": Quantization(15, "Q4_K", "Q6_K", 0.5),
}

# bitsandbytes' nf4: 4 bits and a scale for each 64 weights.
NF4 = Bounds(0.5)
