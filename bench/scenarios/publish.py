"""POST /viewed and POST /progress: answered when the view is on disk."""

import http.client
import re

from harness import wrk
from harness.figures import Figure, alternating
from harness.programs import Failed, get
from scenarios import query, video

CONNECTIONS = 64
BATCH_UNKNOWN = CONNECTIONS // 2
JSON = "Content-Type: application/json"
VIEWED = ("POST /viewed\t" + JSON + '\tbody: {"id":"018f3c1e-7b2a-7000-8000-@unique",'
          '"userId":"018f3c1e-7b2a-7000-8000-000000000042","video":{"id":"clip.mp4"},'
          '"videoPath":"./videos/clip.mp4","viewedAt":"2026-01-31T12:00:00.000Z",'
          '"position":12.5,"duration":30,'
          '"sessionId":"018f3c1e-7b2a-7000-8000-000000000007","rule":"played"}')
# Without a cookie each is a new viewer's; and of a video of 2 s, one second
# makes a view, which is as much as is believed of a session that just began.
PROGRESS = ("POST /progress\t" + JSON +
            f'\tbody: {{"videoId":"{video.NAME}","position":1,"played":1,"duration":2}}')


def metric(port, name):
    """None where there is no such metric."""
    _, _, body = get(port, "/metrics")
    match = re.search(rf"^{name} (\S+)$", body.decode(), re.M)
    return float(match.group(1)) if match else None


def mean_batch(port, views, batches, before):
    """Views in one commit since `before`, as the service itself counts."""
    now = (metric(port, views), metric(port, batches))
    if None in now or None in before or now[1] == before[1]:
        return BATCH_UNKNOWN
    return max(1, round((now[0] - before[0]) / (now[1] - before[1])))


def answer(port, target):
    """Status, headers and body of one such request."""
    line, *fields = target.replace("@unique", "ffffffffffff").split("\t")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", line.split(" ", 1)[1], fields[1].removeprefix("body: "),
                           dict([fields[0].split(": ", 1)]))
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read()
    finally:
        connection.close()


class Publish:
    def __init__(self, bench, kind, targets, views, batches, figure):
        self.bench, self.kind, self.targets = bench, kind, targets
        self.counters = (views, batches)
        self.figure = figure
        self.batch = BATCH_UNKNOWN
        self.like = None

    def ours(self, port):
        before = tuple(metric(port, name) for name in self.counters)
        found = wrk.load(self.bench, port, self.targets, CONNECTIONS,
                         self.bench.options.seconds)
        stored = metric(port, self.counters[0]) - before[0]
        if stored < found["requests"]:
            raise Failed(f"{found['requests']} answers, {stored:.0f} views")
        self.batch = mean_batch(port, *self.counters, before)
        self.figure.add("ours", found["requests_per_s"])
        self.figure.notes["views in a commit"] = self.batch
        self.like = answer(port, self.targets[0])

    def bare_http(self):
        """The same requests and answers, and nothing stored."""
        with query.bare_http(self.bench, "thread", self.like) as program:
            found = wrk.load(self.bench, program.port, self.targets, CONNECTIONS,
                             self.bench.options.seconds)
        self.figure.add("bare libmicrohttpd", found["requests_per_s"])

    def bare(self):
        db = self.bench.new_db("floor.db")
        found = self.bench.result("bare_commit", self.kind, db, self.batch,
                                  self.bench.options.seconds)
        self.bench.remove_db(db)
        self.figure.add("bare SQLite", found["rows"] / found["seconds"])


def figure(key, path):
    made = Figure(key, f"POST {path}, {CONNECTIONS} connections, until it is on disk",
                  "requests/s")
    return made.at_least(0.6, "bare SQLite").at_least(0.6, "bare libmicrohttpd")


def run(bench):
    viewed = Publish(bench, "viewed", [VIEWED], "history_views_new_total",
                     "history_batches_total", figure("publish_viewed", "/viewed"))
    progress = Publish(bench, "progress", [PROGRESS], "streaming_views_played_total",
                       "streaming_outbox_batches_total", figure("publish_progress", "/progress"))
    bench.declare_queues()
    for number in range(bench.options.rounds):
        bench.say(f"publish: round {number + 1} of {bench.options.rounds}")

        def history():
            with bench.history(bench.new_db("posts.db")) as program:
                viewed.ours(program.port)

        def streaming():
            videos = video.make_videos(bench)
            with bench.streaming(videos, bench.new_db("outbox.db")) as program:
                progress.ours(program.port)
            bench.take_queue()

        def node():
            with bench.node("tuned", bench.new_db("posts-peer.db")) as program:
                found = wrk.load(bench, program.port, [VIEWED], CONNECTIONS,
                                 bench.options.seconds)
                viewed.figure.add("Node, tuned", found["requests_per_s"])

        # The floors take what ours had, so they come after it.
        steps = [lambda: (history(), viewed.bare_http(), viewed.bare()),
                 lambda: (streaming(), progress.bare_http(), progress.bare())]
        if bench.has_peers():
            steps.append(node)
        for step in alternating(steps, number):
            step()
    return [viewed.figure, progress.figure]
