"""What the parts beside the store cost, for bench/sizing.py: one quorum queue,
two that share the views, a cluster of three nodes, and streaming."""

import glob
import os
import shutil
import sys
import threading

from harness import wrk
from harness.bench import ROOT, USERS
from harness.figures import Figure
from harness.programs import Failed, cpu_s, wait_until
from scenarios import publish, video

sys.path.insert(0, os.path.join(ROOT, "tests"))
from support.broker import Broker  # noqa: E402
from support.cluster import Cluster  # noqa: E402

NODES = 3
VIEWERS = 1000
REPORTS = [f"POST /progress\t{publish.JSON}\tCookie: viewer=018f3c1e-7b2a-4000-8000-{at:012d}"
           f'\tbody: {{"videoId":"{video.NAME}","position":1,"played":0}}'
           for at in range(VIEWERS)]


class ScaleFigures:
    def __init__(self):
        def rate(key, work):
            return Figure(f"scale_{key}", work, "views/s")

        def cost(key, work, unit="us a view"):
            return Figure(f"scale_{key}", work, unit, False)

        self.publish_one = rate("publish_one", "bare publishing, confirmed, into one queue")
        self.publish_two = rate("publish_two", "the same into two queues, by user")
        self.drain_one = rate("drain_one", "bare drain of one queue")
        self.drain_two = rate("drain_two", "of two queues at once, together")
        self.broker_cpu = cost("broker_cpu", "CPU of a broker of one node: through `viewed` "
                               "into queue and stream, and out of the queue")
        self.cluster_cpu = cost("cluster_cpu", f"the same with {NODES} nodes, together")
        self.leader_cpu = cost("leader_cpu", "of them, the node that leads")
        self.cluster_publish = rate("cluster_publish",
                                    f"publishing through `viewed`, {NODES} nodes")
        self.cluster_drain = rate("cluster_drain", f"bare drain, {NODES} nodes")
        self.stream_bytes = cost("stream_bytes", "the stream on a node's disk", "bytes a view")
        self.streaming_cpu = cost("streaming_cpu", "CPU of streaming: the POST /progress that "
                                  "counts, outbox and publishing")
        self.report_cpu = cost("report_cpu", "CPU of streaming: a POST /progress that does not "
                               "count", "us a report")

    def all(self):
        return list(vars(self).values())


def load(bench, url, views, *how, queues=1):
    found = bench.result("load", url, 0, views, USERS, *how, env={"QUEUES": queues})
    return views / found["seconds"]


def drain_all(bench, url, counts):
    """Each queue by a consumer of its own, at once; views/s of all together."""
    found, failed = [], []

    def drain(queue, count):
        try:
            found.append(bench.result("bare_drain", url, count,
                                      env={"QUEUES": len(counts), "QUEUE": queue}))
        except Failed as failure:
            failed.append(failure)

    threads = [threading.Thread(target=drain, args=(number + 1, count))
               for number, count in enumerate(counts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    # The slowest says how long all took.
    return sum(one["views"] for one in found) / max(one["seconds"] for one in found)


def waiting(bench, url, queue, queues):
    return bench.result("bare_drain", url, "left",
                        env={"QUEUES": queues, "QUEUE": queue})["left"]


def counts_of(bench, url, views, queues):
    """How the views lie in the queues; the broker counts some time after it."""
    def counted():
        counts = [waiting(bench, url, number + 1, queues) for number in range(queues)]
        return counts if sum(counts) == views else None

    return wait_until(counted, "the queues do not have the views", every_s=0.2)


def side_by_side(bench, broker, queues, published, drained):
    url, views = broker.add_vhost(), bench.options.views
    published.add("ours", load(bench, url, views, queues=queues))
    drained.add("ours", drain_all(bench, url, counts_of(bench, url, views, queues)))
    broker.remove_vhost(url)


def stream_bytes(folder):
    return sum(os.path.getsize(path) for path in
               glob.glob(os.path.join(folder, "data", "**", "*.segment"), recursive=True)
               if f"{os.sep}stream{os.sep}" in path)


def through_all(bench, nodes, url):
    """(published views/s, drained views/s, CPU of each node in us a view)."""
    views = bench.options.views
    before = [cpu_s(node.pid) for node in nodes]
    published = load(bench, url, views, "viewed")
    drained = drain_all(bench, url, counts_of(bench, url, views, 1))
    return published, drained, [(cpu_s(node.pid) - cpu) / views * 1e6
                                for node, cpu in zip(nodes, before)]


def one_node(bench, broker, figures):
    url = broker.add_vhost()
    before = stream_bytes(broker.folder)
    _, _, cpus = through_all(bench, [broker], url)
    figures.broker_cpu.add("ours", cpus[0])
    figures.stream_bytes.add("ours",
                             (stream_bytes(broker.folder) - before) / bench.options.views)
    broker.remove_vhost(url)


def three_nodes(bench, figures):
    folder = os.path.join(bench.scratch, "cluster")
    cluster = Cluster(folder, NODES)
    try:
        # Who declares a queue has its leader: the first node.
        vhost = cluster.nodes[0].add_vhost()
        published, drained, cpus = through_all(bench, cluster.nodes, vhost)
    finally:
        cluster.stop()
    shutil.rmtree(folder, ignore_errors=True)
    figures.cluster_publish.add("ours", published)
    figures.cluster_drain.add("ours", drained)
    figures.cluster_cpu.add("ours", sum(cpus))
    figures.leader_cpu.add("ours", max(cpus))


def streaming(bench, figures):
    videos = video.make_videos(bench)
    with bench.streaming(videos, bench.new_db("outbox.db")) as program:
        found = wrk.load(bench, program.port, [publish.PROGRESS], publish.CONNECTIONS,
                         bench.options.seconds)
        wait_until(lambda: publish.metric(program.port, "streaming_outbox_views") == 0,
                   "the outbox is not empty", 120, every_s=0.2)
        figures.streaming_cpu.add("ours", program.cpu_s() / found["requests"] * 1e6)
    bench.take_queue()
    with bench.streaming(videos, bench.new_db("outbox.db")) as program:
        before = program.cpu_s()
        found = wrk.load(bench, program.port, REPORTS, publish.CONNECTIONS,
                         bench.options.seconds)
        if publish.metric(program.port, "streaming_views_played_total"):
            raise Failed("a report counted")
        figures.report_cpu.add("ours", (program.cpu_s() - before) / found["requests"] * 1e6)


def run(bench):
    figures = ScaleFigures()
    bench.declare_queues()  # which starts the broker
    broker = Broker(os.path.join(bench.folder, "broker"))
    for number in range(bench.options.rounds):
        bench.say(f"scale: round {number + 1} of {bench.options.rounds}")
        side_by_side(bench, broker, 1, figures.publish_one, figures.drain_one)
        side_by_side(bench, broker, 2, figures.publish_two, figures.drain_two)
        one_node(bench, broker, figures)
        three_nodes(bench, figures)
        streaming(bench, figures)
    return figures.all()
