"""Before the tests on Docker: an engine, the base image, a broker, Compose."""

import time

import engine

began = time.monotonic()
docker = engine.prepare()
if docker.own:
    engine.forget_old_layers(docker)
engine.remove_leftovers(docker)
whose = "the tests' own engine" if docker.own else "the engine that runs here"
version = docker.docker("version", "--format", "{{.Server.Version}}").strip()
base_mb = docker.image_bytes(engine.BASE_IMAGE) / 1e6
print(
    f"{whose}, version {version}; {engine.BASE_IMAGE} {base_mb:.0f} MB; "
    f"ready after {time.monotonic() - began:.0f} s"
)
