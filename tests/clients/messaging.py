"""SQS, SNS and STS of a running `brigade up`, driven by boto3 and the AWS command line.

    BRIGADE_ENDPOINT=http://127.0.0.1:4566 python tests/clients/messaging.py

Needs `boto3`; runs the command-line checks too where `aws` is on the PATH. boto3 refuses a reply whose MD5 is wrong, so
each send and receive here checks the digests as well. Exits with 1 at the first thing that does not hold.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["BRIGADE_ENDPOINT"].rstrip("/")
REGION = os.environ.get("AWS_REGION", "us-east-1")
RUN = uuid.uuid4().hex[:8]
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


def client(service):
    config = Config(retries={"max_attempts": 1})
    return boto3.client(service, endpoint_url=ENDPOINT, region_name=REGION, config=config, **CREDENTIALS)


SQS, SNS, STS = client("sqs"), client("sns"), client("sts")


def queue(name, **attributes):
    return SQS.create_queue(QueueName=f"{name}-{RUN}" if not name.endswith(".fifo") else f"{RUN}-{name}", Attributes=attributes)["QueueUrl"]


def arn(url):
    return SQS.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def admit(topic, url):
    """Has the queue's policy let the topic send."""
    statement = {
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn(url),
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    SQS.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})})


def receive(url, **options):
    options = {"MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]} | options
    return SQS.receive_message(QueueUrl=url, **options).get("Messages", [])


def refused(code, call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert code in found, f"expected {code}, got {found}"
        return error
    raise AssertionError(f"not refused: {parameters}")


def send_receive_delete():
    url = queue("plain")
    attributes = {
        "text": {"DataType": "String", "StringValue": "é \r\n"},
        "number": {"DataType": "Number.int", "StringValue": "42"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    body = "<body>&é\r\n\U0001f426"
    sent = SQS.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes, MessageSystemAttributes=trace)
    assert sent["MD5OfMessageAttributes"] and sent["MD5OfMessageSystemAttributes"]
    (message,) = receive(url)
    assert message["Body"] == body and message["MessageId"] == sent["MessageId"]
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["MessageAttributes"] == attributes
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert message["Attributes"]["AWSTraceHeader"] == trace["AWSTraceHeader"]["StringValue"]
    assert abs(int(message["Attributes"]["SentTimestamp"]) / 1000 - time.time()) < 300
    SQS.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    SQS.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert receive(url) == []


def attribute_selection():
    url = queue("selection", VisibilityTimeout="0")
    attributes = {name: {"DataType": "String", "StringValue": "x"} for name in ["a.one", "a.two", "b"]}
    SQS.send_message(QueueUrl=url, MessageBody="m", MessageAttributes=attributes)
    (message,) = receive(url, MessageAttributeNames=["a.*"], MessageSystemAttributeNames=["SentTimestamp"])
    assert sorted(message["MessageAttributes"]) == ["a.one", "a.two"]
    assert list(message["Attributes"]) == ["SentTimestamp"]
    message = SQS.receive_message(QueueUrl=url, AttributeNames=["ApproximateReceiveCount"])["Messages"][0]
    assert message["Attributes"] == {"ApproximateReceiveCount": "2"} and "MessageAttributes" not in message


def batches():
    url = queue("batch")
    entries = [{"Id": str(i), "MessageBody": f"m{i}", "MessageAttributes": {"i": {"DataType": "Number", "StringValue": str(i)}}} for i in range(9)]
    entries.append({"Id": "late", "MessageBody": "m", "DelaySeconds": 901})
    result = SQS.send_message_batch(QueueUrl=url, Entries=entries)
    assert len(result["Successful"]) == 9 and [f["Id"] for f in result["Failed"]] == ["late"]
    messages = receive(url)
    handles = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
    changed = SQS.change_message_visibility_batch(QueueUrl=url, Entries=[h | {"VisibilityTimeout": 600} for h in handles])
    assert len(changed["Successful"]) == 9
    deleted = SQS.delete_message_batch(QueueUrl=url, Entries=handles + [{"Id": "bad", "ReceiptHandle": "garbage"}])
    assert len(deleted["Successful"]) == 9 and deleted["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"
    refused("EmptyBatchRequest", SQS.send_message_batch, QueueUrl=url, Entries=[])
    refused("BatchEntryIdsNotDistinct", SQS.delete_message_batch, QueueUrl=url, Entries=[handles[0], handles[0]])
    refused("TooManyEntriesInBatchRequest", SQS.delete_message_batch, QueueUrl=url, Entries=[{"Id": str(i), "ReceiptHandle": "x"} for i in range(11)])
    large = [{"Id": str(i), "MessageBody": "x" * 600_000} for i in range(2)]
    refused("BatchRequestTooLong", SQS.send_message_batch, QueueUrl=url, Entries=large)


def limits_and_errors():
    url = queue("limits")
    SQS.send_message(QueueUrl=url, MessageBody="x" * 1_048_576)
    refused("InvalidParameterValue", SQS.send_message, QueueUrl=url, MessageBody="x" * 1_048_577)
    refused("InvalidMessageContents", SQS.send_message, QueueUrl=url, MessageBody="\x01")
    refused("InvalidParameterValue", SQS.receive_message, QueueUrl=url, MaxNumberOfMessages=11)
    refused("ReceiptHandleIsInvalid", SQS.delete_message, QueueUrl=url, ReceiptHandle="garbage")
    refused("InvalidAttributeName", SQS.set_queue_attributes, QueueUrl=url, Attributes={"Nonsense": "1"})
    missing = refused("NonExistentQueue", SQS.get_queue_url, QueueName=f"missing-{RUN}")
    assert isinstance(missing, SQS.exceptions.QueueDoesNotExist)
    refused("QueueAlreadyExists", SQS.create_queue, QueueName=f"limits-{RUN}", Attributes={"DelaySeconds": "9"})


def visibility_and_long_poll():
    url = queue("visibility")
    SQS.send_message(QueueUrl=url, MessageBody="m")
    (first,) = receive(url)
    assert receive(url) == []
    SQS.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    (second,) = receive(url, VisibilityTimeout=1)
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    refused("InvalidParameterValue", SQS.change_message_visibility, QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=5)
    (third,) = receive(url, WaitTimeSeconds=20)
    assert third["Attributes"]["ApproximateReceiveCount"] == "3", "the long poll saw the timeout"


def dead_letters():
    dead = queue("dead")
    policy = json.dumps({"deadLetterTargetArn": arn(dead), "maxReceiveCount": 1})
    url = queue("source", RedrivePolicy=policy, VisibilityTimeout="0")
    SQS.send_message(QueueUrl=url, MessageBody="poison", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    assert len(receive(url)) == 1 and receive(url) == []
    (message,) = receive(dead, VisibilityTimeout=0)
    assert message["Body"] == "poison" and message["Attributes"]["DeadLetterQueueSourceArn"] == arn(url)
    assert message["MessageAttributes"]["a"]["StringValue"] == "b"
    assert SQS.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    SQS.start_message_move_task(SourceArn=arn(dead))
    (back,) = receive(url)
    assert back["Body"] == "poison" and back["Attributes"]["ApproximateReceiveCount"] == "1"


def fifo():
    url = queue("queue.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for body, group in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("a1", "a")]:
        assert SQS.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group)["SequenceNumber"]
    first = receive(url, MaxNumberOfMessages=1)[0]
    assert first["Body"] == "a1" and first["Attributes"]["MessageGroupId"] == "a"
    assert [m["Body"] for m in receive(url)] == ["b1"], "group a waits"
    SQS.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert [m["Body"] for m in receive(url)] == ["a2"]
    refused("MissingParameter", SQS.send_message, QueueUrl=url, MessageBody="m")


def management():
    url = queue("managed", DelaySeconds="0")
    assert url.startswith(ENDPOINT), url
    assert SQS.get_queue_url(QueueName=f"managed-{RUN}")["QueueUrl"] == url
    assert url in SQS.list_queues(QueueNamePrefix="managed-")["QueueUrls"]
    SQS.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "77"})
    attributes = SQS.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["VisibilityTimeout"] == "77" and attributes["MaximumMessageSize"] == "1048576"
    assert attributes["QueueArn"].split(":")[3] == REGION
    SQS.tag_queue(QueueUrl=url, Tags={"a": "1", "b": "2"})
    SQS.untag_queue(QueueUrl=url, TagKeys=["a"])
    assert SQS.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2"}
    SQS.send_message(QueueUrl=url, MessageBody="m")
    SQS.purge_queue(QueueUrl=url)
    assert receive(url) == []
    pages = SQS.get_paginator("list_queues").paginate(QueueNamePrefix="", PaginationConfig={"PageSize": 2})
    assert url in [found for page in pages for found in page["QueueUrls"]]
    SQS.delete_queue(QueueUrl=url)
    refused("NonExistentQueue", SQS.get_queue_attributes, QueueUrl=url, AttributeNames=["All"])


def topics():
    topic = SNS.create_topic(Name=f"topic-{RUN}", Tags=[{"Key": "k", "Value": "v"}])["TopicArn"]
    assert SNS.create_topic(Name=f"topic-{RUN}")["TopicArn"] == topic
    plain, raw = queue("envelope"), queue("raw")
    first = SNS.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn(plain), ReturnSubscriptionArn=True)["SubscriptionArn"]
    SNS.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn(raw), Attributes={"RawMessageDelivery": "true"})
    attributes = {"n": {"DataType": "Number", "StringValue": "5"}, "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
    SNS.publish(TopicArn=topic, Message="kept out by the queues' policies")
    for url in (plain, raw):
        admit(topic, url)
    published = SNS.publish(TopicArn=topic, Message="é & <m> + %", Subject="s", MessageAttributes=attributes)["MessageId"]
    envelope = json.loads(receive(plain)[0]["Body"])
    assert envelope["Message"] == "é & <m> + %" and envelope["Subject"] == "s" and envelope["MessageId"] == published
    assert envelope["MessageAttributes"]["b"] == {"Type": "Binary", "Value": "AP8="}
    (message,) = receive(raw)
    assert message["Body"] == "é & <m> + %" and message["MessageAttributes"] == attributes

    policy = {"Records": {"s3": {"object": {"key": [{"prefix": "in/"}]}}}}
    SNS.set_subscription_attributes(SubscriptionArn=first, AttributeName="FilterPolicyScope", AttributeValue="MessageBody")
    SNS.set_subscription_attributes(SubscriptionArn=first, AttributeName="FilterPolicy", AttributeValue=json.dumps(policy))
    found = SNS.get_subscription_attributes(SubscriptionArn=first)["Attributes"]
    assert json.loads(found["FilterPolicy"]) == policy and found["RawMessageDelivery"] == "false"
    keys = {"1": "out/a", "2": "in/b"}
    entries = [{"Id": i, "Message": json.dumps({"Records": [{"s3": {"object": {"key": key}}}]})} for i, key in keys.items()]
    assert len(SNS.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)["Successful"]) == 2
    bodies = [json.loads(json.loads(m["Body"])["Message"]) for m in receive(plain)]
    assert [b["Records"][0]["s3"]["object"]["key"] for b in bodies] == ["in/b"]

    assert len(SNS.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) == 2
    assert topic in [t["TopicArn"] for page in SNS.get_paginator("list_topics").paginate() for t in page["Topics"]]
    assert SNS.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsConfirmed"] == "2"
    assert SNS.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "k", "Value": "v"}]
    with urllib.request.urlopen(envelope["UnsubscribeURL"]) as reply:
        assert reply.status == 200
    assert len(SNS.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) == 1
    SNS.delete_topic(TopicArn=topic)
    refused("NotFound", SNS.publish, TopicArn=topic, Message="m")
    refused("InvalidParameter", SNS.create_topic, Name="bad name")


