"""Brokers under measure, kbroker and Apache Kafka alike, and the client that loads both: kctl bench."""

import glob
import importlib.machinery
import importlib.util
import json
import os
import shutil
import struct
import subprocess
import time
import urllib.request

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build", "release")
KBROKER = os.path.join(BUILD, "core", "apps", "kbroker")
KCTL = os.path.join(BUILD, "core", "apps", "kctl", "kctl")


def load(script):
    loader = importlib.machinery.SourceFileLoader(script, os.path.join(TOP, "scripts", script))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(script, loader))
    loader.exec_module(module)
    return module


oracle = load("oracle")
interop = oracle.interop
RUN = os.path.join(interop.INTEROP, "run", "bench")

# What kafka-server-start.sh and kafka-run-class.sh give the JVM.
JVM = (
    "-Xmx1G -Xms1G -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 "
    "-XX:+ExplicitGCInvokesConcurrent -XX:MaxInlineLevel=15 -Djava.awt.headless=true"
).split()


class Node(oracle.Node):
    """One on a data directory of its own, which a later one of the same name takes over."""

    run = RUN
    heap = JVM

    def __init__(self, kind, name, shards=1, properties=""):
        self.kind = kind
        self.properties = properties
        self.shards = shards
        self.data = os.path.join(RUN, f"{name}-data")
        os.makedirs(RUN, exist_ok=True)
        os.makedirs(oracle.LOGS, exist_ok=True)
        self.start(kind, self.data, KBROKER, name)

    def more_properties(self):
        metrics = f"http.listener=localhost:{self.port + 2}\n" if self.kind == "kbroker" else ""
        return f"auto.create.topics.enable=false\n{metrics}{self.properties}"

    def metric(self, name, request):
        """Of kbroker's /metrics."""
        with urllib.request.urlopen(f"http://localhost:{self.port + 2}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        wanted = f'kafka_network_requestmetrics_{name}{{request="{request}"}} '
        return float(next((line[len(wanted):] for line in text.splitlines() if line.startswith(wanted)), 0))

    def batches(self, topic):
        """How many record batches lie in the topic's segments."""
        count = 0
        for path in glob.glob(f"{self.data}/{topic}-[0-9]*/*.log"):
            with open(path, "rb") as segment:
                while len(header := segment.read(12)) == 12:
                    segment.seek(struct.unpack(">i", header[8:])[0], os.SEEK_CUR)
                    count += 1
        return count

    def cpu_s(self):
        """Processor seconds of all threads of the broker so far: its CPU clock, /proc/PID/stat in nanoseconds."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def rss_mb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as status:
            kb = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        return kb * 1024 / 1e6

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def kctl(self, *words):
        done = subprocess.run(
            [KCTL, "--bootstrap", f"127.0.0.1:{self.port}", "--timeout", "120", "--json", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"kctl {' '.join(map(str, words))} against {self.name}: {done.stderr.strip()}")
        return json.loads(done.stdout) if done.stdout.strip().startswith("{") else {}

    def create(self, topic, partitions, *config):
        words = [word for entry in config for word in ("--config", entry)]
        self.kctl("topic", "create", topic, "--partitions", partitions, *words)

    def delete_data(self):
        shutil.rmtree(self.data, ignore_errors=True)
