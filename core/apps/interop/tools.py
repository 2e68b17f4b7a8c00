#!/usr/bin/env python3
"""tools.py JARS BOOTSTRAP DATA: Apache Kafka's shell tools against one broker of its own with that data directory."""

import glob
import json
import os
import re
import sys
import tempfile

from checks import check, client, holds, leave, run, same, until

JARS, BOOTSTRAP, DATA = sys.argv[1:4]
WORK = tempfile.TemporaryDirectory()
MAINS = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "kafka-dump-log": "kafka.tools.DumpLogSegments",
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "kafka-producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "kafka-verifiable-producer": "org.apache.kafka.tools.VerifiableProducer",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-features": "org.apache.kafka.tools.FeatureCommand",
    "kafka-cluster": "org.apache.kafka.tools.ClusterTool",
    "kafka-storage": "kafka.tools.StorageTool",
}


def tool(name, *arguments, stdin=b"", status=0):
    """What a tool prints, of both outputs; lines of its own logging left out."""
    java = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m", "-cp", f"{JARS}/*", MAINS[name]]
    out, err = run([*java, *arguments], stdin, status)
    text = (out + err).decode(errors="replace")
    return "\n".join(l for l in text.splitlines() if not re.search(r"SLF4J|StatusLogger|main WARN|main ERROR", l))


def at_broker(name, *arguments, **options):
    return tool(name, "--bootstrap-server", BOOTSTRAP, *arguments, **options)


def file_of(name, text):
    path = os.path.join(WORK.name, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def topics():
    at_broker("kafka-topics", "--create", "--topic", "tools", "--partitions", "3", "--config", "retention.ms=3600000")
    holds("listed", "tools" in at_broker("kafka-topics", "--list").split())
    seen = at_broker("kafka-topics", "--describe", "--topic", "tools")
    holds(seen, "PartitionCount: 3" in seen and "retention.ms=3600000" in seen and seen.count("Leader: 1") == 3)
    at_broker("kafka-topics", "--alter", "--topic", "tools", "--partitions", "4")
    holds("4 partitions", at_broker("kafka-topics", "--describe", "--topic", "tools").count("Leader: 1") == 4)
    for what in (
        "--under-replicated-partitions",
        "--unavailable-partitions",
        "--at-min-isr-partitions",
        "--under-min-isr-partitions",
    ):
        seen = at_broker("kafka-topics", "--describe", what)
        same(what, 4 if what == "--at-min-isr-partitions" else 0, seen.count("Topic: tools"))
    seen = at_broker("kafka-topics", "--create", "--topic", "tools", status=1)
    holds(seen, "already exists" in seen)
    at_broker("kafka-topics", "--create", "--topic", "tools", "--if-not-exists")
    seen = at_broker("kafka-topics", "--create", "--topic", "three", "--replication-factor", "3", status=1)
    holds(seen, "replication factor" in seen.lower())


def configs():
    of_topic = ("--entity-type", "topics", "--entity-name", "tools")
    at_broker(
        "kafka-configs",
        "--alter",
        *of_topic,
        "--add-config",
        "cleanup.policy=[compact,delete],max.message.bytes=200000",
    )
    until("altered", lambda: "cleanup.policy=compact,delete" in at_broker("kafka-configs", "--describe", *of_topic))
    at_broker("kafka-configs", "--alter", *of_topic, "--delete-config", "cleanup.policy,max.message.bytes")
    until("deleted", lambda: "max.message.bytes" not in at_broker("kafka-configs", "--describe", *of_topic))
    seen = at_broker("kafka-configs", "--describe", *of_topic, "--all")
    holds(seen, "DEFAULT_CONFIG:log.flush.interval.messages=9223372036854775807" in seen)
    seen = at_broker("kafka-configs", "--alter", *of_topic, "--add-config", "retention.ms=x", status=1)
    holds(seen, "retention.ms" in seen and "InvalidConfig" in seen)
    of_brokers = ("--entity-type", "brokers", "--entity-default")
    at_broker("kafka-configs", "--alter", *of_brokers, "--add-config", "log.retention.ms=7200000")
    until(
        "the default of brokers",
        lambda: "log.retention.ms=7200000" in at_broker("kafka-configs", "--describe", *of_brokers),
    )
    of_broker = ("--entity-type", "brokers", "--entity-name", "1")
    seen = at_broker("kafka-configs", "--describe", *of_broker, "--all")
    holds(
        seen,
        "DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=7200000" in seen and "STATIC_BROKER_CONFIG:node.id=1" in seen,
    )
    at_broker("kafka-configs", "--alter", *of_brokers, "--delete-config", "log.retention.ms")


def produce_and_consume():
    lines = "".join(f"h1:v{i},h2:w\tkey {i}\tvalue {i}\n" for i in range(500))
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        at_broker(
            "kafka-console-producer",
            "--topic",
            f"console-{codec}",
            "--compression-codec",
            codec,
            "--property",
            "parse.key=true",
            "--property",
            "parse.headers=true",
            stdin=lines.encode(),
        )
        seen = at_broker(
            "kafka-console-consumer",
            "--topic",
            f"console-{codec}",
            "--partition",
            "0",
            "--offset",
            "earliest",
            "--max-messages",
            "500",
            "--timeout-ms",
            "20000",
            "--property",
            "print.key=true",
            "--property",
            "print.headers=true",
        )
        same(codec, lines, seen.split("Processed")[0])
    seen = at_broker(
        "kafka-console-consumer",
        "--topic",
        "console-lz4",
        "--partition",
        "0",
        "--offset",
        "490",
        "--max-messages",
        "10",
        "--timeout-ms",
        "20000",
        "--property",
        "print.offset=true",
        "--property",
        "print.timestamp=true",
    )
    holds(seen, "Offset:490" in seen and "CreateTime:" in seen and "Processed a total of 10" in seen)


def perf():
    # Small segments: an index is on the disk once its segment is closed.
    at_broker("kafka-topics", "--create", "--topic", "perf", "--config", "segment.bytes=1048576")
    for acks, size in (("1", 100), ("all", 1000)):
        seen = tool(
            "kafka-producer-perf-test",
            "--topic",
            "perf",
            "--num-records",
            "50000",
            "--record-size",
            str(size),
            "--throughput",
            "-1",
            "--producer-props",
            f"bootstrap.servers={BOOTSTRAP}",
            f"acks={acks}",
            "batch.size=65536",
        )
        holds(seen, "50000 records sent" in seen)
    seen = at_broker("kafka-get-offsets", "--topic", "perf")
    same("perf", 100000, sum(int(l.split(":")[2]) for l in seen.split()))
    seen = at_broker("kafka-verifiable-producer", "--topic", "verifiable", "--max-messages", "1000", "--acks", "-1")
    holds(seen[-300:], '"acked":1000' in seen)


def get_offsets():
    same("latest", "console-gzip:0:500", at_broker("kafka-get-offsets", "--topic", "console-gzip"))
    for time, wanted in (
        ("earliest", 0),
        ("-2", 0),
        ("latest", 500),
        ("earliest-local", 0),
        ("latest-tiered", None),
        ("0", 0),
    ):
        same(
            time,
            "" if wanted is None else f"console-gzip:0:{wanted}",
            at_broker("kafka-get-offsets", "--topic-partitions", "console-gzip:0", "--time", time),
        )
    last = at_broker("kafka-get-offsets", "--topic", "console-gzip", "--time", "max-timestamp")
    holds(last, 0 <= int(last.split(":")[2]) < 500)


def delete_records():
    asked = {"partitions": [{"topic": "console-none", "partition": 0, "offset": 123}], "version": 1}
    seen = at_broker("kafka-delete-records", "--offset-json-file", file_of("delete.json", json.dumps(asked)))
    holds(seen, "console-none-0" in seen and "low_watermark: 123" in seen)
    same("earliest", "console-none:0:123", at_broker("kafka-get-offsets", "--topic", "console-none", "--time", "-2"))
    asked["partitions"][0]["offset"] = 5000
    seen = at_broker("kafka-delete-records", "--offset-json-file", file_of("delete.json", json.dumps(asked)))
    holds(seen, "OffsetOutOfRangeException" in seen)


def quorum():
    seen = at_broker("kafka-metadata-quorum", "describe", "--status")
    holds(seen, re.search(r"LeaderId:\s+1\b", seen) and re.search(r"HighWatermark:\s+[1-9]", seen))
    seen = at_broker("kafka-metadata-quorum", "describe", "--replication", "--human-readable")
    holds(seen, "Leader" in seen and "ms ago" in seen)


def api_versions():
    seen = at_broker("kafka-broker-api-versions")
    holds(
        seen, "(id: 1 rack: null isFenced: false)" in seen and "Produce(0): 0 to 12" in seen.replace("[usable: 12]", "")
    )


def log_dirs():
    seen = at_broker("kafka-log-dirs", "--describe", "--topic-list", "console-gzip")
    found = json.loads(next(l for l in seen.splitlines() if l.startswith("{")))
    same("directories", [DATA], [d["logDir"] for d in found["brokers"][0]["logDirs"]])
    partitions = found["brokers"][0]["logDirs"][0]["partitions"]
    same(
        "partitions",
        [("console-gzip-0", False, 0)],
        [(p["partition"], p["isFuture"], p["offsetLag"]) for p in partitions],
    )
    same("size", os.path.getsize(f"{DATA}/console-gzip-0/00000000000000000000.log"), partitions[0]["size"])


def leader_election():
    seen = at_broker("kafka-leader-election", "--election-type", "preferred", "--topic", "tools", "--partition", "0")
    holds(seen, "Valid replica already elected for partitions tools-0" in seen)
    at_broker("kafka-leader-election", "--election-type", "preferred", "--all-topic-partitions")
    asked = {"partitions": [{"topic": "none-such", "partition": 0}]}
    seen = at_broker(
        "kafka-leader-election",
        "--election-type",
        "unclean",
        "--path-to-json-file",
        file_of("elect.json", json.dumps(asked)),
        status=1,
    )
    holds(seen, "UnknownTopicOrPartitionException" in seen)


def features():
    seen = at_broker("kafka-features", "describe")
    holds(seen, re.search(r"Feature: metadata.version\s.*\sFinalizedVersionLevel: 4\.\d-IV\d", seen))


def cluster():
    seen = tool("kafka-cluster", "cluster-id", "--bootstrap-server", BOOTSTRAP)
    found = re.search(r"Cluster ID: (\S{22})", seen)
    holds(seen, found)
    with open(f"{DATA}/meta.properties", encoding="utf-8") as file:
        holds("as in meta.properties", f"cluster.id={found.group(1)}" in file.read())
    seen = tool("kafka-cluster", "list-endpoints", "--bootstrap-server", BOOTSTRAP)
    holds(seen, re.search(r"1\s+localhost\s+\d+\s+null\s+unfenced\s+broker", seen))


def storage_info():
    port = BOOTSTRAP.split(":")[1]
    config = file_of(
        "server.properties",
        f"""process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://localhost:{port},CONTROLLER://localhost:{int(port) + 1}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@localhost:{int(port) + 1}
log.dirs={DATA}
""",
    )
    seen = tool("kafka-storage", "info", "--config", config)
    holds(seen, "Found problem" not in seen and "node.id=1" in seen)


def dump_log():
    files = sorted(glob.glob(f"{DATA}/*-[0-9]*/*"))
    logs = [f for f in files if f.endswith((".log", ".index", ".timeindex", ".snapshot"))]
    holds(f"only {len(logs)} files", len(logs) > 10)
    seen = tool(
        "kafka-dump-log",
        "--deep-iteration",
        "--print-data-log",
        "--files",
        ",".join(f for f in logs if f.endswith(".log")),
    )
    for bad in ("isvalid: false", "Found invalid", "mismatch", "Exception", "nvalid message"):
        holds(f"{bad}: {[l for l in seen.splitlines() if bad in l][:3]}", bad not in seen)
    holds(
        "records of every codec", all(f"compresscodec: {c}" in seen for c in ("none", "gzip", "snappy", "lz4", "zstd"))
    )
    others = ",".join(f for f in logs if not f.endswith(".log"))
    seen = tool("kafka-dump-log", "--files", others) + tool("kafka-dump-log", "--index-sanity-check", "--files", others)
    for bad in (
        "Mismatches",
        "Found timestamp mismatch",
        "Found out of order",
        "Exception",
        "does not match",
        "failed",
    ):
        holds(f"{bad}: {[l for l in seen.splitlines() if bad in l][:3]}", bad not in seen)
    holds("indexes pass", "passed sanity check" in seen)


