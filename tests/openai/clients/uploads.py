"""Files in parts by OpenAI's client. Prints what it saw as JSON."""

import hashlib
import json
import tempfile
from pathlib import Path

import openai

client = openai.OpenAI(max_retries=0)
rows = "".join(json.dumps({"messages": [{"role": "user", "content": f"{n} + 1?"}, {"role": "assistant", "content": str(n + 1)}]}) + "\n" for n in range(12)).encode()
md5 = hashlib.md5(rows).hexdigest()

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "rows.jsonl"
    path.write_bytes(rows)
    chunked = client.uploads.upload_file_chunked(file=path, mime_type="text/jsonl", purpose="fine-tune", part_size=300, md5=md5)
memory = client.uploads.upload_file_chunked(file=rows, filename="notes.txt", bytes=len(rows), mime_type="text/plain", purpose="user_data")

expiring = client.uploads.create(bytes=3, filename="a.txt", mime_type="text/plain", purpose="user_data", extra_body={"expires_after": {"anchor": "created_at", "seconds": 3600}})
part = client.uploads.parts.create(expiring.id, data=b"abc")
completed = client.uploads.complete(expiring.id, part_ids=[part.id])
again = client.uploads.complete(expiring.id, part_ids=[part.id])

unwanted = client.uploads.create(bytes=3, filename="a.txt", mime_type="text/plain", purpose="user_data")
cancelled = client.uploads.cancel(unwanted.id)


def refusal_of(call) -> list:
    try:
        call()
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code, error.param]
    raise AssertionError("It was not refused.")


print(
    json.dumps(
        {
            "statuses": [expiring.status, chunked.status, memory.status, cancelled.status],
            "objects": [expiring.object, part.object, part.upload_id == expiring.id, expiring.file],
            "lives_for": expiring.expires_at - expiring.created_at,
            "names": [chunked.file.filename, memory.file.filename],
            "purposes": [chunked.file.purpose, memory.file.purpose],
            "same": [client.files.content(each.file.id).read() == rows for each in (chunked, memory)],
            "is_file": client.files.retrieve(chunked.file.id).to_dict() == chunked.file.to_dict(),
            "file_lives_for": completed.file.expires_at - completed.file.created_at,
            "once": again.file.id == completed.file.id,
            "listed": [file.id for file in client.files.list()] == [completed.file.id, memory.file.id, chunked.file.id],
            "refusals": [
                refusal_of(lambda: client.uploads.upload_file_chunked(file=rows, filename="a", bytes=len(rows), mime_type="a", purpose="fine-tune", md5="0" * 32)),
                refusal_of(lambda: client.uploads.upload_file_chunked(file=rows, filename="a", bytes=len(rows) + 1, mime_type="a", purpose="fine-tune")),
                refusal_of(lambda: client.uploads.parts.create(unwanted.id, data=b"abc")),
                refusal_of(lambda: client.uploads.complete("upload_none", part_ids=[])),
                refusal_of(lambda: client.uploads.create(bytes=3, filename="a", mime_type="a", purpose="training")),
            ],
        }
    )
)
