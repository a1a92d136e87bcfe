"""A reader of server-sent events that keeps what it heard, and its last id."""

import http.client
import json
import threading
import urllib.parse


class EventSource:
    """Reads on a thread of its own until it is closed or cut off."""

    def __init__(self, port, last_id=None, timeout_s=60, token=None, **filters):
        self.events = []  # (name, data, id)
        self.last_id = last_id
        self.comments = 0
        self.ended = threading.Event()
        path = "/history/stream"
        if filters:
            path += "?" + urllib.parse.urlencode(filters)
        headers = {"Last-Event-ID": last_id} if last_id else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=timeout_s
        )
        self.connection.request("GET", path, headers=headers)
        self.socket = self.connection.sock
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.thread = threading.Thread(target=self._read, daemon=True)
        if self.status == 200:
            self.thread.start()
        else:
            self.ended.set()

    def _read(self):
        name, data = "message", []
        try:
            for raw in self.answer:
                line = raw.decode().rstrip("\n")
                if line == "":
                    if data:
                        self.events.append(
                            (name, json.loads("\n".join(data)), self.last_id)
                        )
                    name, data = "message", []
                    continue
                field, _, value = line.partition(": ")
                if field == "":
                    self.comments += 1
                elif field == "id":
                    self.last_id = value
                elif field == "event":
                    name = value
                elif field == "data":
                    data.append(value)
        except (OSError, ValueError, http.client.HTTPException):
            pass
        self.ended.set()

    def views(self):
        return [data["_id"] for name, data, _ in list(self.events) if name == "view"]

    def named(self, name):
        return [data for event, data, _ in list(self.events) if event == name]

    def close(self):
        try:
            self.socket.shutdown(2)
        except OSError:
            pass
        if self.thread.is_alive():
            self.thread.join(10)
        self.connection.close()