def query_protocol():
    """Older clients speak the query protocol to SQS: forms in, XML out."""

    def call(action, **fields):
        form = urllib.parse.urlencode({"Action": action, "Version": "2012-11-05"} | fields)
        with urllib.request.urlopen(urllib.request.Request(ENDPOINT + "/", data=form.encode())) as reply:
            return reply.read().decode()

    url = queue("query")
    xml = call("SendMessage", QueueUrl=url, MessageBody="a<b", **{"MessageAttribute.1.Name": "n", "MessageAttribute.1.Value.DataType": "String", "MessageAttribute.1.Value.StringValue": "v"})
    assert "<MD5OfMessageAttributes>" in xml and "<SendMessageResult>" in xml, xml
    xml = call("ReceiveMessage", QueueUrl=url, **{"AttributeName.1": "All", "MessageAttributeName.1": "All"})
    assert "<Body>a&lt;b</Body>" in xml and "<Name>SentTimestamp</Name>" in xml and "<StringValue>v</StringValue>" in xml, xml
    xml = call("SendMessageBatch", QueueUrl=url, **{"SendMessageBatchRequestEntry.1.Id": "x", "SendMessageBatchRequestEntry.1.MessageBody": "m"})
    assert "<SendMessageBatchResultEntry><Id>x</Id>" in xml, xml
    xml = call("GetQueueAttributes", QueueUrl=url, **{"AttributeName.1": "QueueArn"})
    assert f"<Attribute><Name>QueueArn</Name><Value>{arn(url)}</Value></Attribute>" in xml, xml


