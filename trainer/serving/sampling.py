"""Which token comes next, by what was asked for."""

from dataclasses import dataclass, field

from .form import Form


@dataclass(frozen=True)
class Sampling:
    """As OpenAI's API names them: temperature from 0 (the likeliest token) to 2, `top_p` in (0, 1], penalties from -2 to 2, `logit_bias` by token."""

    temperature: float = 1.0
    top_p: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    logit_bias: dict[int, float] = field(default_factory=dict)
    seed: int | None = None
    # How many of the likeliest tokens are told beside each; None: no probabilities are told.
    top_logprobs: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it takes the likeliest token as the model gives it, and tells no more of it."""
        return self.temperature == 0 and self.top_logprobs is None and not (self.frequency_penalty or self.presence_penalty or self.logit_bias)


@dataclass(frozen=True)
class Choice:
    """A token; with its logarithmic probability, and those of the likeliest, where they were asked for."""

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


def with_logprobs(token: int, logits, count: int) -> Choice:
    """A token beside the likeliest ones, so many of them."""
    logprobs = logits.log_softmax(-1)
    top = logprobs.topk(count) if count else None
    return Choice(token, logprobs[token].item(), tuple(zip(top.indices.tolist(), top.values.tolist())) if top else ())


class Sampler:
    """Chooses the tokens of one sequence, with random numbers of its own: the same seed gives the same tokens, whoever asks beside it.

    (As far as the model computes the same: sums of several rows may be added in another order than those of one.)
    """

    def __init__(self, sampling: Sampling, offset: int = 0, form: Form | None = None):
        import torch

        self.sampling = sampling
        # What the tokens are held to from now on.
        self.form = form
        self._random = torch.Generator()
        if sampling.seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(sampling.seed + offset)
        self._counts: dict[int, int] = {}

    def choose(self, logits) -> Choice:
        """Of a row of logits, in whatever type and wherever they lie."""
        asked = self.sampling
        logits = logits.float().cpu()
        changed = self._changed(logits)
        token = self._token(self.form.held(changed) if self.form else changed)
        if self.form:
            self.form.take(token)
        self._counts[token] = self._counts.get(token, 0) + 1
        if asked.top_logprobs is None:
            return Choice(token)
        # As the model gives them, whatever the temperature: so does OpenAI.
        return with_logprobs(token, logits, asked.top_logprobs)

    def _changed(self, logits):
        """With penalties for what was said, and what is asked for more or less often."""
        asked = self.sampling
        changes = dict(asked.logit_bias)
        if asked.frequency_penalty or asked.presence_penalty:
            for token, count in self._counts.items():
                changes[token] = changes.get(token, 0.0) - asked.frequency_penalty * count - asked.presence_penalty
        if not changes:
            return logits
        import torch

        changed = logits.clone()
        changed[list(changes)] += torch.tensor(list(changes.values()))
        return changed

    def _token(self, logits) -> int:
        asked = self.sampling
        if asked.temperature == 0:
            return int(logits.argmax())
        probabilities = (logits / asked.temperature).softmax(-1)
        if asked.top_p < 1:
            sorted_, places = probabilities.sort(descending=True)
            # The token that passes the bound still counts: there is always one.
            beyond = sorted_.cumsum(-1) - sorted_ >= asked.top_p
            sorted_[beyond] = 0
            return int(places[sorted_.multinomial(1, generator=self._random)])
        return int(probabilities.multinomial(1, generator=self._random))
