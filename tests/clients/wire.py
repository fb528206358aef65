"""`brigade wire` on a bucket that boto3 has configured: of a running `brigade up`, or of another emulator.

    BRIGADE_ENDPOINT=http://127.0.0.1:4566 python tests/clients/wire.py

Needs `boto3`, and the command: `BRIGADE_COMMAND`, or the one that `cargo build` has left. Everything is read back with
boto3, which is not what wrote it. With `BRIGADE_TEST_EMULATOR=moto` what moto 5.2.5 is known to do otherwise is expected:
it does not tell the EventBridge switch back; takes what S3 refuses (overlaps, equal ids, two prefixes, long values, FIFO queues,
destinations that do not exist, more than 100 rules); refuses ObjectAnnotation and ObjectRetention; asks no bucket's owner. Exits
with 1 at the first thing that does not hold.
"""

import json
import os
import subprocess
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["BRIGADE_ENDPOINT"].rstrip("/")
REGION = os.environ.get("AWS_REGION", "us-east-1")
COMMAND = os.environ.get("BRIGADE_COMMAND", os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "debug", "brigade"))
MOTO = os.environ.get("BRIGADE_TEST_EMULATOR") == "moto"
RUN = uuid.uuid4().hex[:8]
BUCKET = f"wire.{RUN}"
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


def client(service):
    config = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
    return boto3.client(service, endpoint_url=ENDPOINT, region_name=REGION, config=config, **CREDENTIALS)


S3, SQS, SNS = client("s3"), client("sqs"), client("sns")


