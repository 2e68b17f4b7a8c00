#!/usr/bin/env python3
"""clients_test.py BOOTSTRAP: confluent-kafka and kafka-python against one broker."""
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka import TopicPartition as KTopicPartition

BOOTSTRAP = sys.argv[1]


def outcome(future):
    """The error's name, or None."""
    try:
        future.result(10)
    except Exception as error:  # noqa: BLE001
        return error.args[0].name()
    return None


def same(what, wanted, got):
    assert wanted == got, f"{what}: wanted {wanted}, got {got}"


def admin():
    a = AdminClient({"bootstrap.servers": BOOTSTRAP})
    topics = [
        NewTopic("p1", 3, 1, config={"retention.ms": "3600000"}),
        NewTopic("p2", 1, 3),
        NewTopic("bad name", 1, 1),
        NewTopic("p3", 1, 1, config={"nope": "1"}),
        NewTopic("p4", 0, 1),
    ]
    same("create", [None, "INVALID_REPLICATION_FACTOR", "TOPIC_EXCEPTION", "INVALID_CONFIG", "INVALID_PARTITIONS"],
         [outcome(f) for f in a.create_topics(topics).values()])
    same("create twice", "TOPIC_ALREADY_EXISTS", outcome(a.create_topics([NewTopic("p1", 1, 1)])["p1"]))
    same("validate only", None, outcome(a.create_topics([NewTopic("pv", 1, 1)], validate_only=True)["pv"]))
    assert "pv" not in a.list_topics(timeout=10).topics
    same("more partitions", None, outcome(a.create_partitions([NewPartitions("p1", 5)])["p1"]))
    same("fewer partitions", "INVALID_PARTITIONS", outcome(a.create_partitions([NewPartitions("p1", 2)])["p1"]))

    def retention():
        described = a.describe_configs([ConfigResource("topic", "p1")])
        return list(described.values())[0].result(10)["retention.ms"].value

    same("retention", "3600000", retention())
    alter = a.alter_configs([ConfigResource("topic", "p1", set_config={"retention.ms": "7200000"})])
    same("alter", None, outcome(list(alter.values())[0]))
    for _ in range(100):
        if retention() == "7200000":
            break
        time.sleep(0.05)
    same("altered retention", "7200000", retention())
    return a


def produce_and_consume():
    p = Producer({"bootstrap.servers": BOOTSTRAP, "enable.idempotence": True, "linger.ms": 5})
    failed = []
    for i in range(1000):
        p.produce("p1", key=str(i), value=None if i % 10 == 0 else f"v{i}", partition=i % 5,
                  headers=[("h", b"x"), ("n", None)], timestamp=1600000000000 + i,
                  on_delivery=lambda error, message: failed.append(error) if error else None)
    same("unsent", 0, p.flush(30))
    same("failed", [], failed)
    c = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": "unused", "enable.auto.commit": False})
    same("watermarks", (0, 200), c.get_watermark_offsets(TopicPartition("p1", 0), timeout=10))
    asked = [TopicPartition("p1", 0, 1600000000500), TopicPartition("p1", 1, 1), TopicPartition("p1", 2, 1900000000000)]
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
    same("record 7", (b"v7", [("h", b"x"), ("n", None)], (1, 1600000000007), 1, 2),
         (m.value(), m.headers(), m.timestamp(), m.offset(), m.partition()))
    c.close()


def kafka_python():
    a = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    same("brokers", [1], [b["node_id"] for b in a.describe_cluster()["brokers"]])
    sent = 0
    for codec in (None, "gzip"):
        for acks in (0, 1, "all"):
            p = KafkaProducer(bootstrap_servers=BOOTSTRAP, compression_type=codec, acks=acks)
            for i in range(100):
                p.send("kp", key=b"k", value=b"v%d" % i, partition=0)
                sent += 1
            p.flush(10)
            p.close()
    c = KafkaConsumer(bootstrap_servers=BOOTSTRAP, consumer_timeout_ms=10000)
    tp = KTopicPartition("kp", 0)
    c.assign([tp])
    c.seek_to_beginning(tp)
    same("consumed by kafka-python", sent, sum(1 for _, _ in zip(range(sent), c)))
    same("end offset", {tp: sent}, c.end_offsets([tp]))
    c.close()


a = admin()
produce_and_consume()
kafka_python()
gone = a.delete_topics(["p1", "never-there"])
same("delete", [None, "UNKNOWN_TOPIC_OR_PART"], [outcome(f) for f in gone.values()])
print("Python's clients agree")
