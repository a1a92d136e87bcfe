"""Free ports on loopback."""

import random
import socket

# Below the kernel's range for outgoing connections: none of those can take
# the port while a service that owns it is down.
FIRST, LAST = 20000, 31999


def free_port():
    while True:
        port = random.randint(FIRST, LAST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
