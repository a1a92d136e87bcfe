"""People who watch: each reports progress until the view counts."""

import json
import threading
import time
import uuid

from support.web import request

VIDEO = "SampleVideo_1280x720_1mb.mp4"
PLAYED_S = 10  # from here on a view counts
BELIEVED_AFTER_S = 0.7  # real time that so much played time takes at least


def report(url, viewer, played_s, video=VIDEO):
    """One report of progress; the answer as a dict, or None when there was
    none: no service, or it could not take it."""
    body = {"videoId": video, "position": played_s, "played": played_s}
    try:
        answer = request(
            "POST",
            url + "/progress",
            body=json.dumps(body),
            headers={
                "Content-Type": "application/json",
                "Cookie": f"viewer={viewer}",
            },
            timeout_s=10,
        )
    except OSError:
        return None
    if answer.status == 503:
        return None
    if answer.status != 200:
        raise AssertionError(f"/progress: {answer.status} {answer.body!r}")
    return answer.json()


class Viewers:
    """`count` views, one viewer each, spread over `threads` at once. They go
    on until the service said of each that it counted. `accepted` has the
    sessions' ids, which are in the history's rows."""

    def __init__(self, url, count, threads=8):
        self.url = url
        self.accepted = []
        self.lock = threading.Lock()
        self.left = count
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.watch) for _ in range(threads)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def join(self, timeout_s=120):
        for thread in self.threads:
            thread.join(timeout_s)
        if any(thread.is_alive() for thread in self.threads):
            self.stopped.set()
            raise AssertionError(f"only {len(self.accepted)} views were taken")
        return self.accepted

    def stop(self):
        """Ends them where they are; what was accepted stays accepted."""
        self.stopped.set()
        return self.join()

    def watch(self):
        while not self.stopped.is_set():
            with self.lock:
                if self.left <= 0:
                    return
                # A handful at once: their waiting time passes together.
                group = min(self.left, 8)
                self.left -= group
            waiting = {str(uuid.uuid4()) for _ in range(group)}
            for viewer in waiting:
                report(self.url, viewer, 0)
            while waiting and not self.stopped.is_set():
                time.sleep(BELIEVED_AFTER_S)
                for viewer in sorted(waiting):
                    answer = report(self.url, viewer, PLAYED_S)
                    if answer and answer["counted"]:
                        waiting.discard(viewer)
                        with self.lock:
                            self.accepted.append(answer["sessionId"])


def one_view(url):
    """A single view; its session's id."""
    return Viewers(url, 1, threads=1).start().join()[0]


def assert_each_once(sessions, rows):
    """Every accepted session is in the history, exactly once."""
    seen = {}
    for row in rows:
        seen[row["sessionId"]] = seen.get(row["sessionId"], 0) + 1
    missing = [session for session in sessions if session not in seen]
    twice = [session for session, count in seen.items() if count > 1]
    assert not missing, f"{len(missing)} of {len(sessions)} views are not stored"
    assert not twice, f"{len(twice)} views are stored twice"
