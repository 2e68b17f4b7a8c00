#!/usr/bin/env python3
"""across.py BOOTSTRAP: what each client has written with each codec, read by every other one, byte for byte."""

import random
import re
import subprocess
import sys

import confluent_kafka
import kafka
from confluent_kafka import Consumer, Producer, TopicPartition
from kafka import KafkaConsumer, KafkaProducer
from kafka import TopicPartition as KTopicPartition

from checks import check, client, leave, needs_codec, run, same

BOOTSTRAP = sys.argv[1]
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
END = b"\x1e"  # between records, in none of them
DICE = random.Random(7)


def values():
    """Words, one letter many times, and noise, of many lengths."""
    noise = bytes(b for b in range(256) if b != END[0])
    out = []
    for i in range(120):
        length = 1 + i * i
        out.append((b"word %d " % (i % 7) * (length // 7 + 1))[:length])
        out.append(b"x" * length)
        out.append(bytes(DICE.choices(noise, k=min(length, 3000))))
    return out


SENT = values()


# What is read is compared in its order, which no client promises without idempotence: a batch that is sent again comes
# behind those that were under way beside it.
def kcat_writes(topic, codec):
    run(
        ["kcat", "-P", "-b", BOOTSTRAP, "-t", topic, "-p", "0", "-z", codec, "-D", END.decode(),
         "-X", "enable.idempotence=true"],
        END.join(SENT),
    )


def confluent_writes(topic, codec):
    p = Producer({"bootstrap.servers": BOOTSTRAP, "compression.type": codec, "linger.ms": 20, "enable.idempotence": True})
    for v in SENT:
        p.produce(topic, value=v, partition=0)
    same("unsent", 0, p.flush(30))


def kafka_python_writes(topic, codec):
    needs_codec(codec)
    p = KafkaProducer(
        bootstrap_servers=BOOTSTRAP,
        compression_type=None if codec == "none" else codec,
        acks="all",
        linger_ms=20,
        max_in_flight_requests_per_connection=1,
    )
    for v in SENT:
        p.send(topic, value=v, partition=0)
    p.flush(30)
    p.close()


def kcat_reads(topic):
    out, _ = run(
        ["kcat", "-C", "-b", BOOTSTRAP, "-t", topic, "-p", "0", "-o", "beginning", "-e", "-q", "-D", END.decode()]
    )
    return out.split(END)[:-1]


def confluent_reads(topic):
    c = Consumer(
        {"bootstrap.servers": BOOTSTRAP, "group.id": "unused", "enable.auto.commit": False, "check.crcs": True}
    )
    c.assign([TopicPartition(topic, 0, 0)])
    got = []
    for _ in range(100):
        got += [m.value() for m in c.consume(500, 0.3)]
        if len(got) >= len(SENT):
            break
    c.close()
    return got


def kafka_python_reads(topic):
    c = KafkaConsumer(bootstrap_servers=BOOTSTRAP, consumer_timeout_ms=10000, check_crcs=True)
    tp = KTopicPartition(topic, 0)
    c.assign([tp])
    c.seek(tp, 0)
    got = [r.value for _, r in zip(range(len(SENT)), c)]
    c.close()
    return got


def written(writer, write, codec):
    write(f"across-{writer}-{codec}", codec)


def read_by(reader, read, writer, codec):
    if "kafka-python" in (reader, writer):
        needs_codec(codec)
    same("values", SENT, read(f"across-{writer}-{codec}"))


WRITERS = {"kcat": kcat_writes, "confluent-kafka": confluent_writes, "kafka-python": kafka_python_writes}
READERS = {"kcat": kcat_reads, "confluent-kafka": confluent_reads, "kafka-python": kafka_python_reads}

client(
    "kcat",
    re.search(
        r"Version ([0-9.]+)", subprocess.run(["kcat", "-V"], capture_output=True, text=True, check=False).stdout
    ).group(1),
)
client("confluent-kafka", confluent_kafka.version()[0])
client("kafka-python", kafka.__version__)
for name, function in WRITERS.items():
    for kind in CODECS:
        check(f"{kind} written by {name}", written, name, function, kind)
        for other, reading in READERS.items():
            check(f"{kind} written by {name}, read by {other}", read_by, other, reading, name, kind)
leave()
