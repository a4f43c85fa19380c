"""Builds through Docker's library for Python. Arguments: the engine's address, a context's directory."""

import io
import sys

import docker

host, context = sys.argv[1:]
client = docker.DockerClient(base_url=host, version="auto")


def build(text, **options):
    options.setdefault("network_mode", "none")
    return client.images.build(fileobj=io.BytesIO(text), **options)


image, lines = build(b"FROM busybox\nRUN echo said\n", tag="py:1", labels={"x": "y"}, rm=True)
assert image.tags == ["py:1"], image.tags
assert image.labels["x"] == "y", image.labels
said = [line.get("stream") for line in lines]
assert "said\n" in said, said
assert "Successfully tagged py:1\n" in said, said

try:
    build(b"FROM busybox\nRUN exit 5\n")
    raise SystemExit("a step that fails did not")
except docker.errors.BuildError as error:
    assert error.msg == "The command '/bin/sh -c exit 5' returned a non-zero code: 5", error.msg
    assert list(error.build_log)[-1]["errorDetail"]["code"] == 5

try:
    build(b"I am not a Dockerfile\n")
    raise SystemExit("nonsense was built")
except docker.errors.APIError as error:
    assert error.status_code == 400, error.status_code
    assert "unknown instruction: I" in error.explanation, error.explanation

image, _ = client.images.build(
    path=context,
    buildargs={"WHO": "them"},
    shmsize=8 * 1024 * 1024,
    container_limits={"memory": 64 * 1024 * 1024, "cpushares": 512},
    extra_hosts={"friend": "192.0.2.7"},
    network_mode="none",
    target="last",
    nocache=True,
)
assert client.containers.run(image.id, remove=True, network_mode="none") == b"them\n192.0.2.7\n64M\n"

image, _ = build(b"FROM busybox\nRUN touch /a\nRUN touch /b\n", squash=True)
base = client.images.get("busybox").attrs["RootFS"]["Layers"]
assert len(image.attrs["RootFS"]["Layers"]) == len(base) + 1

assert len(client.df()["BuildCache"]) > 0
assert client.images.prune_builds()["SpaceReclaimed"] >= 0
print("fine")
