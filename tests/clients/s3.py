"""The S3 side of the local cloud, asked by clients that this project did not write: boto3 and the AWS CLI.

    python -m venv .venv && .venv/bin/pip install boto3 awscli
    BRIGADE_ENDPOINT=http://127.0.0.1:4566 .venv/bin/python tests/clients/s3.py [NAME…]

Plain assertions; prints each situation that passed, and exits 1 if one did not. Each situation has a bucket of its own.
"""

import base64
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback
import urllib.error
import urllib.parse
import urllib.request
import uuid

import boto3
import botocore.client
import botocore.config
from botocore.exceptions import ClientError

ENDPOINT = os.environ.get("BRIGADE_ENDPOINT", "http://127.0.0.1:4566")
ACCOUNT = "000000000000"
REGION = "us-east-1"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
PATH_STYLE = botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1})

s3 = boto3.client("s3", endpoint_url=ENDPOINT, config=PATH_STYLE, **KEYS)
sqs = boto3.client("sqs", endpoint_url=ENDPOINT, config=PATH_STYLE, **KEYS)
sns = boto3.client("sns", endpoint_url=ENDPOINT, config=PATH_STYLE, **KEYS)


def aws(*arguments, expect=0):
    """Runs the AWS CLI; answers its standard output."""
    program = pathlib.Path(sys.executable).parent / "aws"
    environment = dict(
        os.environ,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_DEFAULT_REGION=REGION,
        AWS_CONFIG_FILE="/dev/null",
        AWS_SHARED_CREDENTIALS_FILE="/dev/null",
        AWS_PAGER="",
    )
    command = [str(program), "--endpoint-url", ENDPOINT, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == expect, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def refused(code, call, *args, status=None, **kwargs):
    """The call fails with this code (and status); answers the whole response."""
    try:
        call(*args, **kwargs)
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert found == code, f"{found} instead of {code}: {error}"
        found = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status is None or found == status, f"{found} instead of {status}"
        return error.response
    raise AssertionError(f"not refused with {code}")


def body(bucket, key, **kwargs):
    return s3.get_object(Bucket=bucket, Key=key, **kwargs)["Body"].read()


def versioned(bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def put_get_head(bucket):
    put = s3.put_object(
        Bucket=bucket,
        Key="in/a b+é.txt",
        Body=b"hello",
        ContentType="text/plain",
        CacheControl="max-age=60",
        ContentEncoding="identity",
        ContentDisposition="inline",
        Metadata={"Colour": "red"},
        Tagging="a=1&b=c%20d",
        StorageClass="STANDARD_IA",
    )
    assert put["ETag"] == '"5d41402abc4b2a76b9719d911017c592"', put
    got = s3.get_object(Bucket=bucket, Key="in/a b+é.txt")
    assert got["Body"].read() == b"hello"
    head = s3.head_object(Bucket=bucket, Key="in/a b+é.txt")
    for answer in (got, head):
        assert answer["ContentLength"] == 5 and answer["ContentType"] == "text/plain", answer
        assert answer["Metadata"] == {"colour": "red"}, answer["Metadata"]
        assert answer["CacheControl"] == "max-age=60" and answer["ContentDisposition"] == "inline"
        assert answer["ContentEncoding"] == "identity" and answer["StorageClass"] == "STANDARD_IA"
        assert answer["ServerSideEncryption"] == "AES256"
        assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-tagging-count"] == "2"
    override = s3.get_object(Bucket=bucket, Key="in/a b+é.txt", ResponseContentType="image/png")
    assert override["ContentType"] == "image/png"
    refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="none", status=404)
    refused("404", s3.head_object, Bucket=bucket, Key="none", status=404)
    refused("NoSuchBucket", s3.get_object, Bucket=bucket + "-none", Key="x", status=404)
    refused("KeyTooLongError", s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b"", status=400)
    s3.put_object(Bucket=bucket, Key="folder/", Body=b"")
    assert s3.head_object(Bucket=bucket, Key="folder/")["ContentLength"] == 0


def ranges_and_read_conditions(bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")["ETag"]
    cases = [("bytes=2-4", b"234", "2-4"), ("bytes=7-", b"789", "7-9"), ("bytes=-3", b"789", "7-9"), ("bytes=0-99", b"0123456789", "0-9")]
    for asked, expected, told in cases:
        got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert got["ContentRange"] == f"bytes {told}/10" and got["Body"].read() == expected, asked
    refused("InvalidRange", s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-", status=416)
    refused("304", s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag, status=304)
    refused("304", s3.head_object, Bucket=bucket, Key="k", IfNoneMatch=etag, status=304)
    refused("PreconditionFailed", s3.get_object, Bucket=bucket, Key="k", IfMatch='"other"', status=412)
    assert body(bucket, "k", IfMatch=etag) == b"0123456789"
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    refused("304", s3.get_object, Bucket=bucket, Key="k", IfModifiedSince=modified, status=304)
    assert body(bucket, "k", IfUnmodifiedSince=modified) == b"0123456789"


def conditional_writes(bucket):
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")
    refused("PreconditionFailed", s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*", status=412)
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=first["ETag"])
    refused("PreconditionFailed", s3.put_object, Bucket=bucket, Key="k", Body=b"3", IfMatch=first["ETag"], status=412)
    refused("NoSuchKey", s3.put_object, Bucket=bucket, Key="gone", Body=b"3", IfMatch=first["ETag"], status=404)
    refused("PreconditionFailed", s3.delete_object, Bucket=bucket, Key="k", IfMatch=first["ETag"], status=412)
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=second["ETag"])
    refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="k")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.put_object(Bucket=bucket, Key="m", Body=b"in the way")
    complete = {"Bucket": bucket, "Key": "m", "UploadId": upload, "MultipartUpload": parts}
    refused("PreconditionFailed", s3.complete_multipart_upload, **complete, IfNoneMatch="*", status=412)
    s3.complete_multipart_upload(**complete)
    assert body(bucket, "m") == b"part"


def eight_writers_one_winner(bucket):
    def write(n):
        client = boto3.client("s3", endpoint_url=ENDPOINT, config=PATH_STYLE, **KEYS)
        try:
            client.put_object(Bucket=bucket, Key="lock", Body=str(n).encode(), IfNoneMatch="*")
            return n
        except ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed", error
            return None

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        winners = [n for n in pool.map(write, range(8)) if n is not None]
    assert len(winners) == 1, winners
    assert body(bucket, "lock") == str(winners[0]).encode()


def versions_and_markers(bucket):
    versioned(bucket)
    one = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    two = s3.put_object(Bucket=bucket, Key="k", Body=b"2")["VersionId"]
    assert body(bucket, "k") == b"2" and body(bucket, "k", VersionId=one) == b"1"
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"] is True
    gone = refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="k", status=404)
    headers = gone["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-delete-marker"] == "true" and headers["x-amz-version-id"] == marker["VersionId"], headers
    met = refused("MethodNotAllowed", s3.get_object, Bucket=bucket, Key="k", VersionId=marker["VersionId"], status=405)
    assert met["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    refused("NoSuchVersion", s3.get_object, Bucket=bucket, Key="k", VersionId="null", status=404)
    listed = s3.list_object_versions(Bucket=bucket)
    assert [v["VersionId"] for v in listed["Versions"]] == [two, one], listed
    assert listed["DeleteMarkers"][0]["IsLatest"] is True
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    assert sum(len(p.get("Versions", [])) + len(p.get("DeleteMarkers", [])) for p in pages) == 3
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert body(bucket, "k") == b"2"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"3").get("VersionId") == "null"
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"


