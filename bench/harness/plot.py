"""The plot of the README: bars, as SVG that is readable on dark and light."""

from statistics import median
from xml.sax.saxutils import escape

# What is shown: key of the figure, its name, who is beside ours.
SHOWN = (
    ("drain", "Drain of the queue", ("bare rabbitmq-c", "Node, tuned", "Node, as the reference")),
    ("query_user", "A user's page", ("bare libmicrohttpd", "Node, tuned")),
    ("query_newest", "The newest page", ("bare libmicrohttpd", "Node, tuned")),
    ("video_whole", "Whole video", ("nginx",)),
    ("video_range", "64 kB ranges", ("nginx",)),
    ("publish_viewed", "POST /viewed", ("bare SQLite", "Node, tuned")),
    ("publish_progress", "POST /progress", ("bare SQLite",)),
)
WIDTH, LEFT, RIGHT = 780, 300, 150
BAR, GAP, GROUP_GAP = 16, 4, 18
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.work { font-weight: 600; }
.ours { fill: #0969da; }
.floor { fill: #8c959f; }
.peer { fill: #bf8700; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .ours { fill: #58a6ff; }
  .floor { fill: #7d8590; }
  .peer { fill: #d29922; }
}
"""


def _label(value, unit):
    shown = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
    return f"{shown} {unit}"


def _kind(who):
    if who == "ours":
        return "ours"
    return "floor" if who.startswith("bare") else "peer"


def _groups(results):
    figures = {figure["key"]: figure
               for result in results.values() for figure in result["figures"]}
    for key, name, others in SHOWN:
        figure = figures.get(key)
        if figure is None or not figure["values"].get("ours"):
            continue
        bars = [(who, median(figure["values"][who]))
                for who in ("ours", *others) if figure["values"].get(who)]
        yield name, figure["unit"], bars


def bars(results):
    parts = []
    y = GROUP_GAP
    for name, unit, group in _groups(results):
        most = max(value for _, value in group)
        parts.append(f'<text class="work" x="8" y="{y + 13}">{escape(name)}</text>')
        for who, value in group:
            width = max(2, value / most * (WIDTH - LEFT - RIGHT))
            parts.append(
                f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(who)}</text>'
                f'<rect class="{_kind(who)}" x="{LEFT}" y="{y}" width="{width:.1f}" '
                f'height="{BAR}" rx="2"/>'
                f'<text x="{LEFT + width + 6:.1f}" y="{y + 13}">'
                f"{escape(_label(value, unit))}</text>"
            )
            y += BAR + GAP
        y += GROUP_GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" '
        f'width="{WIDTH}" height="{y}" role="img" '
        'aria-label="Throughput of FlixTube beside floors and peers">\n'
        f"<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )
