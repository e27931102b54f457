"""Answers a question from chunks of a bundle with a model that writes text, and says on which of them the answer rests.

Needs torch and transformers alone; a copy of this file lies in each bundle.
"""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from pathlib import Path

if __package__:
    from .evidence import Surprises, grounded, sentence_ends
    from .prompts import NOT_THERE, examples_in, prompt_of, said_by_user
else:  # In a bundle.
    from evidence import Surprises, grounded, sentence_ends
    from prompts import NOT_THERE, examples_in, prompt_of, said_by_user

# For models without a chat template, which go on with the next question when they have answered.
_NAMES = {"user": "Question", "assistant": "Answer"}
_NEXT = f"\n\n{_NAMES['user']}:"
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


class NobodyWaits(Exception):
    """Whoever asked has left: the answer ends where it is."""


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
        is_waited_for: Callable[[], bool] = lambda: True,
    ) -> Answer:
        """Answers from chunks, each with its `text`, number (`chunk`) and `cosine`, best first: as many as the model reads at once.

        Chunks that are not as close as `least_cosine` hold no answer. `on_text` hears what is said as it is said; only the end
        shows whether, and how far, it rests on anything. Raises ValueError where the model has no room for a single chunk, and NobodyWaits
        at the next token once it is not waited for.
        """
        return self.ask_all([(question, found)], least_cosine, max_new_tokens, on_text, is_waited_for)[0]

    def ask_all(
        self,
        asked: list[tuple[str, list[dict]]],
        least_cosine: float | None = None,
        max_new_tokens: int = 256,
        on_text: Callable[[str], None] | None = None,
        is_waited_for: Callable[[], bool] = lambda: True,
    ) -> list[Answer]:
        """The same for several questions at once; `on_text` is for one alone."""
        near = [[chunk for chunk in found if least_cosine is None or chunk["cosine"] >= least_cosine] for _, found in asked]
        shown = [(question, self._as_many_as_fit(question, chunks, max_new_tokens)) for (question, _), chunks in zip(asked, near) if chunks]
        prompts = [prompt_of(question, chunks, examples_in(chunks)) for question, chunks in shown]
        written = self._write(prompts, max_new_tokens, on_text, is_waited_for)
        answers = iter([self._grounded(*each, *said, is_waited_for) for each, said in zip(shown, written)])
        return [next(answers) if chunks else MISSING for chunks in near]

    def ask_alone(self, questions: list[str], max_new_tokens: int = 256) -> list[str]:
        """What the model says to questions without any document."""
        return [text for text, _ in self._write([[said_by_user(question)] for question in questions], max_new_tokens)]

    def _grounded(self, question: str, shown: list[dict], text: str, is_cut_off: bool, is_waited_for: Callable[[], bool] = lambda: True) -> Answer:
        """As much of what was written as rests on chunks, with those."""
        if not text or text.rstrip(".").lower().startswith(NOT_THERE.rstrip(".").lower()):
            return MISSING
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids, spans = encoded["input_ids"], encoded["offset_mapping"]

        examples = examples_in(shown)

        def surprises(chunks: list[dict]) -> list[float]:
            if not is_waited_for():
                raise NobodyWaits()
            # Each as it was shown.
            return self._surprises(prompt_of(question, chunks, examples), ids)

        of = Surprises(surprises([]), [surprises([chunk]) for chunk in shown])
        tokens, places = grounded(of, [sum(start < end for start, _ in spans) for end in sentence_ends(text)])
        if not places:
            return MISSING
        return Answer(text[: spans[tokens - 1][1]].rstrip(), True, [shown[place]["chunk"] for place in places], is_cut_off and tokens == len(ids))

    def has_room(self, question: str, chunks: list[dict], max_new_tokens: int) -> bool:
        """Whether it reads the question behind these chunks, and may then say so much."""
        return len(self._ids(prompt_of(question, chunks, examples_in(chunks)))) <= self.most_tokens - max_new_tokens

    def _as_many_as_fit(self, question: str, chunks: list[dict], max_new_tokens: int) -> list[dict]:
        for count in range(len(chunks), 0, -1):
            if self.has_room(question, chunks[:count], max_new_tokens):
                return chunks[:count]
        raise ValueError(
            f"The model reads at most {self.most_tokens} tokens at once, which is too few for this question, one chunk and an answer of up to {max_new_tokens} tokens. "
            "Ask for fewer tokens, or ask a shorter question."
        )

    def _text(self, messages: list[dict]) -> str:
        """What the model sees of a chat when it is asked to go on."""
        if self.tokenizer.chat_template is None:
            return "\n\n".join([f"{_NAMES[message['role']]}: {message['content']}" for message in messages] + ["Answer:"])
        from jinja2 import TemplateError

        try:
            # Templates that know the word leave thoughts out; others ignore it.
            return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, enable_thinking=False)
        except TemplateError as error:
            raise ValueError(f"The chat template of the model that answers refuses a question: {error}. Take another model.") from error

    def _ids(self, messages: list[dict]) -> list[int]:
        # A template writes the tokens that begin a text itself.
        return self.tokenizer(self._text(messages), add_special_tokens=self.tokenizer.chat_template is None)["input_ids"]

    def _write(
        self, prompts: list[list[dict]], max_new_tokens: int, on_text: Callable[[str], None] | None = None, is_waited_for: Callable[[], bool] = lambda: True
    ) -> list[tuple[str, bool]]:
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
        next_question = [_NEXT] if self.tokenizer.chat_template is None else None
        settings = GenerationConfig(do_sample=False, max_new_tokens=new, eos_token_id=self._ends or None, pad_token_id=self._pad, stop_strings=next_question)
        left = [lambda ids, _: torch.full((len(ids),), not is_waited_for(), device=ids.device)]
        thinks = [self._text(prompt).rstrip().endswith(_THOUGHT) for prompt in prompts]
        streamer = _streamer(self.tokenizer, on_text, thinks[0]) if on_text else None
        with torch.inference_mode():
            output = self.model.generate(ids, attention_mask=mask, generation_config=settings, streamer=streamer, stopping_criteria=left, tokenizer=self.tokenizer)[:, longest:]
        if not is_waited_for():
            raise NobodyWaits()
        texts = self.tokenizer.batch_decode(output, skip_special_tokens=True)
        is_cut_off = [len(row) == new and not set(row.tolist()) & {*self._ends} and not (next_question and _NEXT in text) for row, text in zip(output, texts)]
        return [(spoken(text.split(_NEXT)[0] if next_question else text, thought).strip(), cut) for text, thought, cut in zip(texts, thinks, is_cut_off)]

    def _surprises(self, prompt: list[dict], answer: list[int]) -> list[float]:
        """Of each token of the answer to it: its negative log-probability."""
        import torch

        asked = self._ids(prompt)
        ids = torch.tensor([asked + answer], device=self.model.device)
        with torch.inference_mode():
            # The logits of the answer alone, where the model can leave out others: of a whole prompt they may take more memory than the model.
            fewer = {"logits_to_keep": len(answer) + 1} if "logits_to_keep" in signature(self.model.forward).parameters else {}
            logits = self.model(input_ids=ids, **fewer).logits[0, -len(answer) - 1 : -1]
            chosen = logits.float().log_softmax(-1).gather(1, ids[0, len(asked) :, None])
        return (-chosen[:, 0]).tolist()


def _computes_in_bf16() -> bool:
    """Of the CPU. Others write it out, and are many times slower than in 32 bits."""
    import torch

    is_supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return bool(is_supported and is_supported())


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
