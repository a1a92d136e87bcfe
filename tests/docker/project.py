"""A copy of the checkout as one Compose project, by either generation of
Compose, with free ports and names of its own."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import uuid

import engine
from support.ports import free_port
from support.waiting import eventually
from support.web import request

# What a checkout may hold beside its sources.
NOT_COPIED = shutil.ignore_patterns(
    ".git", "build", "state", "secrets", ".env", "node_modules", "__pycache__"
)


def compose_1():
    """docker-compose 1.29, where it is installed; else None."""
    program = shutil.which("docker-compose")
    if program is None:
        return None
    version = subprocess.run(
        [program, "version", "--short"], capture_output=True, text=True
    ).stdout
    return [program] if version.startswith("1.") else None


def compose_2():
    return [str(engine.COMPOSE_2)]


def generations():
    """Each generation's name and command that this machine has."""
    found = {"Compose v2": compose_2()}
    if compose_1():
        found["docker-compose 1"] = compose_1()
    return found


class Project:
    def __init__(self, docker, files, compose, buildkit,
                 services=("rabbit", "history", "streaming")):
        self.docker = docker
        self.services = services  # whose logs tell why something failed
        self.name = engine.PROJECT_PREFIX + uuid.uuid4().hex[:8]
        self.parent = tempfile.mkdtemp(prefix="flixtube-docker-")
        self.folder = os.path.join(self.parent, "flixtube")
        shutil.copytree(engine.ROOT, self.folder, ignore=NOT_COPIED, symlinks=True)
        self.files = files
        self.compose_command = compose
        self.ports = {
            name: free_port()
            for name in ("STREAMING", "HISTORY", "RABBIT", "RABBIT_PAGE")
        }
        self.environment = dict(
            docker.environment,
            RABBIT_IMAGE=engine.BROKER_IMAGE,
            COMPOSE_PROJECT_NAME=self.name,
            FLIXTUBE_TAG=self.name,
            **{f"{name}_PORT": str(port) for name, port in self.ports.items()},
        )
        self.use_builder(buildkit)

    def use_builder(self, buildkit):
        value = "1" if buildkit else "0"
        self.environment["DOCKER_BUILDKIT"] = value
        # Compose 1 builds by itself, classically, or by the client.
        self.environment["COMPOSE_DOCKER_CLI_BUILD"] = value
        # The client that has BuildKit in it.
        client_folder = os.path.dirname(engine.client())
        if client_folder:
            self.environment["PATH"] = (
                client_folder + ":" + self.environment.get("PATH", "")
            )

    def compose(self, *arguments, check=True, timeout_s=600, **more):
        """One Compose command; the completed process, its output as text."""
        command = list(self.compose_command)
        for file in self.files:
            command += ["-f", file]
        done = subprocess.run(
            command + list(arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=timeout_s,
            **more,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"compose {' '.join(arguments)}: {done.returncode}\n"
                f"{done.stdout[-4000:]}{done.stderr[-4000:]}{self.last_logs()}"
            )
        return done

    def run(self, *command, **environment):
        """A program of the checkout, in the checkout."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=dict(self.environment, **environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        if done.returncode != 0:
            raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}")
        return done.stdout

    def last_logs(self):
        logs = ""
        for service in self.services:
            container = self.container(service)
            if container:
                logs += f"--- {service}\n" + "".join(
                    self.log(service).splitlines(keepends=True)[-25:]
                )
        return logs

    def container(self, service):
        """Its container's id, running or not; empty: none."""
        return self.docker.docker(
            "ps",
            "-aq",
            "--no-trunc",
            "--filter",
            f"label=com.docker.compose.project={self.name}",
            "--filter",
            f"label=com.docker.compose.service={service}",
        ).strip()

    def containers(self):
        return {service: self.container(service) for service in self.services}

    def inspect(self, service):
        return self.docker.inspect(self.container(service))

    def log(self, service):
        return self.docker.logs(self.container(service))

    def wait_log(self, service, pattern, timeout_s=60):
        return eventually(
            lambda: re.search(pattern, self.log(service)), timeout_s, 0.1
        )

    def url(self, service, path):
        return f"http://127.0.0.1:{self.ports[service.upper()]}{path}"

    def get(self, service, path, **more):
        return request("GET", self.url(service, path), **more)

    def wait_ready(self, timeout_s=120):
        for service in ("history", "streaming"):
            try:
                eventually(
                    lambda: self.get(service, "/readyz").status == 200, timeout_s, 0.1
                )
            except AssertionError as error:
                raise AssertionError(f"{service}: {error}\n{self.last_logs()}")

    def rows(self, **parameters):
        """All rows of the history, by its own pages."""
        query = "".join(f"&{name}={value}" for name, value in parameters.items())
        path, rows = f"/history?limit=1000{query}", []
        while path:
            page = self.get("history", path)
            if page.status != 200:
                raise AssertionError(f"{path}: {page.status} {page.body!r}")
            answer = json.loads(page.body)
            rows += answer["history"]
            path = answer.get("next")
        return rows

    def read(self, name):
        with open(os.path.join(self.folder, name)) as file:
            return file.read()

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def remove(self):
        """All that it made: containers, volumes, networks, images, files."""
        self.compose("down", "-v", "--remove-orphans", check=False)
        for image in ("history", "streaming", "dev", "postgres", "proxy"):
            # The layers stay, and the next run builds on them.
            self.docker.docker(
                "rmi", "--no-prune", f"flixtube-{image}:{self.name}", check=False
            )
        shutil.rmtree(self.parent, ignore_errors=True)
