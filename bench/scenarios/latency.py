"""From publish to visible in GET /history, at an even pace."""

from harness.figures import Figure, alternating

VIEWS_PER_S = 1000
CEILING_MS = 20


def run(bench):
    seconds = bench.options.seconds
    bench.declare_queues()
    p99 = Figure("latency_p99", f"publish to visible at {VIEWS_PER_S:,} views/s, 99th percentile",
                 "ms", False).limit(CEILING_MS)
    p50 = Figure("latency_p50", "the same, median", "ms", False)

    def add(who, found):
        p99.add(who, found["p99_ms"])
        p50.add(who, found["p50_ms"])

    def ours():
        with bench.history(bench.new_db("latency.db")) as program:
            add("ours", bench.result("visible", bench.rabbit, program.port, VIEWS_PER_S, seconds))

    def bare():
        add("bare delivery", bench.result("visible", bench.rabbit, 0, VIEWS_PER_S, seconds))
        bench.check_queue_is_empty()

    for number in range(bench.options.rounds):
        bench.say(f"latency: round {number + 1} of {bench.options.rounds}")
        for step in alternating([ours, bare], number):
            step()
    return [p99, p50]
