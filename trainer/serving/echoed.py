"""The tokens of a prompt with how probable each was, which evaluations by likelihood ask for."""

from .answer import Request
from .sampling import Choice, with_logprobs


class Echoed:
    """`choices`: the tokens of the prompt, once `look` got all logits; the first one follows nothing, and has no probability."""

    def __init__(self, request: Request):
        self._tokens, self._most = request.asked.tokens, request.sampling.top_logprobs
        self.choices = [Choice(self._tokens[0])]

    def look(self, logits) -> None:
        """Of what follows each of the next tokens."""
        for row in logits.float().cpu():
            if len(self.choices) < len(self._tokens):
                self.choices.append(with_logprobs(self._tokens[len(self.choices)], row, self._most))