def wire(*arguments, code=0):
    environment = os.environ | {
        "AWS_ENDPOINT_URL": ENDPOINT,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    called = [COMMAND, "wire", BUCKET, "--to", "thumbnail,cleanup", "--json", *arguments]
    run = subprocess.run(called, env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == code, f"{called}: exit {run.returncode}, not {code}\n{run.stdout}{run.stderr}"
    return json.loads(run.stdout)


def arn(url):
    return SQS.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def policy(url):
    attributes = SQS.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {})
    return json.loads(attributes.get("Policy") or "{}")


def policies():
    return {url: policy(url).get("Statement", []) for url in SQS.list_queues().get("QueueUrls", [])}


def configuration():
    told = S3.get_bucket_notification_configuration(Bucket=BUCKET)
    return {name: value for name, value in told.items() if name != "ResponseMetadata"}


def ids(told):
    return {rule["Id"] for kind in told.values() if isinstance(kind, list) for rule in kind}


def rules_of(told, wanted):
    return {kind: [rule for rule in rules if rule["Id"] in wanted] for kind, rules in told.items() if isinstance(rules, list)}


def state():
    topics = {topic["TopicArn"] for page in SNS.get_paginator("list_topics").paginate() for topic in page["Topics"]}
    queues = set(SQS.list_queues().get("QueueUrls", []))
    subscriptions = {(s["TopicArn"], s["Endpoint"]) for page in SNS.get_paginator("list_subscriptions").paginate() for s in page["Subscriptions"]}
    return topics, queues, subscriptions


def key_filter(**rules):
    return {"Key": {"FilterRules": [{"Name": name, "Value": value} for name, value in rules.items()]}}


def foreign(queue, topic):
    return {
        "TopicConfigurations": [
            {"Id": "restored", "TopicArn": topic, "Events": ["s3:ObjectRestore:*", "s3:ReducedRedundancyLostObject"]},
            {"Id": "brigade-wire", "TopicArn": topic, "Events": ["s3:ObjectAcl:Put"], "Filter": key_filter(prefix="x")},
        ],
        "QueueConfigurations": [
            {"Id": "tags", "QueueArn": queue, "Events": ["s3:ObjectTagging:*"], "Filter": key_filter(prefix="a+b/", suffix=".jpg")},
            {"Id": "logs", "QueueArn": queue, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"], "Filter": key_filter(prefix="logs/")},
        ],
        "EventBridgeConfiguration": {},
    }


def survives_and_is_left_as_it_was(queue, topic):
    S3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=foreign(queue, topic))
    before, around, allowed = configuration(), state(), policies()
    # moto takes the EventBridge switch and does not tell it.
    assert ("EventBridgeConfiguration" in before) != MOTO, before
    switch = {"EventBridgeConfiguration": {}} if not MOTO else {}
    planned = wire("--prefix", "uploads/")
    assert planned["outcome"] == "planned" and planned["changes"] > 0, planned
    assert configuration() == before and state() == around
    applied = wire("--prefix", "uploads/", "--apply")
    assert applied["outcome"] == "applied" and applied["test_event"] == "arrived", applied
    wired = configuration()
    assert rules_of(wired, ids(before)) | switch == before, wired
    own = ids(wired) - ids(before)
    assert own == {f"brigade-wire.{family}" for family in ("ObjectCreated", "ObjectRemoved", "LifecycleExpiration")}, own
    assert wire("--prefix", "uploads/", "--apply")["changes"] == 0

    wired_topic = applied["topic"]
    statement = [s for s in json.loads(SNS.get_topic_attributes(TopicArn=wired_topic)["Attributes"]["Policy"])["Statement"] if s.get("Sid", "").startswith("BrigadeWire")]
    assert statement[0]["Condition"]["ArnLike"]["aws:SourceArn"] == f"arn:aws:s3:::{BUCKET}", statement
    assert statement[0]["Condition"]["StringEquals"]["aws:SourceAccount"] == wired_topic.split(":")[4], statement
    subscription = SNS.list_subscriptions_by_topic(TopicArn=wired_topic)["Subscriptions"]
    assert sorted(s["Endpoint"].rsplit(":", 1)[1] for s in subscription) == ["brigade-cleanup", "brigade-thumbnail"], subscription
    for one in subscription:
        attributes = SNS.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])["Attributes"]
        assert attributes["RawMessageDelivery"] == "true" and attributes["FilterPolicyScope"] == "MessageBody", attributes
        dead_letters = one["Endpoint"] + "-dlq"
        assert json.loads(attributes["RedrivePolicy"]) == {"deadLetterTargetArn": dead_letters}, attributes
        admitted = policy(SQS.get_queue_url(QueueName=dead_letters.rsplit(":", 1)[1])["QueueUrl"])["Statement"]
        assert [s["Resource"] for s in admitted if s["Condition"]["ArnEquals"] == {"aws:SourceArn": wired_topic}] == [dead_letters], admitted
        assert admitted[0]["Condition"]["StringEquals"]["aws:SourceAccount"] == wired_topic.split(":")[4], admitted

    removed = wire("--remove", "--apply")
    assert removed["outcome"] == "applied", removed
    assert configuration() == before, configuration()
    assert state() == around, (state(), around)
    assert policies() == allowed, (policies(), allowed)


def what_broke_is_mended():
    wire("--prefix", "uploads/", "--apply")
    url = SQS.get_queue_url(QueueName="brigade-thumbnail")["QueueUrl"]
    theirs = {"Sid": "theirs", "Effect": "Deny", "Principal": "*", "Action": "sqs:PurgeQueue", "Resource": arn(url)}
    SQS.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [theirs]})})
    mended = wire("--prefix", "uploads/", "--apply")
    assert mended["outcome"] == "applied" and mended["changes"] == 1, mended
    sids = [statement["Sid"] for statement in policy(url)["Statement"]]
    assert sids[0] == "theirs" and len(sids) == 2, sids
    assert wire("--prefix", "uploads/", "--apply")["changes"] == 0
    wire("--remove", "--topic", f"theirs-{RUN}", "--apply", code=1)
    assert ids(configuration()) >= {"brigade-wire.ObjectCreated", "brigade-wire.ObjectRemoved"}, configuration()
    wire("--remove", "--apply")
    assert policy(url)["Statement"] == [theirs], policy(url)