def batch_delete(bucket):
    for n in range(5):
        s3.put_object(Bucket=bucket, Key=f"k{n}", Body=b"x")
    wrong = {"Key": "k0", "ETag": '"0123"'}
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [wrong] + [{"Key": f"k{n}"} for n in range(1, 5)]})
    assert sorted(d["Key"] for d in answer["Deleted"]) == ["k1", "k2", "k3", "k4"], answer
    assert answer["Errors"][0]["Code"] == "PreconditionFailed", answer
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k0"}, {"Key": "none"}], "Quiet": True})
    assert "Deleted" not in quiet and "Errors" not in quiet, quiet


def copies(bucket):
    s3.put_object(Bucket=bucket, Key="a b+é", Body=b"x", Metadata={"m": "1"}, Tagging="t=1", ContentType="text/plain")
    source = {"Bucket": bucket, "Key": "a b+é"}
    s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
    kept = s3.get_object(Bucket=bucket, Key="kept")
    assert kept["Metadata"] == {"m": "1"} and kept["TagCount"] == 1 and kept["ContentType"] == "text/plain"
    s3.copy_object(Bucket=bucket, Key="new", CopySource=source, Metadata={"n": "2"}, MetadataDirective="REPLACE", Tagging="u=2", TaggingDirective="REPLACE")
    assert s3.head_object(Bucket=bucket, Key="new")["Metadata"] == {"n": "2"}
    assert s3.get_object_tagging(Bucket=bucket, Key="new")["TagSet"] == [{"Key": "u", "Value": "2"}]
    refused("InvalidRequest", s3.copy_object, Bucket=bucket, Key="kept", CopySource={"Bucket": bucket, "Key": "kept"}, status=400)
    s3.copy_object(Bucket=bucket, Key="kept", CopySource={"Bucket": bucket, "Key": "kept"}, StorageClass="STANDARD_IA")
    assert s3.head_object(Bucket=bucket, Key="kept")["StorageClass"] == "STANDARD_IA"
    refused("NoSuchKey", s3.copy_object, Bucket=bucket, Key="z", CopySource={"Bucket": bucket, "Key": "none"}, status=404)
    refused("PreconditionFailed", s3.copy_object, Bucket=bucket, Key="z", CopySource=source, CopySourceIfMatch='"0"', status=412)


