"""What a chunk of a bundle says. Needs nothing; a copy of this file lies in each bundle."""


def asked_of(chunk: dict) -> str:
    """As much as was indexed of the question that its text was given to. (In bundles from before that was done, nothing.)"""
    return (chunk.get("question") or "")[: chunk.get("question_characters", 0)]


def content_of(chunk: dict) -> str:
    """What is searched: its text, behind that question."""
    asked = asked_of(chunk)
    return f"{asked}\n{chunk['text']}" if asked else chunk["text"]


def without_question(chunk: dict) -> dict:
    """The same chunk as if nobody had asked for it."""
    return {**chunk, "question": None, "question_characters": 0}
