"""The whole path under `brigade up`, driven by a client that this project did not write: boto3 with only an endpoint URL.

    BRIGADE_ENDPOINT=http://127.0.0.1:4566 .venv/bin/python tests/clients/thumbnails.py

Uploads 20 pictures, one after the other, and waits for each one's sidecar; overwrites one, removes them all, and sends one
file that is no picture. Plain assertions. Prints how long an upload's thumbnails took (a figure, not an assertion).
"""

import json
import os
import statistics
import struct
import time
import uuid

import boto3
from botocore.exceptions import ClientError

ENDPOINT = os.environ.get("BRIGADE_ENDPOINT", "http://127.0.0.1:4566")
KEYS = {"endpoint_url": ENDPOINT, "aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
WAIT = 60  # seconds until something that should be there counts as missing

s3 = boto3.client("s3", **KEYS)
sqs = boto3.client("sqs", **KEYS)
run = uuid.uuid4().hex[:8]


def picture(width, height, seed):
    """A 24-bit BMP with a gradient."""
    row = bytearray()
    pixels = bytearray()
    for y in range(height):
        row = bytearray(b"".join(bytes(((x + seed) % 256, (y * 2) % 256, (x * y) % 256)) for x in range(width)))
        pixels += row + bytes(-len(row) % 4)
    header = struct.pack("<2sIHHI", b"BM", 54 + len(pixels), 0, 0, 54)
    return header + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(pixels), 2835, 2835, 0, 0) + bytes(pixels)


def derived(key):
    return f"thumbnails/photos/{key}/"


def sidecar(key):
    try:
        return json.load(s3.get_object(Bucket="derived", Key=derived(key) + "info.json")["Body"])
    except ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchKey", error
        return None


def until(what, condition):
    ends = time.monotonic() + WAIT
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < ends, f"after {WAIT} s still not: {what}"
        time.sleep(0.005)


def names(key):
    listing = s3.list_objects_v2(Bucket="derived", Prefix=derived(key))
    return sorted(entry["Key"].removeprefix(derived(key)) for entry in listing.get("Contents", []))


keys = [f"{run}/picture {n} + ü.bmp" for n in range(20)]
took = []
for n, key in enumerate(keys):
    body = picture(320, 240, n)
    begun = time.monotonic()
    s3.put_object(Bucket="photos", Key=key, Body=body)
    info = until(f"the sidecar of {key}", lambda: sidecar(key))
    took.append(time.monotonic() - begun)
    assert (info["about"]["width"], info["about"]["height"]) == (320, 240), info
    assert names(key) == ["128.jpg", "256.jpg", "512.jpg", "info.json"], names(key)
    for output in info["outputs"]:
        head = s3.head_object(Bucket="derived", Key=output["key"])
        assert head["ETag"].strip('"') == output["etag"] and head["ContentLength"] == output["bytes"], (head, output)
print(f"ok  20 uploads; from put_object to the sidecar: median {statistics.median(took) * 1000:.0f} ms, slowest {max(took) * 1000:.0f} ms")

s3.put_object(Bucket="photos", Key=keys[0], Body=picture(100, 50, 0))
until("the overwritten picture's size", lambda: sidecar(keys[0])["about"]["width"] == 100)
print("ok  an overwrite is followed")

s3.delete_objects(Bucket="photos", Delete={"Objects": [{"Key": key} for key in keys]})
for key in keys:
    until(f"nothing is left of {key}", lambda: not names(key))
print("ok  what is deleted takes its thumbnails along")

s3.put_object(Bucket="photos", Key=f"{run}/letter.jpg", Body=b"Dear all, this is no picture.")
until("the reject", lambda: (sidecar(f"{run}/letter.jpg") or {}).get("reject", {}).get("code") == "not-an-image")
parked = sqs.get_queue_url(QueueName="brigade-thumbnail-parked")["QueueUrl"]
received = until(
    "the parked message",
    lambda: sqs.receive_message(QueueUrl=parked, MessageAttributeNames=["All"], WaitTimeSeconds=1).get("Messages"),
)
assert received[0]["MessageAttributes"]["brigade-reason"]["StringValue"] == "not-an-image", received
print("ok  what is no picture is parked with its reason")