def listings(bucket):
    keys = ["a/1", "a/2", "b", "c d", "c+d", "é/ü", "z"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    expected = sorted(keys, key=lambda k: k.encode())
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    assert [o["Key"] for p in pages for o in p.get("Contents", [])] == expected
    for call in ("list_objects_v2", "list_objects"):
        pages = list(s3.get_paginator(call).paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 2}))
        rolled = [c["Prefix"] for p in pages for c in p.get("CommonPrefixes", [])]
        assert rolled == ["a/", "é/"], (call, rolled)
        found = [o["Key"] for p in pages for o in p.get("Contents", [])]
        assert found == ["b", "c d", "c+d", "z"], (call, found)
    one = s3.list_objects_v2(Bucket=bucket, Prefix="a/", StartAfter="a/1")
    assert [o["Key"] for o in one["Contents"]] == ["a/2"] and one["KeyCount"] == 1
    refused("InvalidArgument", s3.list_objects_v2, Bucket=bucket, ContinuationToken="!", status=400)
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"] == 0


def multipart(bucket):
    begun = s3.create_multipart_upload(Bucket=bucket, Key="m", Metadata={"m": "1"}, Tagging="t=1", StorageClass="STANDARD_IA")
    upload = {"Bucket": bucket, "Key": "m", "UploadId": begun["UploadId"]}
    five = os.urandom(5 * 1024 * 1024)
    s3.put_object(Bucket=bucket, Key="source", Body=five)
    one = s3.upload_part(**upload, PartNumber=1, Body=five)
    two = s3.upload_part_copy(**upload, PartNumber=2, CopySource={"Bucket": bucket, "Key": "source"}, CopySourceRange="bytes=0-9")
    listed = s3.list_parts(**upload, MaxParts=1)
    assert listed["IsTruncated"] and listed["NextPartNumberMarker"] == 1 and listed["Parts"][0]["Size"] == len(five)
    assert [u["Key"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["m"]
    etags = [one["ETag"], two["CopyPartResult"]["ETag"]]
    parts = {"Parts": [{"PartNumber": n + 1, "ETag": etag} for n, etag in enumerate(etags)]}
    bad = {"Parts": [{"PartNumber": 1, "ETag": '"0"'}]}
    refused("InvalidPart", s3.complete_multipart_upload, **upload, MultipartUpload=bad, status=400)
    done = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    digest = hashlib.md5(hashlib.md5(five).digest() + hashlib.md5(five[:10]).digest()).hexdigest()
    assert done["ETag"] == f'"{digest}-2"', done
    assert body(bucket, "m") == five + five[:10]
    head = s3.head_object(Bucket=bucket, Key="m")
    assert head["Metadata"] == {"m": "1"} and head["StorageClass"] == "STANDARD_IA"
    part = s3.get_object(Bucket=bucket, Key="m", PartNumber=2)
    assert part["Body"].read() == five[:10] and part["PartsCount"] == 2
    attributes = s3.get_object_attributes(Bucket=bucket, Key="m", ObjectAttributes=["ObjectSize", "ObjectParts", "ETag"])
    assert attributes["ObjectSize"] == len(five) + 10 and attributes["ObjectParts"]["TotalPartsCount"] == 2
    refused("NoSuchUpload", s3.abort_multipart_upload, **upload, status=404)
    small = s3.create_multipart_upload(Bucket=bucket, Key="small")["UploadId"]
    tiny = [s3.upload_part(Bucket=bucket, Key="small", UploadId=small, PartNumber=n, Body=b"x")["ETag"] for n in (1, 2)]
    parts = {"Parts": [{"PartNumber": n + 1, "ETag": etag} for n, etag in enumerate(tiny)]}
    refused("EntityTooSmall", s3.complete_multipart_upload, Bucket=bucket, Key="small", UploadId=small, MultipartUpload=parts, status=400)
    s3.abort_multipart_upload(Bucket=bucket, Key="small", UploadId=small)


def tags(bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    many = {"TagSet": [{"Key": str(n), "Value": "x"} for n in range(11)]}
    refused("BadRequest", s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=many, status=400)
    twice = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
    refused("InvalidTag", s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=twice, status=400)


def archives(bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"cold", StorageClass="GLACIER")
    refused("InvalidObjectState", s3.get_object, Bucket=bucket, Key="k", status=403)
    assert "Restore" not in s3.head_object(Bucket=bucket, Key="k")
    first = s3.restore_object(Bucket=bucket, Key="k", RestoreRequest={"Days": 2})
    again = s3.restore_object(Bucket=bucket, Key="k", RestoreRequest={"Days": 3})
    statuses = [answer["ResponseMetadata"]["HTTPStatusCode"] for answer in (first, again)]
    assert statuses == [202, 200], statuses
    assert body(bucket, "k") == b"cold"
    assert s3.head_object(Bucket=bucket, Key="k")["Restore"].startswith('ongoing-request="false"')
    s3.put_object(Bucket=bucket, Key="warm", Body=b"")
    refused("InvalidObjectState", s3.restore_object, Bucket=bucket, Key="warm", RestoreRequest={"Days": 1}, status=403)


def checksums(bucket):
    right = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ChecksumSHA256=right)
    assert put["ChecksumSHA256"] == right
    wrong = base64.b64encode(hashlib.sha256(b"y").digest()).decode()
    refused("BadDigest", s3.put_object, Bucket=bucket, Key="k", Body=b"x", ChecksumSHA256=wrong, status=400)
    for algorithm in ("CRC32", "SHA1", "SHA256"):
        put = s3.put_object(Bucket=bucket, Key=algorithm, Body=b"streamed", ChecksumAlgorithm=algorithm)
        assert put[f"Checksum{algorithm}"], put
    md5 = base64.b64encode(hashlib.md5(b"y").digest()).decode()
    refused("BadDigest", s3.put_object, Bucket=bucket, Key="k", Body=b"x", ContentMD5=md5, status=400)
    assert body(bucket, "k") == b"x"


def presigned(bucket):
    s3.put_object(Bucket=bucket, Key="a b.txt", Body=b"signed")
    # boto3 signs with version 4 only where it is told so.
    v4 = botocore.config.Config(signature_version="s3v4", s3={"addressing_style": "path"})
    signer = boto3.client("s3", endpoint_url=ENDPOINT, config=v4, **KEYS)
    url = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b.txt"}, ExpiresIn=60)
    assert urllib.request.urlopen(url).read() == b"signed"
    put = signer.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "put"}, ExpiresIn=60)
    urllib.request.urlopen(urllib.request.Request(put, data=b"by url", method="PUT"))
    assert body(bucket, "put") == b"by url"
    for broken in (url.replace("a%20b", "a%20c"), url[:-1] + ("0" if url[-1] != "0" else "1"), url.split("?")[0]):
        try:
            urllib.request.urlopen(broken)
            raise AssertionError(f"not refused: {broken.split('?')[0]}")
        except urllib.error.HTTPError as error:
            assert error.code == 403, error.code
    stranger = dict(KEYS, aws_access_key_id="stranger")
    other = boto3.client("s3", endpoint_url=ENDPOINT, config=PATH_STYLE, **stranger)
    refused("InvalidAccessKeyId", other.list_buckets, status=403)
    liar = boto3.client("s3", endpoint_url=ENDPOINT, config=PATH_STYLE, **dict(KEYS, aws_secret_access_key="wrong"))
    refused("SignatureDoesNotMatch", liar.list_buckets, status=403)


