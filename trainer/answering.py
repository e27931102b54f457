"""Answers a question from chunks of a bundle with a model that writes text, and says on which of them the answer rests.

Needs torch and transformers alone; a copy of this file lies in each bundle.
"""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from pathlib import Path

NOT_THERE = "Not in the documents."
INSTRUCTION = f"Use only these documents to answer, in their words. If they do not hold the answer, say: {NOT_THERE}"
# An answer rests on a chunk that explains so much of it: of the surprise (negative log-probability) that it is without any document,
# the share that is gone with the chunk. What repeats the question is no surprise, and counts for nothing.
# SmolLM2-135M: 0.73 to 0.80 of answers that are to the letter those of the chunk, 0.39 of the same answer and a chunk on another town.
LEAST_EXPLAINED = 0.5
_NOTHING = "(none)"
_THOUGHT, _THOUGHT_END = "<think>", "</think>"


@dataclass(frozen=True)
class Answer:
    """`text` is None, and `chunks` empty, where the documents do not hold the answer."""

    text: str | None
    in_documents: bool
    # The numbers of the chunks that it rests on, in the order in which they were found.
    chunks: list[int]
    # Whether it had more tokens than it was to have.
    is_cut_off: bool


MISSING = Answer(None, False, [], False)


class Answerer:
    """A model that writes text, with its tokenizer. Always takes the likeliest token.

    Raises OSError, ValueError or KeyError where it does not load.
    """

    def __init__(self, path: Path, device: str | None = None):
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

        require_text_model(AutoConfig.from_pretrained(path, trust_remote_code=False), path)
        self.tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
        on_gpu = torch.cuda.is_available() and device != "cpu"
        dtype = "auto" if on_gpu or _computes_in_bf16() else torch.float32
        self.model = AutoModelForCausalLM.from_pretrained(path, trust_remote_code=False, use_safetensors=True, dtype=dtype).to("cuda" if on_gpu else "cpu").eval()
        known = self.model.generation_config.eos_token_id
        ends = [*(known if isinstance(known, list) else [known]), self.tokenizer.eos_token_id]
        self._ends = sorted({end for end in ends if end is not None})
        self._pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else (self._ends or [0])[0]
        # What is not set in a call is taken from here, and the model's own has penalties and temperatures.
        self.model.generation_config = GenerationConfig()
        self.most_tokens = getattr(self.model.config.get_text_config(), "max_position_embeddings", None) or 1 << 30

    def ask(
        self,
        question: str,
        found: list[dict],
        least_cosine: float | None = None,
        max_new_tokens: int = 256,
        on_text: Callable[[str], None] | None = None,
    ) -> Answer:
        """Answers from chunks, each with its `text`, number (`chunk`) and `cosine`, best first: as many as the model reads at once.

        Chunks that are not as close as `least_cosine` hold no answer. `on_text` hears what is said as it is said; only the end
        shows whether it rests on anything. Raises ValueError where the model has no room for a single chunk.
        """
        return self.ask_all([(question, found)], least_cosine, max_new_tokens, on_text)[0]

    def ask_all(
        self,
        asked: list[tuple[str, list[dict]]],
        least_cosine: float | None = None,
        max_new_tokens: int = 256,
        on_text: Callable[[str], None] | None = None,
    ) -> list[Answer]:
        """The same for several questions at once; `on_text` is for one alone."""
        near = [[chunk for chunk in found if least_cosine is None or chunk["cosine"] >= least_cosine] for _, found in asked]
        shown = [(question, self._as_many_as_fit(question, chunks, max_new_tokens)) for (question, _), chunks in zip(asked, near) if chunks]
        prompts = [prompt_of(question, [chunk["text"] for chunk in chunks]) for question, chunks in shown]
        written = self._write(prompts, max_new_tokens, on_text)
        answers = iter([self._grounded(*each, *said) for each, said in zip(shown, written)])
        return [next(answers) if chunks else MISSING for chunks in near]

    def ask_alone(self, questions: list[str], max_new_tokens: int = 256) -> list[str]:
        """What the model says to questions without any document."""
        return [text for text, _ in self._write(questions, max_new_tokens)]

    def _grounded(self, question: str, shown: list[dict], text: str, is_cut_off: bool) -> Answer:
        """What was written, with the chunks that it rests on."""
        if not text or text.rstrip(".").lower().startswith(NOT_THERE.rstrip(".").lower()):
            return MISSING
        surprise = self._surprise(prompt_of(question, [_NOTHING]), text)
        rests_on = [chunk["chunk"] for chunk in shown if explains(self._surprise(prompt_of(question, [chunk["text"]]), text), surprise)]
        return Answer(text, True, rests_on, is_cut_off) if rests_on else MISSING

    def _as_many_as_fit(self, question: str, chunks: list[dict], max_new_tokens: int) -> list[dict]:
        room = self.most_tokens - max_new_tokens
        for count in range(len(chunks), 0, -1):
            if len(self._ids(prompt_of(question, [chunk["text"] for chunk in chunks[:count]]))) <= room:
                return chunks[:count]
        raise ValueError(
            f"The model reads at most {self.most_tokens} tokens at once, which is too few for this question, one chunk and an answer of up to {max_new_tokens} tokens. "
            "Ask for fewer tokens, or ask a shorter question."
        )

    def _text(self, said: str) -> str | None:
        """What the model sees of a message when it is asked to answer it. None: it has no chat template."""
        if self.tokenizer.chat_template is None:
            return None
        from jinja2 import TemplateError

        try:
            # Templates that can be told not to ask for thoughts are; others do not know the word.
            return self.tokenizer.apply_chat_template([{"role": "user", "content": said}], tokenize=False, add_generation_prompt=True, enable_thinking=False)
        except TemplateError as error:
            raise ValueError(f"The chat template of the model that answers refuses a question: {error}. Take another model.") from error

    def _ids(self, said: str) -> list[int]:
        text = self._text(said)
        if text is None:
            return self.tokenizer(f"{said}\n\nAnswer:")["input_ids"]
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _write(self, prompts: list[str], max_new_tokens: int, on_text: Callable[[str], None] | None = None) -> list[tuple[str, bool]]:
        """What the model answers to each, without what it thought; and whether it was cut off."""
        import torch
        from transformers import GenerationConfig

        if not prompts:
            return []
        rows = [self._ids(prompt) for prompt in prompts]
        longest = max(map(len, rows))
        # Padding comes first, so that all go on at the same place.
        ids = torch.tensor([[self._pad] * (longest - len(row)) + row for row in rows], device=self.model.device)
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=self.model.device)
        new = max(1, min(max_new_tokens, self.most_tokens - longest))
        settings = GenerationConfig(do_sample=False, max_new_tokens=new, eos_token_id=self._ends or None, pad_token_id=self._pad)
        thinks = [(self._text(prompt) or "").rstrip().endswith(_THOUGHT) for prompt in prompts]
        streamer = _streamer(self.tokenizer, on_text, thinks[0]) if on_text else None
        with torch.inference_mode():
            output = self.model.generate(ids, attention_mask=mask, generation_config=settings, streamer=streamer)[:, longest:]
        texts = self.tokenizer.batch_decode(output, skip_special_tokens=True)
        is_cut_off = [len(row) == new and not set(row.tolist()) & {*self._ends} for row in output]
        return [(spoken(text, thought).strip(), cut) for text, thought, cut in zip(texts, thinks, is_cut_off)]

    def _surprise(self, said: str, answer: str) -> float:
        """Of the answer to what was said: the negative log-probability of its tokens."""
        import torch

        asked, answered = self._ids(said), self.tokenizer(answer, add_special_tokens=False)["input_ids"]
        ids = torch.tensor([asked + answered], device=self.model.device)
        with torch.inference_mode():
            # The logits of the answer alone, where the model can leave out others: of a whole prompt they may take more memory than the model.
            fewer = {"logits_to_keep": len(answered) + 1} if "logits_to_keep" in signature(self.model.forward).parameters else {}
            logits = self.model(input_ids=ids, **fewer).logits[0, -len(answered) - 1 : -1]
            chosen = logits.float().log_softmax(-1).gather(1, ids[0, len(asked) :, None])
        return -chosen.sum().item()


