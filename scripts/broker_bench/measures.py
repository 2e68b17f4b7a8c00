"""What is measured, of each broker in turn: the ratio of two figures that were taken one after the other says more
than either. Every load runs twice, and the second run counts: the JVM has then compiled what the load uses."""

import json
import os
import statistics
import subprocess
import time

from . import first_produce
from .nodes import BUILD, RUN, Node

FLOOR = os.path.join(BUILD, "core", "io", "linux", "bench", "socket_floor")
MANY = 64  # partitions
RECORDS = {(100, False): 1_000_000, (1000, False): 300_000, (100, True): 100_000, (1000, True): 20_000}
LIGHT_PER_S, LIGHT_RECORDS = 1_000, 10_000
STARTS = 5
IDLE_S = 5
LARGE_RECORD = 10_000
WIDE = 1_000  # partitions of a topic; a controller refuses 10,000 in one request
GIB = 1 << 30


def floor(kind, *words):
    directory = os.path.join(RUN, "floor")
    os.makedirs(directory, exist_ok=True)
    done = subprocess.run([FLOOR, kind, directory, *map(str, map(int, words))], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"socket_floor: {done.stderr.strip()}")
    for name in os.listdir(directory):
        os.remove(os.path.join(directory, name))
    return json.loads(done.stdout)


class Rate:
    """What a load cost a broker."""

    def __init__(self, report, cpu_s):
        self.cpu_s = cpu_s
        self.megabytes = report["bytes"] / 1e6 / cpu_s
        self.records = report.get("records", 0) / cpu_s
        self.megabytes_a_second = report["bytes"] / 1e6 / report["seconds"]


def counted(node, *words):
    before = node.cpu_s()
    report = node.kctl(*words)
    return Rate(report, node.cpu_s() - before)


class Produce:
    """One combination, as a topic of its own."""

    def __init__(self, size, partitions, acks, sync):
        self.size, self.partitions, self.acks, self.sync = size, partitions, acks, sync
        self.records = RECORDS[size, sync]
        self.topic = f"{size}-{partitions}-{acks}-{'sync' if sync else 'plain'}"
        self.title = (
            f"produce {'1 KB' if size == 1000 else '100 B'}, {partitions} partition{'s' * (partitions > 1)}, "
            f"acks={acks}{', fsync per batch' * sync}"
        )
        self.read_later = acks == "1" and not sync

    def run(self, node):
        node.create(self.topic, self.partitions, *(["flush.messages=1"] * self.sync))
        words = ["bench", "produce", self.topic, "--records", self.records, "--size", self.size, "--acks", self.acks]
        words += ["--in-turn"] * (self.partitions > 1)
        node.kctl(*words)
        rate = counted(node, *words)
        rate.batch = 2 * self.records * self.size / max(node.batches(self.topic), 1)
        return rate

    def floor(self, node, before):
        """As many bytes in as many requests and batches as kbroker got, from `before` on, in both runs."""
        requests = max((node.metric("requestbytes_count", "Produce") - before[0]) / 2, 1)
        size = (node.metric("requestbytes_sum", "Produce") - before[1]) / 2 / requests
        pieces = max(round(node.batches(self.topic) / 2 / requests), 1)
        report = floor("write", size, requests, pieces, self.sync)
        return Rate({**report, "bytes": self.records * self.size, "records": self.records}, report["cpu_s"])

    def finish(self, node):
        if not self.read_later:
            node.kctl("topic", "delete", self.topic)


PRODUCE = [
    Produce(size, partitions, acks, sync)
    for sync in (False, True)
    for size in (100, 1000)
    for partitions in (1, MANY)
    for acks in ("1", "all")
]


def produce(nodes, tell):
    for case in PRODUCE:
        tell(case.title)
        row = {"title": case.title}
        for node in nodes:
            ours = node.kind == "kbroker"
            if ours:
                before = [node.metric(f"requestbytes_{what}", "Produce") for what in ("count", "sum")]
            row[node.kind] = case.run(node)
            if ours:
                row["floor"] = case.floor(node, before)
            case.finish(node)
        yield row


