"""Rows of which each is a pair of answers to the same question: the one that was chosen, and the one that was rejected."""


def paired(rows: list[dict]) -> list[dict]:
    """Of examples in which each chosen one is followed by its rejected one, a row for each two."""
    return [{**chosen, "rejected": rejected} for chosen, rejected in zip(rows[::2], rows[1::2], strict=True)]


def sides_of(row: dict) -> list[dict]:
    """The examples of a row, each of which is read by itself."""
    return [row, row["rejected"]] if "rejected" in row else [row]


def length_of(row: dict) -> int:
    """In tokens, of the longer one."""
    return max(len(side["input_ids"]) for side in sides_of(row))
