"""How a model is asked: chunks and a question as a chat. A copy of this file lies in each bundle."""

if __package__:
    from .contents import asked_of, content_of
else:  # In a bundle.
    from contents import asked_of, content_of

NOT_THERE = "Not in the documents."
INSTRUCTION = f"Use only these documents to answer, in their words. If they do not hold the answer, say: {NOT_THERE}"
_NOTHING = "(none)"


def prompt_of(question: str, chunks: list[dict], examples: list[dict]) -> list[dict]:
    """A chat that ends with a question, with chunks right before it. Of these, `examples` stand in the chat as answers to their questions,
    the closest last."""
    turns = [message for chunk in reversed(chunks) if chunk in examples for message in (said_by_user(asked_of(chunk)), {"role": "assistant", "content": chunk["text"]})]
    texts = [content_of(chunk) for chunk in chunks if chunk not in examples] if chunks else [_NOTHING]
    first, *others = [*turns, said_by_user("\n".join([*(f"- {text}" for text in texts), *([""] if texts else []), question]))]
    return [said_by_user(f"{INSTRUCTION}\n\n{first['content']}"), *others]


def examples_in(chunks: list[dict]) -> list[dict]:
    """What was given as an answer, so that the model answers as it was answered before; but for the closest: what a model has just
    answered it answers otherwise when it is asked again."""
    return [chunk for chunk in chunks[1:] if asked_of(chunk)]


def said_by_user(text: str) -> dict:
    return {"role": "user", "content": text}
