#!/usr/bin/env python3
"""abuse_test.py KBROKER: one node among peers that mean no good, or do not know better. Garbage, half frames, frames
that claim gigabytes, hundreds of idle and busy connections, readers that never read, no descriptors left: memory
stays bounded and everybody else is served."""

import os
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from free_ports import free_ports

DEADLINE_S = 60
API_VERSIONS = struct.pack(">hhih", 18, 0, 7, -1)  # version 0, no client id


def fail(what):
    raise SystemExit(f"abuse_test: {what}")


def until(what, condition):
    """Polls; there is nothing that tells."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            fail(f"not in {DEADLINE_S} s: {what}")
        time.sleep(0.02)


def frame(body):
    return struct.pack(">i", len(body)) + body


def receive(peer, count):
    data = b""
    while len(data) < count:
        more = peer.recv(count - len(data))
        if not more:
            return None
        data += more
    return data


def call(peer, body):
    """The answer's body, or None if the server has closed."""
    peer.sendall(frame(body))
    head = receive(peer, 4)
    return head and receive(peer, struct.unpack(">i", head)[0])


def request(api, version, payload, correlation=7):
    return struct.pack(">hhih", api, version, correlation, -1) + payload


def string(text):
    return struct.pack(">h", len(text)) + text.encode()


class Broker:
    def __init__(self, kbroker, directory, **limits):
        self.directory = directory
        port = free_ports(3)[0]
        self.port = port

        def limit():
            for name, value in limits.items():
                resource.setrlimit(getattr(resource, name), (value, value))

        self.log = os.path.join(directory, "log")
        self.process = subprocess.Popen([kbroker, "--port", str(port), "--data", os.path.join(directory, "data"),
                                         "--shards", "2", "--log-file", self.log], preexec_fn=limit)
        until("kbroker serves", self.serves)

    def connect(self, receive_buffer=None):
        peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        peer.settimeout(DEADLINE_S)
        peer.connect(("127.0.0.1", self.port))
        return peer

    def serves(self):
        if self.process.poll() is not None:
            fail(f"kbroker has left with {self.process.returncode}")
        try:
            with self.connect() as peer:
                return call(peer, API_VERSIONS) is not None
        except OSError:
            return False

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            fail("kbroker does not stop")
        if code != 0:
            fail(f"kbroker left with {code}")


def closed_by_server(peer):
    try:
        return peer.recv(1) == b""
    except ConnectionError:
        return True


def garbage(broker):
    seed = 12345
    bodies = {
        "a size that is negative": struct.pack(">i", -1),
        "a frame of two gigabytes": struct.pack(">i", 0x7FFFFFFF) + b"x" * 1000,
        "an empty frame": struct.pack(">i", 0),
        "a frame too short for a header": frame(b"\x00"),
        "an api that does not exist": frame(request(9999, 0, b"")),
        "a version that does not exist": frame(request(3, 9999, b"")),
        "an array of two billion topics": frame(request(3, 1, struct.pack(">i", 0x7FFFFFFF))),
        "an array that is longer than the frame": frame(request(3, 1, struct.pack(">i", 1000) + string("t"))),
        "a string that is longer than the frame": frame(request(3, 1, struct.pack(">ih", 1, 30000) + b"abc")),
        "a client id of minus two": frame(struct.pack(">hhih", 3, 1, 7, -2)),
        "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "TLS": bytes.fromhex("16030100c8010000c40303") + b"\x11" * 200,
    }
    for n in range(60):
        noise = bytearray()
        for _ in range(40 + n * 17):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            noise.append(seed >> 16 & 0xFF)
        # With a right header of each api in turn, noise reaches the decoders and handlers.
        api = n % 62
        bodies[f"noise {n}"] = frame(request(api, n % 3, bytes(noise)))
    for what, sent in bodies.items():
        with broker.connect() as peer:
            peer.sendall(sent)
            if what.startswith("noise"):  # some of it may be a request; an answer is no harm
                peer.shutdown(socket.SHUT_WR)
                while True:
                    try:
                        if not peer.recv(65536):
                            break
                    except ConnectionError:
                        break
            elif not closed_by_server(peer):
                fail(f"{what}: the connection stays open")
        if not broker.serves():
            fail(f"{what}: others are not served")


def halves(broker):
    """A frame may come in pieces; who leaves in the middle of one leaves nothing behind."""
    before = broker.descriptors()
    whole = frame(API_VERSIONS)
    for cut in range(1, len(whole)):
        with broker.connect() as peer:
            peer.sendall(whole[:cut])
    with broker.connect() as peer:
        for byte in whole:
            peer.sendall(bytes([byte]))
        if receive(peer, 4) is None:
            fail("a frame that comes byte by byte is not answered")
    until("connections of those who left are closed", lambda: broker.descriptors() <= before)