def post_form(bucket):
    post = s3.generate_presigned_post(bucket, "up/form.txt", Conditions=[["content-length-range", 1, 10]])
    url, fields = post["url"], post["fields"]

    def send(content):
        boundary = uuid.uuid4().hex
        lines = [f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
        lines.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\n{content}\r\n--{boundary}--\r\n')
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return urllib.request.urlopen(urllib.request.Request(url, data="".join(lines).encode(), headers=headers)).status

    assert send("short") in (200, 204)
    assert body(bucket, "up/form.txt") == b"short"
    try:
        send("much too long")
        raise AssertionError("a form over its policy's length was taken")
    except urllib.error.HTTPError as error:
        assert error.code == 400, error.code


def bucket_documents(bucket):
    refused("BucketNotEmpty", lambda: (s3.put_object(Bucket=bucket, Key="k", Body=b""), s3.delete_bucket(Bucket=bucket)), status=409)
    assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == REGION
    refused("404", s3.head_bucket, Bucket=bucket + "-none", status=404)
    refused("NoSuchTagSet", s3.get_bucket_tagging, Bucket=bucket, status=404)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "1"}]
    refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket=bucket, status=404)
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [rule]
    refused("NoSuchBucketPolicy", s3.get_bucket_policy, Bucket=bucket, status=404)
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    refused("NoSuchCORSConfiguration", s3.get_bucket_cors, Bucket=bucket, status=404)
    cors = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=cors)
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == cors["CORSRules"]
    refused("NoSuchPublicAccessBlockConfiguration", s3.get_public_access_block, Bucket=bucket, status=404)
    s3.get_bucket_acl(Bucket=bucket), s3.get_bucket_encryption(Bucket=bucket), s3.get_bucket_logging(Bucket=bucket)
    s3.get_bucket_ownership_controls(Bucket=bucket), s3.get_bucket_request_payment(Bucket=bucket)
    refused("AccessControlListNotSupported", s3.put_bucket_acl, Bucket=bucket, ACL="public-read", status=400)
    refused("AccessDenied", s3.get_object, Bucket=bucket, Key="k", ExpectedBucketOwner="111111111111", status=403)


