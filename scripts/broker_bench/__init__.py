"""scripts/bench broker: kbroker beside Apache Kafka, and beside what the machine can do at all.

The same client (kctl bench) loads both, on this machine; a load costs a broker what its CPU clock says. The floor is
a process that receives the same bytes in as many requests and writes them (or sends ranges of a file): socket_floor.
Apache Kafka comes from Maven and runs with the options of its own start script; without Java or Maven its columns
stay empty. About ten minutes; --full has 10 GiB of log to restart with, and 10,000 partitions.
"""

import argparse
import os
import shutil
import time

from . import measures, table
from .nodes import RUN, TOP, Node, interop

REPORT = os.path.join(TOP, "reports", "broker-bench.md")
MARK = "<!-- what scripts/bench broker --report replaces: to the end of this file -->\n"


def arguments_of(words):
    parser = argparse.ArgumentParser(
        prog="scripts/bench broker", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="*", help="of load, latency, memory, start; default: all")
    parser.add_argument("--full", action="store_true", help="10 GiB of log (else 2), 10,000 partitions as well")
    parser.add_argument("--shards", type=int, default=1, metavar="N", help="threads of kbroker (1, its default)")
    parser.add_argument("--alone", action="store_true", help="without Apache Kafka")
    parser.add_argument("--report", action="store_true", help="put the tables into reports/broker-bench.md")
    arguments = parser.parse_args(words)
    known = ("load", "latency", "memory", "start")
    if unknown := [part for part in arguments.part if part not in known]:
        parser.error(f"no part {unknown[0]}: there are {', '.join(known)}")
    arguments.part = arguments.part or known
    return arguments


def kinds_here(alone):
    if alone:
        return ["kbroker"]
    try:
        interop.jars()
        return ["kbroker", "kafka"]
    except interop.Missing as why:
        print(f"without Apache Kafka: {why}")
        return ["kbroker"]


def parts(arguments, kinds, tell):
    """Tables, one after the other, as lists of lines."""
    if "memory" in arguments.part:
        counts = [1_000, 10_000] if arguments.full else [1_000]
        yield table.memory(measures.idle(kinds, counts, arguments.shards, tell))
    if "start" in arguments.part:
        rows = [measures.start(kinds, arguments.shards, tell)]
        for properties in ("", measures.SHORT_SESSION):
            rows.append(measures.restart(kinds, 10 if arguments.full else 2, arguments.shards, properties, tell))
        yield table.start(rows)
    if "latency" not in arguments.part and "load" not in arguments.part:
        return
    nodes = []
    try:
        for kind in kinds:
            nodes.append(Node(kind, f"load-{kind}", arguments.shards))
            nodes[-1].wait_listening()  # and not later: the next one looks for free ports
        if "latency" in arguments.part:
            yield table.latency(measures.latency(nodes, tell))
        if "load" in arguments.part:
            yield table.throughput([*measures.produce(nodes, tell), *measures.consume(nodes, tell)])
    finally:
        for node in nodes:
            node.kill()


def main(arguments, tell):
    kinds = kinds_here(arguments.alone)
    shutil.rmtree(RUN, ignore_errors=True)
    begun, lines = time.monotonic(), []
    try:
        for part in parts(arguments, kinds, tell):
            tell("")
            print("\n".join(part), flush=True)
            lines += part
    finally:
        tell("")
        shutil.rmtree(RUN, ignore_errors=True)
    kafka = f"Apache Kafka {interop.KAFKA}, " if "kafka" in kinds else ""
    lines.append(
        f"Measured {time.strftime('%Y-%m-%d')} in {(time.monotonic() - begun) / 60:.0f} minutes: {kafka}"
        f"kbroker with {arguments.shards} shard{'s' * (arguments.shards > 1)}, {os.cpu_count()} cores."
    )
    print(lines[-1])
    if arguments.report:
        write(lines)


def write(lines):
    """What people wrote above the mark stays."""
    with open(REPORT, encoding="utf-8") as file:
        prose = file.read().split(MARK)[0]
    with open(REPORT, "w", encoding="utf-8") as file:
        file.write(prose + MARK + "\n" + "\n".join(lines) + "\n")
