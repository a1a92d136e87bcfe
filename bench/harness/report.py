"""Results as text, as JSON, and as the table of bench/README.md."""

import datetime
import json
import os
import subprocess
from statistics import median

from harness import machine, plot
from harness.bench import ROOT

BENCH = os.path.join(ROOT, "bench")
RESULTS = os.path.join(BENCH, "results")
ORDER = ("drain", "query", "video", "publish", "latency", "memory", "crowd", "start", "size",
         "callgrind", "scale", "postgres", "replay")


def number(value):
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def with_unit(values, unit):
    if not values:
        return "–"
    return f"{number(median(values))} {unit}".strip()


def claim_cells(figure, claim):
    """(against, theirs, got, wanted, holds)."""
    bound = claim.get("at_least", claim.get("at_most"))
    wanted = ("≥ " if "at_least" in claim else "≤ ") + f"{bound:g}"
    got = number(claim["got"]) if "got" in claim else "not measured"
    holds = {True: "yes", False: "no"}.get(claim.get("holds"), "")
    if claim["to"] is None:
        return "–", "–", got, wanted, holds
    theirs = with_unit(figure["values"].get(claim["to"]), figure["unit"])
    return claim["to"], theirs, got + " ×" if "got" in claim else got, wanted + " ×", holds


def rows_of(figure):
    """The figure's lines of a table, as cells."""
    values = figure["values"]
    first = [figure["work"], with_unit(values.get("ours"), figure["unit"])]
    rows = []
    for claim in figure["claims"]:
        rows.append([*first, *claim_cells(figure, claim)])
        first = ["", ""]
    claimed = {claim["to"] for claim in figure["claims"]} | {"ours"}
    for who in values:
        if who not in claimed:
            rows.append([*first, who, with_unit(values[who], figure["unit"]), "", "", ""])
            first = ["", ""]
    return rows or [[*first, "", "", "", "", ""]]


HEAD = ["work", "ours", "against", "theirs", "got", "wanted", "holds"]


def markdown(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cells) + " |" for cells in rows]
    return "\n".join(lines)


def text(figures):
    """The same for a terminal, in columns."""
    rows = [HEAD] + [row for figure in figures for row in rows_of(figure)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in rows
    )


def save(name, figures, bench, load_before):
    os.makedirs(bench.options.results, exist_ok=True)
    result = {
        "scenario": name,
        "made": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ"),
        "machine": machine.describe(),
        "versions": machine.versions(),
        "load_before": round(load_before, 1),
        "options": {key: getattr(bench.options, key)
                    for key in ("rounds", "views", "store_rows", "seconds", "sizes")},
        "figures": [figure.to_json() for figure in figures],
    }
    path = os.path.join(bench.options.results, f"{name}.json")
    with open(path, "w") as file:
        json.dump(result, file, indent=1, ensure_ascii=False)
        file.write("\n")
    return result


def saved(folder):
    results = {}
    for name in ORDER:
        path = os.path.join(folder, f"{name}.json")
        if os.path.exists(path):
            with open(path) as file:
                results[name] = json.load(file)
    return results


def sizes_table(result):
    """A line a kind of work, a column a size."""
    sizes = result["options"]["sizes"]
    figures = {figure["key"]: figure for figure in result["figures"]}
    rows = []
    first = f"size_{sizes[0]}_"
    for key in (key for key in figures if key.startswith(first)):
        work = figures[key]["work"].replace(f", {sizes[0]:,} rows", "")
        work = work.replace(f" with {sizes[0]:,} rows", "")
        cells = [work]
        for size in sizes:
            figure = figures.get(key.replace(first, f"size_{size}_"))
            cells.append(with_unit(figure["values"].get("ours"), figure["unit"]))
        rows.append(cells)
    return markdown(["", *(f"{size:,} rows" for size in sizes)], rows)


def machine_text(result):
    described = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return (f"{described['cores']} cores ({described['processor']}), "
            f"{described['memory_gib']} GiB, {described['system']}, "
            f"Linux {described['kernel']}; {versions}.")


def options_text(result):
    options = result["options"]
    return (f"{options['rounds']} rounds, {options['views']:,} views in the queue, "
            f"{options['store_rows']:,} rows in the store, {options['seconds']} s a load; "
            f"measured {result['made']}, with a load of {result['load_before']} "
            "before it began.")


def write_documents(folder):
    """bench/README.md from its template, the plot, and the tables of docs/SCALE.md."""
    results = saved(folder)
    if not results:
        return
    parts = []
    for name, result in results.items():
        if name == "size":
            continue
        rows = [row for figure in result["figures"] for row in rows_of(figure)]
        parts.append(f"### {name}\n\n{options_text(result)}\n\n{markdown(HEAD, rows)}")
    if "size" in results:
        parts.append(f"### size\n\n{options_text(results['size'])}\n\n"
                     + sizes_table(results["size"]))
    with open(os.path.join(BENCH, "README.template.md")) as file:
        template = file.read()
    page = template.replace("@MACHINE@", machine_text(next(iter(results.values()))))
    page = page.replace("@TABLES@", "\n\n".join(parts))
    with open(os.path.join(BENCH, "README.md"), "w") as file:
        file.write(page)
    with open(os.path.join(folder, "speed.svg"), "w") as file:
        file.write(plot.bars(results))
    # And what a rate of views needs by them.
    subprocess.run([os.path.join(BENCH, "sizing.py"), "--results", folder, "--write"],
                   check=True)