def _computes_in_bf16() -> bool:
    """Of the CPU. Others write it out, and are many times slower than in 32 bits."""
    import torch

    is_supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return bool(is_supported and is_supported())


def explains(with_chunk: float, without: float) -> bool:
    """Whether an answer rests on a chunk: by its surprise with that and without any document, in nats."""
    return without - with_chunk >= LEAST_EXPLAINED * without > 0


def prompt_of(question: str, texts: list[str]) -> str:
    documents = "\n".join(f"- {text}" for text in texts)
    return f"{INSTRUCTION}\n\n{documents}\n\n{question}"


def spoken(text: str, thinks: bool = False) -> str:
    """Of what a model wrote, what stands behind its thoughts. `thinks`: it was asked with an open thought."""
    if _THOUGHT_END in text:
        return text.rpartition(_THOUGHT_END)[2].lstrip()
    return "" if thinks or text.lstrip().startswith(_THOUGHT) else text


def require_text_model(config, path: Path) -> None:
    """Raises ValueError for a model that does not write text."""
    from transformers import AutoModelForCausalLM

    if type(config) not in AutoModelForCausalLM._model_mapping:
        raise ValueError(f"The model in {str(path)!r} is of the type {config.model_type}, which writes no text that transformers' AutoModelForCausalLM reads. Name another model to answer.")


def _streamer(tokenizer, on_text: Callable[[str], None], thinks: bool):
    """Tells what is said as it is said, word by word, without thoughts."""
    from transformers import TextStreamer

    class Told(TextStreamer):
        written = told = ""

        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            self.written += text
            # It may be the beginning of a thought's tag.
            if not thinks and not stream_end and _THOUGHT.startswith(self.written.strip()):
                return
            said = spoken(self.written, thinks)
            if new := said[len(self.told) :]:
                self.told = said
                on_text(new)

    return Told(tokenizer, skip_prompt=True, skip_special_tokens=True)
