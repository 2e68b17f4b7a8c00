#!/usr/bin/env python3
"""python_clients.py BOOTSTRAP: confluent-kafka and kafka-python against one broker."""

import sys
import time

import confluent_kafka
import kafka
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka import TopicPartition as KTopicPartition
from kafka.admin import NewPartitions as KNewPartitions
from kafka.admin import NewTopic as KNewTopic
from kafka.errors import MessageSizeTooLargeError

from checks import check, client, leave, needs_codec, same, until

BOOTSTRAP = sys.argv[1]
BEGIN_MS = int(time.time()) * 1000 - 3_600_000  # records must not be older than their retention


def outcome(future):
    """The error's name, or None."""
    try:
        future.result(10)
    except Exception as error:  # noqa: BLE001
        return error.args[0].name()
    return None


def admin():
    a = AdminClient({"bootstrap.servers": BOOTSTRAP})
    topics = [
        NewTopic("p1", 3, 1, config={"retention.ms": "36000000000"}),
        NewTopic("p2", 1, 3),
        NewTopic("bad name", 1, 1),
        NewTopic("p3", 1, 1, config={"nope": "1"}),
        NewTopic("p4", 0, 1),
    ]
    same(
        "create",
        [None, "INVALID_REPLICATION_FACTOR", "TOPIC_EXCEPTION", "INVALID_CONFIG", "INVALID_PARTITIONS"],
        [outcome(f) for f in a.create_topics(topics).values()],
    )
    same("create twice", "TOPIC_ALREADY_EXISTS", outcome(a.create_topics([NewTopic("p1", 1, 1)])["p1"]))
    same("validate only", None, outcome(a.create_topics([NewTopic("pv", 1, 1)], validate_only=True)["pv"]))
    assert "pv" not in a.list_topics(timeout=10).topics
    same("more partitions", None, outcome(a.create_partitions([NewPartitions("p1", 5)])["p1"]))
    same("fewer partitions", "INVALID_PARTITIONS", outcome(a.create_partitions([NewPartitions("p1", 2)])["p1"]))
    until("five partitions", lambda: len(a.list_topics("p1", timeout=10).topics["p1"].partitions) == 5)


def configs():
    a = AdminClient({"bootstrap.servers": BOOTSTRAP})

    def retention():
        described = a.describe_configs([ConfigResource("topic", "p1")])
        return list(described.values())[0].result(10)["retention.ms"].value

    same("retention", "36000000000", retention())
    alter = a.alter_configs([ConfigResource("topic", "p1", set_config={"retention.ms": "-1"})])
    same("alter", None, outcome(list(alter.values())[0]))
    until("the retention altered", lambda: retention() == "-1")


def delete():
    a = AdminClient({"bootstrap.servers": BOOTSTRAP})
    gone = a.delete_topics(["p1", "never-there"])
    same("delete", [None, "UNKNOWN_TOPIC_OR_PART"], [outcome(f) for f in gone.values()])


def produce_and_consume():
    p = Producer({"bootstrap.servers": BOOTSTRAP, "enable.idempotence": True, "linger.ms": 5})
    failed = []
    for i in range(1000):
        p.produce(
            "p1",
            key=str(i),
            value=None if i % 10 == 0 else f"v{i}",
            partition=i % 5,
            headers=[("h", b"x"), ("n", None)],
            timestamp=BEGIN_MS + i,
            on_delivery=lambda error, message: failed.append(error) if error else None,
        )
    same("unsent", 0, p.flush(30))
    same("failed", [], failed)
    c = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": "unused", "enable.auto.commit": False})
    same("watermarks", (0, 200), c.get_watermark_offsets(TopicPartition("p1", 0), timeout=10))
    asked = [
        TopicPartition("p1", 0, BEGIN_MS + 500),
        TopicPartition("p1", 1, 1),
        TopicPartition("p1", 2, BEGIN_MS + 5000),
    ]
    same("offsets by time", [100, 0, -1], [t.offset for t in c.offsets_for_times(asked, timeout=10)])
    c.assign([TopicPartition("p1", k, 0) for k in range(5)])
    seen = {}
    end = time.time() + 30
    while len(seen) < 1000 and time.time() < end:
        for m in c.consume(500, 1):
            assert m.error() is None, m.error()
            seen[int(m.key())] = m
    same("consumed", 1000, len(seen))
    same("tombstones", 100, sum(m.value() is None for m in seen.values()))
    m = seen[7]
    same(
        "record 7",
        (b"v7", [("h", b"x"), ("n", None)], (1, BEGIN_MS + 7), 1, 2),
        (m.value(), m.headers(), m.timestamp(), m.offset(), m.partition()),
    )
    c.close()


def kafka_python_admin():
    a = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    same("brokers", [1], [b["node_id"] for b in a.describe_cluster()["brokers"]])
    a.create_topics([KNewTopic("kpa", 2, 1)])
    until("listed", lambda: "kpa" in a.list_topics())
    a.create_partitions({"kpa": KNewPartitions(3)})
    until("three partitions", lambda: len(a.describe_topics(["kpa"])[0]["partitions"]) == 3)
    a.delete_topics(["kpa"])
    until("gone", lambda: "kpa" not in a.list_topics())
    a.close()


def kafka_python(codec):
    needs_codec(codec)
    topic = f"kp-{codec}"
    sent = []
    for acks in (0, 1, "all"):
        p = KafkaProducer(
            bootstrap_servers=BOOTSTRAP, compression_type=None if codec == "none" else codec, acks=acks, retries=5
        )
        for i in range(100):
            value = b"%d of %s " % (i, str(acks).encode()) + b"x" * i
            p.send(topic, key=b"k%d" % i, value=value, partition=0, headers=[("h", b"v")], timestamp_ms=BEGIN_MS + i)
            sent.append((b"k%d" % i, value, [("h", b"v")], BEGIN_MS + i))
        p.flush(10)
        p.close()
    c = KafkaConsumer(bootstrap_servers=BOOTSTRAP, consumer_timeout_ms=10000)
    tp = KTopicPartition(topic, 0)
    c.assign([tp])
    c.seek_to_beginning(tp)
    same("records", sent, [(r.key, r.value, r.headers, r.timestamp) for _, r in zip(range(len(sent)), c)])
    same("end offset", {tp: len(sent)}, c.end_offsets([tp]))
    same("by time", 50, c.offsets_for_times({tp: BEGIN_MS + 50})[tp].offset)
    c.close()


def too_large():
    p = KafkaProducer(bootstrap_servers=BOOTSTRAP, max_request_size=10_000_000, retries=0)
    try:
        p.send("kp-none", value=b"x" * 1_100_000, partition=0).get(10)
    except MessageSizeTooLargeError:
        return
    finally:
        p.close()
    raise AssertionError("no MessageSizeTooLargeError")


client("confluent-kafka", confluent_kafka.version()[0])
client("librdkafka", confluent_kafka.libversion()[0])
client("kafka-python", kafka.__version__)
check("confluent-kafka: topics", admin)
check("confluent-kafka: configurations", configs)
check("confluent-kafka: produce and consume, idempotent", produce_and_consume)
check("confluent-kafka: delete topics", delete)
check("kafka-python: topics", kafka_python_admin)
for name in ("none", "gzip", "snappy", "lz4", "zstd"):
    check(f"kafka-python: produce and consume, {name}", kafka_python, name)
check("kafka-python: a record above max.message.bytes", too_large)
leave()
