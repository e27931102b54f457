"""What is asked of a model, and an answer to it while it grows."""

from dataclasses import dataclass, field

from .asked import Asked
from .calls import CallMarks
from .form import Form
from .held_calls import HeldCalls
from .sampling import Sampler, Sampling
from .told_text import ToldText

# A text that is continued is decoded behind the end of what is there: where it needs a blank, tokenizers know.
_TOKENS_BEFORE = 8


@dataclass(kw_only=True)
class Request:
    id: str
    adapter: str | None
    asked: Asked
    copies: int
    most_tokens: int
    sampling: Sampling
    stops: list[str]
    is_continued: bool
    marks: CallMarks | None
    tools: list[dict]
    form: Form | None = None
    held: HeldCalls | None = None
    # The answer begins with the prompt.
    echoes: bool = False
    # Of its answers that have ended: how many tokens.
    ended: list[int] = field(default_factory=list)
    is_left: bool = False

    @property
    def scores_prompt(self) -> bool:
        """Whether each token of the prompt is shown with its probability."""
        return self.echoes and self.sampling.top_logprobs is not None


class Answer:
    """One of the answers to a request, while it grows."""

    def __init__(self, request: Request, index: int, tokenizer):
        self.request, self.index = request, index
        self._must_call = request.held is not None and request.held.must
        form = request.held.form if self._must_call else request.form
        self.sampler = Sampler(request.sampling, index, form.copy() if form else None)
        before = request.asked.tokens[-_TOKENS_BEFORE:] if request.is_continued else []
        opening = request.marks.opening if request.marks else None
        stops = [*request.stops, *([opening] if opening else [])]
        self.text = ToldText(tokenizer, stops, before, with_specials=request.marks is not None)
        # All of it, to find calls of tools in. Told is what is before them.
        self._whole = ToldText(tokenizer, request.stops, before, with_specials=True) if request.marks else None
        self._said = self._told = ""
        # Up to where calls have been looked for.
        self._looked = 0
        self.last = 0
        self.count = 0

    @property
    def is_stopped(self) -> bool:
        return self._must_call and self.sampler.form is None or (self._whole or self.text).is_stopped

    def add(self, token: int) -> str:
        self.last = token
        self.count += 1
        told = self.text.add(token)
        if self._whole is None:
            return told
        self._said += self._whole.add(token)
        if self.request.held:
            self._hold()
        return self._may_be_told(told)

    def _hold(self) -> None:
        """Holds the answer to a call that has begun in it, and lets go of it where the call ends."""
        if self.sampler.form is None:
            begun = self.request.marks.begins_at(self._said, self._looked)
            if begun >= 0:
                self._looked = begun
                form = self.request.held.form.copy()
                self.sampler.form = form if form.take_text(self._said[begun:]) else None
        elif self.sampler.form.is_over:
            self.sampler.form, self._looked = None, len(self._said)

    def _may_be_told(self, told: str) -> str:
        if self._must_call:
            return ""
        if not self.request.marks.opening and self._said.lstrip()[:1] in ("", "{", "["):
            return ""  # A call without a mark: all of it, or nothing.
        told = told if self.request.marks.opening else self._said[len(self._told) :]
        self._told += told
        return told

    def rest(self) -> tuple[str, list[dict]]:
        """What is left to be told at the end, and the calls of tools in it."""
        if self._whole is None:
            return self.text.rest(), []
        self._said += self._whole.rest()
        before, calls = self.request.marks.read(self._said, self.request.tools)
        if self._must_call:
            return "", calls  # Half a call is no text.
        return before[len(self._told) :].rstrip() if calls else before[len(self._told) :], calls
