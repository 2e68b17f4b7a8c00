#!/usr/bin/env python3
"""faults_test.py KBROKER KCTL [KSIM]: three nodes on real sockets and disks, tormented while clients work on them: the
leader and the controller killed, a node frozen for longer than its session, one restarted again and again, all killed
at once, a disk that is full. With acks=all and min.insync.replicas=2 nothing that was acknowledged may be missing:
each record is looked for, and KSIM judges the whole history."""

import collections
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from free_ports import free_ports

PATIENCE_S = 90
NODES = (1, 2, 3)
SESSION_MS = 3000


def fail(what):
    raise SystemExit(f"faults_test: {what}")


def until(what, condition):
    """Polls; the value of the condition once it holds."""
    end = time.monotonic() + PATIENCE_S
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            fail(f"not in {PATIENCE_S} s: {what}")
        time.sleep(0.1)


class Cluster:
    def __init__(self, kbroker, kctl, work):
        self.kbroker, self.kctl, self.work = kbroker, kctl, work
        ports = free_ports(6)
        self.bootstrap = ",".join(f"localhost:{p}" for p in ports[:3])
        voters = ",".join(f"{n}@localhost:{ports[n + 2]}" for n in NODES)
        self.processes = {}
        for n in NODES:
            with open(os.path.join(work, f"{n}.properties"), "w") as file:
                file.write(f"""process.roles=broker,controller
node.id={n}
listeners=PLAINTEXT://localhost:{ports[n - 1]},CONTROLLER://localhost:{ports[n + 2]}
controller.listener.names=CONTROLLER
controller.quorum.voters={voters}
log.dirs={self.directory(n)}
default.replication.factor=3
min.insync.replicas=2
broker.session.timeout.ms={SESSION_MS}
broker.heartbeat.interval.ms=500
log.segment.bytes=1048576
""")

    def directory(self, node):
        return os.path.join(self.work, f"data-{node}")

    def start(self, node):
        self.processes[node] = subprocess.Popen(
            [self.kbroker, "--config", os.path.join(self.work, f"{node}.properties"), "--shards", str(node)],
            stderr=open(os.path.join(self.work, f"log-{node}"), "a"))

    def kill(self, node):
        self.processes[node].kill()
        self.processes[node].wait()

    def ask(self, *arguments):
        """The JSON that kctl prints, or None."""
        done = subprocess.run([self.kctl, *arguments, "--json", "--bootstrap", self.bootstrap, "--timeout", "5"],
                              capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout else None

    def partitions(self):
        described = self.ask("topic", "describe")
        return [p for topic in described["topics"] for p in topic["partitions"]] if described else []

    def leader(self):
        """Of some partition of the clients' topics."""
        return until("a partition has a leader", lambda: next((p["leader"] for p in self.partitions() if p["leader"] > 0), None))

    def controller(self):
        return until("the quorum has a leader", lambda: (self.ask("quorum") or {}).get("leader", -1) in NODES) and self.ask("quorum")["leader"]

    def all_in_sync(self):
        partitions = self.partitions()
        return len(partitions) > 0 and all(p["leader"] > 0 and len(p["isr"]) == 3 for p in partitions)


class Clients:
    def __init__(self, cluster, work):
        self.history = os.path.join(work, "history.jsonl")
        self.process = subprocess.Popen(
            [cluster.kctl, "record", "--bootstrap", cluster.bootstrap, "--history", self.history, "--duration", "0",
             "--rate", "200", "--replication", "3", "--topics", "2", "--partitions", "3", "--timeout", "60"],
            stdout=subprocess.DEVNULL, stderr=open(os.path.join(work, "log-clients"), "w"))
        until("clients are acknowledged", self.acknowledged)

    def lines(self):
        if not os.path.exists(self.history):
            return []
        with open(self.history) as file:
            text = file.read()
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]

    def acknowledged(self):
        return sum(len(e["value"]) for e in self.lines() if e.get("f") == "send" and e.get("type") == "ok")

    def until_served(self):
        before = self.acknowledged()
        until("clients are served again", lambda: self.acknowledged() > before + 20)

    def finish(self):
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(10 * PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            fail("kctl record does not end")
        if code != 0:
            fail(f"kctl record ended with {code}")


def kill_leader(cluster, clients):
    node = cluster.leader()
    cluster.kill(node)
    clients.until_served()
    cluster.start(node)


def kill_controller(cluster, clients):
    node = cluster.controller()
    cluster.kill(node)
    clients.until_served()
    cluster.start(node)


def freeze_leader(cluster, clients):
    """Its session ends while it is frozen; it wakes up and believes that it still leads."""
    node = cluster.leader()
    led = [i for i, p in enumerate(cluster.partitions()) if p["leader"] == node]
    cluster.processes[node].send_signal(signal.SIGSTOP)
    until("others lead what the frozen node led",
          lambda: (found := cluster.partitions()) and all(found[i]["leader"] not in (node, -1) for i in led))
    clients.until_served()
    cluster.processes[node].send_signal(signal.SIGCONT)


def restart_again_and_again(cluster, clients):
    for _ in range(4):
        cluster.kill(2)
        cluster.start(2)
        time.sleep(0.3)  # dies in another phase of its start each time; nothing waits for this
    clients.until_served()


def kill_all(cluster, clients):
    for node in NODES:
        cluster.processes[node].kill()
    for node in NODES:
        cluster.processes[node].wait()
        cluster.start(node)
    clients.until_served()


def fill_disk(cluster, clients):
    """The node of the small disk fails, the others go on; with room again it comes back."""
    filler = os.path.join(cluster.directory(3), "filler")
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            pass
    until("the node gives up its only directory", lambda: cluster.processes[3].poll() is not None)
    clients.until_served()
    os.remove(filler)
    cluster.start(3)


def judge(clients, ksim):
    sent, polled = {}, collections.defaultdict(dict)
    events = clients.lines()
    if not events[0]["settings"].get("final_polls"):
        fail("the history does not end with polls of everything")
    for event in events[1:]:
        if event["type"] != "ok":
            continue
        for op in event["value"] if event["f"] in ("send", "poll") else []:
            if op[0] == "send":
                sent[(op[1], op[2])] = op[3]
            else:
                for key, records in op[1].items():
                    for offset, value in records:
                        if polled[key].setdefault(offset, value) != value:
                            fail(f"{key}: offset {offset} was {polled[key][offset]} and is {value}")
    missing = [(key, value, offset) for (key, value), offset in sent.items() if polled[key].get(offset) != value]
    if missing:
        fail(f"{len(missing)} of {len(sent)} acknowledged records are missing, such as {missing[:5]}")
    for key, records in polled.items():
        if len(set(records.values())) != len(records):
            fail(f"{key} has duplicates")
    if ksim:
        verdict = subprocess.run([ksim, "check", clients.history], capture_output=True, text=True)
        if verdict.returncode != 0:
            fail(f"ksim check: {verdict.stdout}{verdict.stderr}")
    return len(sent)


def main():
    kbroker, kctl = sys.argv[1:3]
    work = tempfile.mkdtemp()
    cluster, clients = Cluster(kbroker, kctl, work), None
    faults = [kill_leader, kill_controller, freeze_leader, restart_again_and_again, kill_all]
    os.mkdir(cluster.directory(3))
    small = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", cluster.directory(3)], capture_output=True)
    if small.returncode == 0:
        faults.append(fill_disk)
    else:
        print("fill_disk: skipped, a small file system cannot be mounted here")
    try:
        for node in NODES:
            cluster.start(node)
        until("the cluster answers", lambda: cluster.ask("cluster"))
        clients = Clients(cluster, work)
        for fault in faults:
            until(f"all replicas are in sync before {fault.__name__}", cluster.all_in_sync)
            fault(cluster, clients)
            print(f"{fault.__name__}: {clients.acknowledged()} records acknowledged so far", flush=True)
        until("all replicas are in sync at the end", cluster.all_in_sync)
        clients.finish()
        print(f"{judge(clients, sys.argv[3] if len(sys.argv) > 3 else None)} acknowledged records, none missing")
        for node in NODES:
            cluster.processes[node].send_signal(signal.SIGTERM)
    except SystemExit:
        for name in sorted(os.listdir(work)):
            if name.startswith("log-"):
                with open(os.path.join(work, name)) as log:
                    print(f"--- {name}\n" + "".join(log.readlines()[-12:]))
        raise
    finally:
        for process in [*cluster.processes.values(), *([clients.process] if clients else [])]:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
        if small.returncode == 0:
            subprocess.run(["umount", "-l", cluster.directory(3)])
        shutil.rmtree(work, ignore_errors=True)


main()
