#!/usr/bin/env python3
"""free_ports.py COUNT: that many ports of this host in a row, for a test's brokers.

They lie below those that the kernel gives to connections: nobody takes the port of a node that is down. Tests run
side by side, so each looks from a place of its own.
"""

import os
import socket
import sys

FIRST, LAST, OWN = 12000, 32000, 16  # room for what most tests want


def free(port):
    try:
        socket.create_server(("localhost", port)).close()
        return True
    except OSError:
        return False


def free_ports(count):
    """The first so many in a row that are all free."""
    begin = os.getpid() * OWN % (LAST - FIRST)
    row = []
    for k in range(LAST - FIRST):
        port = FIRST + (begin + k) % (LAST - FIRST)
        if port == FIRST or not free(port):
            row = []
            continue
        row.append(port)
        if len(row) == count:
            return row
    raise OSError(f"no {count} free ports in a row between {FIRST} and {LAST}")


if __name__ == "__main__":
    print(*free_ports(int(sys.argv[1])))
