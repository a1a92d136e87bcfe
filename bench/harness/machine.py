"""What the figures were measured on."""

import os
import platform
import re
import sqlite3
import subprocess


def _first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].strip() if lines else None


def _field(path, name):
    with open(path) as file:
        for line in file:
            if line.startswith(name):
                return line.split(":" if ":" in line else "=", 1)[1].strip().strip('"')
    return None


def _package(name):
    return _first_line("dpkg-query", "-W", "-f=${Version}", name)


def describe():
    memory_kb = int(_field("/proc/meminfo", "MemTotal").split()[0])
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "memory_gib": round(memory_kb / 2**20),
        "system": _field("/etc/os-release", "PRETTY_NAME"),
        "kernel": platform.release(),
    }


def versions():
    found = {
        "RabbitMQ": _package("rabbitmq-server"),
        "PostgreSQL": _package("postgresql"),
        "SQLite": sqlite3.sqlite_version,
        "rabbitmq-c": _package("librabbitmq4"),
        "libmicrohttpd": _package("libmicrohttpd12"),
        "gcc": _first_line("gcc", "-dumpfullversion"),
        "nginx": _first_line("nginx", "-v"),
        "Node": _first_line("node", "--version"),
        "wrk": _first_line("wrk", "-v"),
    }
    for name in ("nginx", "wrk"):
        match = re.search(r"\d+(\.\d+)+", found[name] or "")
        found[name] = match.group() if match else None
    return {name: version for name, version in found.items() if version}


def load():
    """Processes that want to run, averaged over a minute: over the number of
    cores, others were using them too."""
    return os.getloadavg()[0]