def virtual_host(bucket):
    """`BUCKET.localhost` resolves only where the system's resolver says so: the header is sent by hand."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"by host")
    v4 = botocore.config.Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
    port = urllib.parse.urlparse(ENDPOINT).port
    signer = boto3.client("s3", endpoint_url=f"http://localhost:{port}", config=v4, **KEYS)
    url = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    assert f"//{bucket}.localhost:{port}/" in url, url.split("?")[0]
    direct = url.replace(f"{bucket}.localhost:{port}", f"127.0.0.1:{port}")
    request = urllib.request.Request(direct, headers={"Host": f"{bucket}.localhost:{port}"})
    assert urllib.request.urlopen(request).read() == b"by host"


def command_line(bucket):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        big = os.urandom(20 * 1024 * 1024)
        (folder / "big.bin").write_bytes(big)
        (folder / "sync").mkdir()
        for name in ("a.txt", "b c.txt", "é.txt"):
            (folder / "sync" / name).write_text(name)
        aws("s3", "cp", folder / "big.bin", f"s3://{bucket}/big.bin")
        assert "-" in s3.head_object(Bucket=bucket, Key="big.bin")["ETag"], "20 MB go up in parts"
        aws("s3", "cp", f"s3://{bucket}/big.bin", folder / "back.bin")
        assert (folder / "back.bin").read_bytes() == big
        aws("s3", "sync", folder / "sync", f"s3://{bucket}/sync")
        assert "upload" not in aws("s3", "sync", folder / "sync", f"s3://{bucket}/sync"), "nothing is left to do"
        listed = aws("s3", "ls", f"s3://{bucket}/sync/")
        assert all(name in listed for name in ("a.txt", "b c.txt", "é.txt")), listed
        assert "PRE sync/" in aws("s3", "ls", f"s3://{bucket}/")
        aws("s3", "mv", f"s3://{bucket}/sync/a.txt", f"s3://{bucket}/moved.txt")
        put = json.loads(aws("s3api", "put-object", "--bucket", bucket, "--key", "k", "--body", folder / "sync" / "b c.txt"))
        assert put["ETag"] == f'"{hashlib.md5(b"b c.txt").hexdigest()}"'
        aws("s3api", "put-bucket-versioning", "--bucket", bucket, "--versioning-configuration", "Status=Enabled")
        aws("s3", "rm", f"s3://{bucket}/k")
        versions = json.loads(aws("s3api", "list-object-versions", "--bucket", bucket, "--prefix", "k"))
        assert len(versions["Versions"]) == 1 and len(versions["DeleteMarkers"]) == 1, versions
        url = aws("s3", "presign", f"s3://{bucket}/moved.txt").strip()
        assert urllib.request.urlopen(url).read() == b"a.txt"
        aws("s3", "rm", "--recursive", f"s3://{bucket}/")
        aws("s3", "mb", f"s3://{bucket}-2")
        aws("s3", "rb", f"s3://{bucket}-2")


def queue(name, **attributes):
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn


def admit(service, action, resource, source):
    """A policy that lets a service act for this source of this account."""
    statement = {
        "Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": resource,
        "Condition": {"ArnEquals": {"aws:SourceArn": source}, "StringEquals": {"aws:SourceAccount": resource.split(":")[4]}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def receive(url, count):
    """Takes this many messages off a queue, and sees that no more come at once."""
    found = []
    while len(found) < count:
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5).get("Messages", [])
        assert got, f"only {len(found)} of {count} came"
        for message in got:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        found += got
    more = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    assert len(found) == count and not more, (found, more)
    return [json.loads(message["Body"]) for message in found]


def notifications(bucket):
    name = bucket
    versioned(bucket)
    direct_url, direct_arn = queue(f"{name}-direct")
    wrapped_url, wrapped_arn = queue(f"{name}-wrapped")
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=wrapped_arn)
    bucket_arn, made = f"arn:aws:s3:::{bucket}", {"Id": "made", "TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}
    refused("InvalidArgument", s3.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration={"TopicConfigurations": [made]}, status=400)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=admit("s3.amazonaws.com", "sns:Publish", topic, bucket_arn))
    sqs.set_queue_attributes(QueueUrl=direct_url, Attributes={"Policy": admit("s3.amazonaws.com", "sqs:SendMessage", direct_arn, bucket_arn)})
    sqs.set_queue_attributes(QueueUrl=wrapped_url, Attributes={"Policy": admit("sns.amazonaws.com", "sqs:SendMessage", wrapped_arn, topic)})
    filter_rules = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in+put/"}, {"Name": "suffix", "Value": ".csv"}]}}
    configuration = {
        "TopicConfigurations": [made | {"Filter": filter_rules}],
        "QueueConfigurations": [{"QueueArn": direct_arn, "Events": ["s3:ObjectRemoved:*"]}],
    }
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    assert receive(direct_url, 1)[0]["Event"] == "s3:TestEvent"
    test = receive(wrapped_url, 1)[0]
    assert json.loads(test["Message"])["Bucket"] == bucket
    told = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert told["TopicConfigurations"][0]["Filter"]["Key"]["FilterRules"][0] == {"Name": "Prefix", "Value": "in+put/"}
    assert told["QueueConfigurations"][0]["Id"], told
    put = s3.put_object(Bucket=bucket, Key="in put/a+é.csv", Body=b"a,b")
    s3.put_object(Bucket=bucket, Key="in put/a.txt", Body=b"")
    s3.put_object(Bucket=bucket, Key="out/a.csv", Body=b"")
    envelope = receive(wrapped_url, 1)[0]
    assert envelope["Type"] == "Notification" and envelope["Subject"] == "Amazon S3 Notification", envelope
    record = json.loads(envelope["Message"])["Records"][0]
    assert record["eventName"] == "ObjectCreated:Put" and record["s3"]["configurationId"] == "made", record
    assert record["s3"]["object"]["key"] == "in+put/a%2B%C3%A9.csv", record["s3"]["object"]
    assert record["s3"]["object"]["versionId"] == put["VersionId"] and record["s3"]["object"]["size"] == 3
    s3.delete_object(Bucket=bucket, Key="in put/a.txt")
    assert receive(direct_url, 1)[0]["Records"][0]["eventName"] == "ObjectRemoved:DeleteMarkerCreated"
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    assert "TopicConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


def refused_configurations(bucket):
    url, arn = queue(f"{bucket}-q")
    rule = lambda **more: dict({"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}, **more)
    cases = [
        ([rule(), rule()], "Configurations overlap. Configurations on the same bucket cannot share a common event type."),
        ([rule(QueueArn=arn + "-none")], "Unable to validate the following destination configurations"),
        ([rule(Id="a", Events=["s3:ObjectCreated:Put"]), rule(Id="a", Events=["s3:ObjectCreated:Copy"])], "Same ID used for multiple configurations. IDs must be unique."),
        ([rule(QueueArn=arn + ".fifo")], "FIFO SQS queues are not supported."),
    ]
    for rules, expected in cases:
        answer = refused("InvalidArgument", s3.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration={"QueueConfigurations": rules}, status=400)
        assert answer["Error"]["Message"].startswith(expected), answer["Error"]
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


SITUATIONS = [
    put_get_head, ranges_and_read_conditions, conditional_writes, eight_writers_one_winner, versions_and_markers,
    batch_delete, copies, listings, multipart, tags, archives, checksums, presigned, post_form, bucket_documents, virtual_host,
    command_line, notifications, refused_configurations,
]


def main(names):
    failed = []
    for situation in SITUATIONS:
        if names and situation.__name__ not in names:
            continue
        bucket = f"{situation.__name__.replace('_', '-')}-{uuid.uuid4().hex[:8]}"
        try:
            s3.create_bucket(Bucket=bucket)
            situation(bucket)
            print(f"ok    {situation.__name__}", flush=True)
        except Exception:
            failed.append(situation.__name__)
            print(f"FAIL  {situation.__name__}\n{traceback.format_exc()}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
