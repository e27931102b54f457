"""A life of files by OpenAI's client. Prints what it saw as JSON."""

import json

import openai

client = openai.OpenAI()
rows = "".join(json.dumps({"messages": [{"role": "user", "content": f"{n} + 1?"}, {"role": "assistant", "content": str(n + 1)}]}) + "\n" for n in range(12))

named = client.files.create(file=("rows.jsonl", rows.encode()), purpose="fine-tune")
unnamed = client.files.create(file=rows.encode(), purpose="fine-tune")
expiring = client.files.create(file=("notes.txt", b"kept as it is"), purpose="user_data", extra_body={"expires_after": {"anchor": "created_at", "seconds": 3600}})
waited = client.files.wait_for_processing(named.id)

ids = [file.id for file in client.files.list(limit=2)]
of_purpose = [file.id for file in client.files.list(purpose="user_data")]
content = client.files.content(named.id)
fetched = client.files.retrieve(named.id)


def refusal_of(call) -> dict:
    try:
        call()
    except openai.APIStatusError as error:
        return {"class": type(error).__name__, "status": error.status_code, "message": str(error), "code": error.code, "param": error.param, "type": error.type}
    raise AssertionError("It was not refused.")


refusals = {
    "purpose": refusal_of(lambda: client.files.create(file=("rows.jsonl", b"{}"), purpose="fine-tuning")),
    "unknown": refusal_of(lambda: client.files.retrieve("file-none")),
    "seconds": refusal_of(lambda: client.files.create(file=("a.txt", b"a"), purpose="user_data", extra_body={"expires_after": {"anchor": "created_at", "seconds": 5}})),
    "key": refusal_of(lambda: openai.OpenAI(api_key="wrong").files.list()),
    "path": refusal_of(lambda: client.get("/nothing", cast_to=object)),
}
deleted = [client.files.delete(file).deleted for file in ids]

print(
    json.dumps(
        {
            "made": [named.id, unnamed.id, expiring.id],
            "names": [named.filename, unnamed.filename],
            "status": waited.status,
            "is_whole": fetched.bytes == len(rows),
            "expires_in": expiring.expires_at - expiring.created_at,
            "ids": ids,
            "of_purpose": of_purpose,
            "same": content.read().decode() == rows,
            "refusals": refusals,
            "deleted": deleted,
            "left": [file.id for file in client.files.list()],
        }
    )
)