def overlaps_are_refused_in_s3s_words(queue):
    for rule, said in [
        ({"Events": ["s3:ObjectCreated:Put"]}, "Configurations overlap."),
        ({"Events": ["s3:ObjectCreated:*"], "Filter": key_filter(suffix=".jpg")}, "Configuration is ambiguously defined."),
    ]:
        rules = {"QueueConfigurations": [{"Id": "theirs", "QueueArn": queue, **rule}]}
        S3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=rules)
        before = configuration()
        refused = wire("--apply", code=1)
        assert refused["refusals"][0]["message"].startswith(said), refused
        assert refused["refusals"][0]["rules"][0]["id"] == "theirs" and "an-out" in refused["refusals"][0]["fan_out"], refused
        assert configuration() == before
        if MOTO:
            continue
        # What was foretold is what S3's side says.
        both = rules | {"TopicConfigurations": [{"Id": "ours", "TopicArn": SNS.create_topic(Name=f"theirs-{RUN}")["TopicArn"], "Events": ["s3:ObjectCreated:*"]}]}
        try:
            S3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=both)
            raise AssertionError("not refused")
        except ClientError as error:
            assert error.response["Error"]["Message"] == refused["refusals"][0]["message"], error


def invalid_configurations_are_refused(queue):
    """S3's own codes and texts; moto has a few of them, in its own words."""
    created = ["s3:ObjectCreated:*"]
    fifo = arn(SQS.create_queue(QueueName=f"{RUN}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"])

    def rule(**members):
        return {"QueueArn": queue, "Events": created} | members

    cases = [
        ([rule(Id="a", Events=["s3:ObjectRemoved:*"]), rule(Id="a")], "Same ID used for multiple configurations. IDs must be unique."),
        ([rule(Filter={"Key": {"FilterRules": [{"Name": "prefix", "Value": "a"}, {"Name": "prefix", "Value": "b"}]}})], "Cannot specify more than one prefix rule in a filter."),
        ([rule(Filter=key_filter(suffix="x" * 1025))], "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation"),
        ([rule(QueueArn=fifo)], "FIFO SQS queues are not supported."),
        ([rule(QueueArn=queue + "-gone")], "Unable to validate the following destination configurations"),
        ([rule(Filter=key_filter(prefix=f"{n}/")) for n in range(101)], "The number of notification configurations exceeds the limit of 100."),
    ]
    for rules, said in cases:
        try:
            S3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": rules})
            raise AssertionError(f"not refused: {said}")
        except ClientError as error:
            assert error.response["Error"]["Message"].startswith(said), error
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error


def admitting(action, resource):
    """A policy that lets S3 act for the bucket."""
    statement = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": action, "Resource": resource}
    condition = {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:*:*:{BUCKET}"}, "StringEquals": {"aws:SourceAccount": resource.split(":")[4]}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | {"Condition": condition}]})


def admitted_queue(name):
    url = SQS.create_queue(QueueName=name)["QueueUrl"]
    SQS.set_queue_attributes(QueueUrl=url, Attributes={"Policy": admitting("sqs:SendMessage", arn(url))})
    return arn(url)


def admitted_topic(name):
    topic = SNS.create_topic(Name=name)["TopicArn"]
    SNS.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=admitting("sns:Publish", topic))
    return topic


def main():
    S3.create_bucket(Bucket=BUCKET)
    if MOTO:
        for function in ("thumbnail", "cleanup"):
            dead_letters = arn(SQS.create_queue(QueueName=f"brigade-{function}-dlq")["QueueUrl"])
            redrive = json.dumps({"deadLetterTargetArn": dead_letters, "maxReceiveCount": 5})
            SQS.create_queue(QueueName=f"brigade-{function}", Attributes={"RedrivePolicy": redrive})
    queue, topic = admitted_queue(f"theirs-{RUN}"), admitted_topic(f"theirs-{RUN}")
    survives_and_is_left_as_it_was(queue, topic)
    print("ok: rules of others survive, and removal leaves what was there")
    what_broke_is_mended()
    print("ok: a queue that lets the topic in no more is mended, and a removal from another topic is refused")
    overlaps_are_refused_in_s3s_words(queue)
    print("ok: overlaps are refused in S3's words")
    if not MOTO:
        invalid_configurations_are_refused(queue)
        print("ok: invalid configurations are refused in S3's words")


main()
