"""What a sequence of tokens says, as far as it can be told already."""

from collections.abc import Sequence


class ToldText:
    """Gives the text of tokens piece by piece: no half characters, and nothing of a text that may stop it.

    `before`: tokens that the first one goes on from, for a text that continues another one. `with_specials`: special tokens are written out.
    """

    def __init__(self, tokenizer, stops: Sequence[str] = (), before: Sequence[int] = (), with_specials: bool = False):
        from tokenizers.decoders import DecodeStream

        self._backend = tokenizer.backend_tokenizer
        self._stream = DecodeStream(ids=list(before), skip_special_tokens=not with_specials)
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.is_stopped = False

    def add(self, token: int) -> str:
        """What can be told now, once the token is there as well. A text that stops it is not told, nor what is behind it."""
        self._held += self._stream.step(self._backend, token) or ""
        found = min(((self._held.find(stop), stop) for stop in self._stops if stop in self._held), default=None)
        if found is not None:
            self.is_stopped = True
            return self._told(found[0])
        return self._told(len(self._held) - max((_begun(self._held, stop) for stop in self._stops), default=0))

    def rest(self) -> str:
        """What was kept back, at the end."""
        return "" if self.is_stopped else self._told(len(self._held))

    def _told(self, count: int) -> str:
        told, self._held = self._held[:count], self._held[count:]
        return told


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of a text may be the beginning of another one."""
    return next((count for count in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:count])), 0)