def dump_metadata():
    logs = sorted(
        glob.glob(f"{DATA}/__cluster_metadata-0/*.log") + glob.glob(f"{DATA}/__cluster_metadata-0/*.checkpoint")
    )
    seen = tool("kafka-dump-log", "--cluster-metadata-decoder", "--files", ",".join(logs))
    for kind in ("REGISTER_BROKER_RECORD", "TOPIC_RECORD", "PARTITION_RECORD", "CONFIG_RECORD", "FEATURE_LEVEL_RECORD"):
        holds(kind, f'"type":"{kind}"' in seen)
    for bad in ("isvalid: false", "Could not deserialize", "Exception"):
        holds(f"{bad}: {[l for l in seen.splitlines() if bad in l][:3]}", bad not in seen)


def delete_topics():
    at_broker("kafka-topics", "--delete", "--topic", "tools")
    until("gone", lambda: "tools" not in at_broker("kafka-topics", "--list").split())


client("Apache Kafka's tools", re.search(r"kafka-tools-([0-9.]+)\.jar", " ".join(os.listdir(JARS))).group(1))
check("kafka-topics: create, list, describe, alter, refusals", topics)
check("kafka-configs: topics and brokers", configs)
check("kafka-console-producer and kafka-console-consumer, every codec", produce_and_consume)
check("kafka-producer-perf-test, kafka-verifiable-producer", perf)
check("kafka-get-offsets", get_offsets)
check("kafka-delete-records", delete_records)
check("kafka-metadata-quorum", quorum)
check("kafka-broker-api-versions", api_versions)
check("kafka-log-dirs", log_dirs)
check("kafka-leader-election", leader_election)
check("kafka-features", features)
check("kafka-cluster", cluster)
check("kafka-storage info", storage_info)
check("kafka-dump-log: every log and index", dump_log)
check("kafka-dump-log: the metadata log", dump_metadata)
check("kafka-topics: delete", delete_topics)
leave()