def identity():
    found = STS.get_caller_identity()
    assert found["Account"] == "000000000000" and found["Arn"].startswith("arn:aws:iam::000000000000:"), found


def command_line():
    environment = os.environ | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}

    def aws(*arguments):
        command = ["aws", "--endpoint-url", ENDPOINT, "--output", "json", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else {}

    url = aws("sqs", "create-queue", "--queue-name", f"cli-{RUN}")["QueueUrl"]
    aws("sqs", "send-message", "--queue-url", url, "--message-body", "from the command line")
    (message,) = aws("sqs", "receive-message", "--queue-url", url, "--attribute-names", "All")["Messages"]
    assert message["Body"] == "from the command line"
    aws("sqs", "delete-message", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"])
    topic = aws("sns", "create-topic", "--name", f"cli-{RUN}")["TopicArn"]
    aws("sns", "subscribe", "--topic-arn", topic, "--protocol", "sqs", "--notification-endpoint", arn(url))
    admit(topic, url)
    aws("sns", "publish", "--topic-arn", topic, "--message", "hello")
    (message,) = aws("sqs", "receive-message", "--queue-url", url)["Messages"]
    assert json.loads(message["Body"])["Message"] == "hello"
    assert aws("sts", "get-caller-identity")["Account"] == "000000000000"
    aws("sns", "delete-topic", "--topic-arn", topic)
    aws("sqs", "delete-queue", "--queue-url", url)


def main():
    checks = [send_receive_delete, attribute_selection, batches, limits_and_errors, visibility_and_long_poll, dead_letters, fifo]
    checks += [management, topics, query_protocol, identity]
    if shutil.which("aws"):
        checks.append(command_line)
    else:
        print("skip  command_line: no `aws` on the PATH")
    for check in checks:
        try:
            check()
        except Exception as error:
            print(f"FAIL  {check.__name__}: {error!r}")
            raise
        print(f"ok    {check.__name__}")
    for url in SQS.list_queues().get("QueueUrls", []):
        if RUN in url:
            SQS.delete_queue(QueueUrl=url)


if __name__ == "__main__":
    sys.exit(main())