def consume(nodes, tell):
    """Everything that produce() left, from the page cache: twice what one of its runs wrote."""
    for case in PRODUCE:
        if not case.read_later:
            continue
        title = case.title.replace("produce", "consume").replace(", acks=1", "")
        tell(title)
        row = {"title": title}
        for node in nodes:
            words = ["bench", "consume", case.topic]
            node.kctl(*words)
            before = [node.metric(f"responsebytes_{what}", "Fetch") for what in ("count", "sum")] if node.kind == "kbroker" else []
            row[node.kind] = counted(node, *words)
            if before:
                answers = node.metric("responsebytes_count", "Fetch") - before[0]
                size = (node.metric("responsebytes_sum", "Fetch") - before[1]) / answers
                report = floor("read", size, answers)
                records = 2 * case.records
                row["floor"] = Rate({**report, "bytes": records * case.size, "records": records}, report["cpu_s"])
            node.kctl("topic", "delete", case.topic)
        yield row


def latency(nodes, tell):
    light = ["--records", LIGHT_RECORDS, "--throughput", LIGHT_PER_S, "--size", 100]
    beside = floor("rate", 170, LIGHT_RECORDS, LIGHT_PER_S)  # a request with one record of 100 bytes
    for number, (title, words) in enumerate(
        (
            ("acks=1", ["produce", "--acks", "1", "--linger", "0"]),
            ("acks=all", ["produce", "--acks", "all", "--linger", "0"]),
            ("from send to poll, acks=all", ["e2e", "--acks", "all"]),
        )
    ):
        row = {"title": title, "floor": beside}
        for node in nodes:
            tell(f"latency, {title}, {node.kind}")
            topic = f"light-{number}"
            node.create(topic, 1)
            for _ in range(2):
                row[node.kind] = node.kctl("bench", words[0], topic, *words[1:], *light)["latency_ms"]
        yield row


def idle(kinds, partitions, shards, tell):
    """Resident megabytes of a new broker that nobody has talked to, then with partitions that hold records."""
    rows = [{"title": "nobody has talked to it"}] + [{"title": f"{count:,} partitions"} for count in partitions]
    for kind in kinds:
        for number, count in enumerate(partitions):
            tell(f"memory, {kind}, {count:,} partitions")
            node = Node(kind, f"memory-{kind}-{count}", shards)
            try:
                node.wait_listening()
                time.sleep(IDLE_S)
                if number == 0:
                    rows[0][kind] = node.rss_mb()
                for topic in range(count // WIDE):
                    node.create(f"wide-{topic}", WIDE)
                    node.kctl("bench", "produce", f"wide-{topic}", "--records", 2 * WIDE, "--in-turn")
                time.sleep(IDLE_S)
                rows[1 + number][kind] = node.rss_mb()
            finally:
                node.kill()
                node.delete_data()
    return rows


def start(kinds, shards, tell):
    """Milliseconds from the process to its first acknowledged record, in a topic that is there; the median."""
    row = {"title": "stopped in order, 1 topic"}
    for kind in kinds:
        name, taken = f"start-{kind}", []
        for number in range(STARTS + 1):
            tell(f"start, {kind}, {number} of {STARTS}")
            node = Node(kind, name, shards)
            if number == 0:
                node.wait_listening()
                node.create("first", 1)
                first_produce.acknowledged(node, "first", 1)
            else:
                taken.append((first_produce.acknowledged(node, "first", 1) - node.begun) * 1e3)
            node.stop()
        node.delete_data()
        row[kind] = statistics.median(taken)
    return row


def read_once(directory):
    """Milliseconds that reading all of its files takes."""
    begun, buffer = time.monotonic(), bytearray(1 << 20)
    for folder, _, files in os.walk(directory):
        for name in files:
            with open(os.path.join(folder, name), "rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass
    return (time.monotonic() - begun) * 1e3


SHORT_SESSION = "broker.heartbeat.interval.ms=200\nbroker.session.timeout.ms=1000\n"


def restart(kinds, gib, shards, properties, tell):
    """The same after kill -9, with `gib` GiB in four partitions, until each has acknowledged a record."""
    session = ", session of 1 s" if properties else ""
    row = {"title": f"after kill -9 with {gib} GiB of log{session}"}
    records = gib * GIB // LARGE_RECORD
    for kind in kinds:
        tell(f"{gib} GiB of log, {kind}{session}")
        node = Node(kind, f"restart-{kind}", shards, properties)
        node.wait_listening()
        node.create("large", 4)
        node.kctl("bench", "produce", "large", "--records", records, "--size", LARGE_RECORD, "--batch-size", 500_000)
        node.kill()
        row["floor"] = read_once(node.data)
        node = Node(kind, f"restart-{kind}", shards, properties)
        row[kind] = (first_produce.acknowledged(node, "large", 4) - node.begun) * 1e3
        node.kill()
        node.delete_data()
    return row