def crowd(broker):
    """A thousand who say nothing, two hundred who talk; fewer of the silent where a process may not have so many."""
    before = broker.resident_kib()
    silent = min(1000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4 * 3 - 300)  # a quarter is for files
    idle = [broker.connect() for _ in range(silent)]
    wrong = []

    def talk():
        try:
            with broker.connect() as peer:
                for _ in range(50):
                    if call(peer, API_VERSIONS) is None:
                        raise OSError("closed")
        except OSError as error:
            wrong.append(error)

    busy = [threading.Thread(target=talk) for _ in range(200)]
    for thread in busy:
        thread.start()
    for thread in busy:
        thread.join(DEADLINE_S)
    if wrong:
        fail(f"{len(wrong)} of 200 busy connections were not served: {wrong[0]}")
    grown = broker.resident_kib() - before
    if grown > 64 * 1024:
        fail(f"{silent + 200} connections took {grown} KiB")
    for peer in idle:
        peer.close()


def slow_readers(broker):
    """They ask for a megabyte again and again, and read nothing: it must not wait for them in memory."""
    # A topic with a few megabytes, by Metadata (which creates it) and Produce version 3.
    topic = string("heap")

    def leader_known():
        with broker.connect() as peer:
            answer = call(peer, request(3, 1, struct.pack(">i", 1) + topic))
            return answer is not None and b"heap" in answer and b"\x00\x05\x00\x04heap" not in answer

    until("the topic is there", leader_known)
    value = b"v" * 500_000
    record = b"\x00\x00\x00\x01" + varint(len(value)) + value + b"\x00"
    record = varint(len(record)) + record
    tail = struct.pack(">hiqqqhii", 0, 0, 0, 0, -1, -1, -1, 1) + record
    batch = struct.pack(">qiib", 0, len(tail) + 9, -1, 2) + struct.pack(">I", crc32c(tail)) + tail
    produce = struct.pack(">hhii", -1, 1, 30000, 1) + topic + struct.pack(">iii", 1, 0, len(batch)) + batch
    with broker.connect() as peer:
        def produced():
            answer = call(peer, request(0, 3, produce))
            return answer is not None and struct.unpack(">h", answer[22:24])[0] == 0

        until("the shard of this connection has heard of the topic", produced)
        for _ in range(7):
            if not produced():
                fail("cannot produce")
    fetch = request(1, 4, struct.pack(">iiiibi", -1, 0, 1, 50 << 20, 0, 1) + topic +
                    struct.pack(">iiqi", 1, 0, 0, 4 << 20))
    before = broker.resident_kib()
    peers = [broker.connect(receive_buffer=4096) for _ in range(40)]
    for peer in peers:
        peer.setblocking(False)
        try:
            for _ in range(200):
                peer.send(frame(fetch))
        except BlockingIOError:
            pass
    for _ in range(100):
        if not broker.serves():
            fail("others are not served beside slow readers")
    grown = broker.resident_kib() - before
    if grown > 96 * 1024:
        fail(f"40 readers that do not read took {grown} KiB")
    for peer in peers:
        peer.close()


def no_descriptors_left(kbroker):
    """More who want to connect than there are descriptors: the newest are turned away, the others are served."""
    directory = tempfile.mkdtemp()
    broker = Broker(kbroker, directory, RLIMIT_NOFILE=160)
    try:
        first = broker.connect()
        if call(first, API_VERSIONS) is None:
            fail("the first connection is not served")
        crowd_ = [broker.connect() for _ in range(400)]  # the kernel accepts them all
        if call(first, API_VERSIONS) is None:
            fail("an old connection is not served when descriptors are short")
        poller = select.poll()
        for peer in crowd_:
            poller.register(peer, select.POLLIN | select.POLLHUP)
        until("somebody is turned away", lambda: len(poller.poll(0)) > 0)
        for peer in crowd_:
            peer.close()
        until("new connections are served again", broker.serves)
        first.close()
        broker.stop()
    finally:
        broker.process.kill()
        shutil.rmtree(directory)


def varint(value):
    value <<= 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


CRC_TABLE = []
for i in range(256):
    c = i
    for _ in range(8):
        c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
    CRC_TABLE.append(c)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    directory = tempfile.mkdtemp()
    broker = Broker(sys.argv[1], directory)
    try:
        for part in (garbage, halves, crowd, slow_readers):
            part(broker)
            print(f"{part.__name__}: ok, {broker.resident_kib()} KiB")
        broker.stop()
    except SystemExit:
        with open(broker.log) as log:
            print("".join(log.readlines()[-15:]))
        raise
    finally:
        broker.process.kill()
        shutil.rmtree(directory)
    no_descriptors_left(sys.argv[1])
    print("no_descriptors_left: ok")


main()
