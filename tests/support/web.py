"""HTTP as a client speaks it, and, for the tests of bad input, as none should."""

import http.client
import json
import socket
import urllib.parse


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # names in any case
        self.body = body

    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


def request(method, url, body=None, headers=None, timeout_s=30):
    """One request on a connection of its own; redirects are not followed."""
    parts = urllib.parse.urlsplit(url)
    target = parts.path + ("?" + parts.query if parts.query else "")
    connection = http.client.HTTPConnection(
        parts.hostname, parts.port, timeout=timeout_s
    )
    try:
        connection.request(method, target, body=body, headers=headers or {})
        answer = connection.getresponse()
        return Response(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def raw_exchange(port, data, timeout_s=10):
    """Sends the bytes as they are; all that comes until the server closes.

    A server that keeps the connection open past the timeout: AssertionError.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as peer:
        peer.sendall(data)
        answer = b""
        while True:
            try:
                chunk = peer.recv(65536)
            except ConnectionResetError:
                return answer
            except socket.timeout:
                raise AssertionError(f"still open after {answer!r}")
            if not chunk:
                return answer
            answer += chunk


def status_of(answer):
    """The status code of a raw answer; 0: the server just closed."""
    if not answer:
        return 0
    return int(answer.split(b" ", 2)[1])
