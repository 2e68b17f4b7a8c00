"""When a broker that is being started acknowledges a record: one Produce request (version 7), by hand, since a
client's own start and pauses between attempts would be most of what is measured."""

import socket
import struct
import time

PAUSE_S = 0.0005
ATTEMPT_S = 1.0


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def batch(value):
    """One record, without a key; its length fits one byte of a varint."""
    record = bytes([0, 0, 0, 1, len(value) * 2]) + value + bytes([0])
    now = int(time.time() * 1000)
    after_crc = struct.pack(">hiqqqhii", 0, 0, now, now, -1, -1, -1, 1) + bytes([len(record) * 2]) + record
    return struct.pack(">qiibI", 0, 9 + len(after_crc), -1, 2, crc32c(after_crc)) + after_crc


def request(topic, partition):
    name = topic.encode()
    records = batch(b"first")
    body = struct.pack(">hhih5shhii", 0, 7, 1, 5, b"bench", -1, -1, 1000, 1)
    body += struct.pack(">h", len(name)) + name + struct.pack(">iii", 1, partition, len(records)) + records
    return struct.pack(">i", len(body)) + body


def receive(connection, size):
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def attempt(port, topic, partition):
    """The error code of the answer."""
    with socket.create_connection(("127.0.0.1", port), ATTEMPT_S) as connection:
        connection.sendall(request(topic, partition))
        (size,) = struct.unpack(">i", receive(connection, 4))
        answer = receive(connection, size)
    at = 4 + 4 + 2 + len(topic.encode()) + 4  # correlation, topics, name, partitions
    index, error = struct.unpack_from(">ih", answer, at)
    if index != partition:
        raise ConnectionError("an answer to something else")
    return error


def acknowledged(node, topic, partitions, deadline_s=600):
    """Waits until each of the partitions has acknowledged a record; time.monotonic() of the last one."""
    give_up = time.monotonic() + deadline_s
    for partition in range(partitions):
        error = None
        while error != 0:
            try:
                error = attempt(node.port, topic, partition)
            except OSError:
                error = None
            if node.process.poll() is not None:
                raise RuntimeError(f"{node.name} has left")
            if time.monotonic() > give_up:
                raise RuntimeError(f"{node.name} acknowledges nothing after {deadline_s} s (error {error})")
            if error != 0:
                time.sleep(PAUSE_S)
    return time.monotonic()
