#!/usr/bin/env python3
"""kcat.py BOOTSTRAP: kcat (librdkafka) against one broker that makes topics when they are first used."""

import json
import re
import subprocess
import sys

from checks import check, client, holds, leave, run, same

BOOTSTRAP = sys.argv[1]
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
VERSION = subprocess.run(["kcat", "-V"], capture_output=True, text=True, check=False).stdout
LARGEST = 1_048_588  # max.message.bytes


def produce(topic, data, *arguments, status=0):
    return run(
        ["kcat", "-P", "-b", BOOTSTRAP, "-t", topic, "-p", "0", "-X", "retry.backoff.ms=20", *arguments], data, status
    )


def consume(topic, *arguments, offset="beginning"):
    out, _ = run(
        [
            "kcat",
            "-C",
            "-b",
            BOOTSTRAP,
            "-t",
            topic,
            "-p",
            "0",
            "-o",
            str(offset),
            "-e",
            "-q",
            "-X",
            "fetch.wait.max.ms=20",
            "-X",
            "check.crcs=true",
            *arguments,
        ]
    )
    return out


def query(topic, timestamp):
    out, _ = run(["kcat", "-Q", "-b", BOOTSTRAP, "-t", f"{topic}:0:{timestamp}"])
    return int(out.decode().split()[-1])


def listing():
    produce("listed", b"x\n")
    out, _ = run(["kcat", "-L", "-J", "-b", BOOTSTRAP])
    seen = json.loads(out)
    same("brokers", [{"id": 1, "name": BOOTSTRAP}], seen["brokers"])
    topic = next(t for t in seen["topics"] if t["topic"] == "listed")
    same(
        "partition", {"partition": 0, "leader": 1, "replicas": [{"id": 1}], "isrs": [{"id": 1}]}, topic["partitions"][0]
    )


def codec_and_acks(codec, acks, idempotent):
    topic = f"kcat-{codec}-{acks}-{'idempotent' if idempotent else 'plain'}"
    lines = b"".join(b"k%d:value %d\n" % (i, i) for i in range(300))
    produce(
        topic,
        lines,
        "-K:",
        "-z",
        codec,
        "-X",
        f"acks={acks}",
        "-X",
        f"enable.idempotence={str(idempotent).lower()}",
        "-H",
        "h1=v1",
        "-H",
        "h2=",
    )
    same(
        "records",
        b"".join(b"h1=v1,h2=|" + line for line in lines.splitlines(True)),
        consume(topic, "-f", "%h|%k:%s\\n"),
    )
    same("the end", 300, query(topic, -1))


def offsets():
    topic = "kcat-none-all-plain"
    same("beginning", 0, query(topic, -2))
    same("the first since 1970", 0, query(topic, 1))
    stamps = [int(t) for t in consume(topic, "-f", "%T\\n").split()]
    same("by the last one's time", stamps.index(stamps[-1]), query(topic, stamps[-1]))
    same("after all", 300, query(topic, stamps[-1] + 1) % 2**64 if query(topic, stamps[-1] + 1) >= 0 else 300)
    same("from the middle", b"k150", consume(topic, "-c", "1", "-f", "%k", offset=150))
    same("from the end", b"k299", consume(topic, "-f", "%k", offset=-1))
    same(
        "since a time",
        300 - stamps.index(stamps[200]),
        len(consume(topic, "-f", "%k\\n", offset=f"s@{stamps[200]}").split()),
    )


def tombstones():
    produce("tombstones", b"gone:\nkept:v\n", "-K:", "-Z")
    same("records", b"gone -1|kept 1|", consume("tombstones", "-f", "%k %S|"))


def keys_without_values_and_binary():
    data = bytes(range(256)) * 20
    produce("binary", data, "-D", "\\xff\\xfe\\xfd\\xfc", "-z", "lz4")
    same("bytes", data, consume("binary", "-f", "%s"))


def large():
    # Batch header, and the lengths of a record: what remains of max.message.bytes.
    most = LARGEST - 61 - 14
    limit = ("-X", "message.max.bytes=10000000", "-D", "\x01")
    produce("large", b"x" * most, *limit)
    same("size", most, len(consume("large", "-X", "fetch.message.max.bytes=1000", "-f", "%s")))
    _, err = produce("large", b"x" * (most + 300), *limit, status=None)
    holds(f"an error that says so: {err}", re.search(rb"Message size too large", err))
    same("the end", 1, query("large", -1))


def small():
    data = b"".join(b"%d\n" % i for i in range(50_000))
    produce("many", data, "-X", "linger.ms=0", "-X", "batch.num.messages=7", "-X", "acks=all")
    same("records", data, consume("many"))
    produce(
        "many-idempotent",
        data,
        "-X",
        "linger.ms=0",
        "-X",
        "batch.num.messages=50",
        "-X",
        "enable.idempotence=true",
        "-z",
        "snappy",
    )
    same("records", data, consume("many-idempotent"))


def out_of_range():
    _, err = run(
        ["kcat", "-C", "-b", BOOTSTRAP, "-t", "listed", "-p", "0", "-o", "5000", "-e", "-X", "auto.offset.reset=error"],
        status=None,
    )
    holds(f"an error that says so: {err}", b"out of range" in err.lower())


client("kcat", re.search(r"Version ([0-9.]+)", VERSION).group(1))
client("librdkafka", re.search(r"librdkafka ([0-9.]+)", VERSION).group(1))
check("list", listing)
for name in CODECS:
    for how in (("0", False), ("1", False), ("all", False), ("all", True)):
        check(
            f"produce and consume, {name}, acks={how[0]}{', idempotent' if how[1] else ''}", codec_and_acks, name, *how
        )
check("offsets by time, from the end, from a time", offsets)
check("tombstones", tombstones)
check("binary values", keys_without_values_and_binary)
check("a record near max.message.bytes, and one above it", large)
check("many small records", small)
check("an offset out of range", out_of_range)
leave()
