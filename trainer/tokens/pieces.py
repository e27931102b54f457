"""Tokens of a text and where they stand in it, put together from those of its pieces."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

Offsets = list[tuple[int, int]]


class Piece:
    """Tokens, and the characters of a text of this length that each of them stands for."""

    __slots__ = ("ids", "offsets", "length")

    def __init__(self, ids: list[int], offsets: Offsets, length: int):
        self.ids, self.offsets, self.length = ids, offsets, length

    def first_from(self, place: int) -> int:
        """The first token that begins at this character or behind it."""
        return bisect_left(self.offsets, (place, 0))

    def span(self, token: int) -> tuple[int, int]:
        """The characters that a token stands for."""
        return self.offsets[token]


class Pieces:
    """The same of a text of several pieces. Many texts share one, and few are asked where all of their tokens stand."""

    def __init__(self, pieces: "Iterable[Piece | Pieces]" = ()):
        self._pieces: list[Piece | Pieces] = []
        self.ids: list[int] = []
        # Where each piece begins, and the text ends: in characters, and in tokens.
        self._places, self._tokens = [0], [0]
        self.add(pieces)

    def add(self, pieces: "Iterable[Piece | Pieces]") -> None:
        place = self.length
        for piece in pieces:
            self._pieces.append(piece)
            self.ids += piece.ids
            place += piece.length
            self._places.append(place)
            self._tokens.append(len(self.ids))

    def upto(self, piece: int) -> "Pieces":
        """Those before the piece with this number."""
        before = Pieces()
        before._pieces, before.ids = self._pieces[:piece], self.ids[: self._tokens[piece]]
        before._places, before._tokens = self._places[: piece + 1], self._tokens[: piece + 1]
        return before

    def __len__(self) -> int:
        return len(self._pieces)

    @property
    def length(self) -> int:
        return self._places[-1]

    @property
    def offsets(self) -> Offsets:
        return [(first + start, last + start) for start, piece in zip(self._places, self._pieces) for first, last in piece.offsets]

    def first_from(self, place: int) -> int:
        number = bisect_left(self._places, place) - 1  # Of the piece that begins before that.
        if number < 0:
            return 0
        if number == len(self._pieces):
            return len(self.ids)
        return self._tokens[number] + self._pieces[number].first_from(place - self._places[number])

    def span(self, token: int) -> tuple[int, int]:
        number = bisect_right(self._tokens, token) - 1
        start = self._places[number]
        first, last = self._pieces[number].span(token - self._tokens[number])
        return first + start, last + start

    def place_of(self, piece: int) -> int:
        """Where the piece with this number begins."""
        return self._places[piece]


Tokens = Piece | Pieces
