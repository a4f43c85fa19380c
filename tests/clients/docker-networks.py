"""Networks and ports by Docker's library for Python; argument: the engine's address. Says "done" when all was as it should be."""

import sys

import docker

client = docker.DockerClient(base_url=sys.argv[1])
pool = docker.types.IPAMPool(
    subnet="10.217.0.0/24", gateway="10.217.0.254", iprange="10.217.0.128/25", aux_addresses={"router": "10.217.0.130"}
)
network = client.networks.create("py", ipam=docker.types.IPAMConfig(pool_configs=[pool]), labels={"a": "b"}, check_duplicate=True)
network.reload()
assert network.attrs["IPAM"]["Config"] == [
    {
        "Subnet": "10.217.0.0/24",
        "IPRange": "10.217.0.128/25",
        "Gateway": "10.217.0.254",
        "AuxiliaryAddresses": {"router": "10.217.0.130"},
    }
], network.attrs

box = client.containers.create(
    "busybox", ["sleep", "1000"], name="py-box", network="py", ports={"80/tcp": None, "81/tcp": ("127.0.0.1", None)}
)
box.start()
box.reload()
assert box.ports["80/tcp"][0]["HostPort"].isdigit(), box.ports
assert box.ports["81/tcp"][0]["HostIp"] == "127.0.0.1", box.ports
assert box.attrs["NetworkSettings"]["Networks"]["py"]["IPAddress"].startswith("10.217.0.1"), box.attrs["NetworkSettings"]

other = client.networks.create("py-other")
other.connect(box, aliases=["friend"])
other.reload()
assert other.containers == [box]
box.reload()
assert "friend" in box.attrs["NetworkSettings"]["Networks"]["py-other"]["Aliases"]
assert {found.name for found in client.networks.list(names=["py"])} == {"py", "py-other"}
assert client.networks.list(filters={"label": "a=b"}) == [network]
other.disconnect(box, force=True)
try:
    network.remove()
    raise AssertionError("a network with a container went")
except docker.errors.APIError as error:
    assert error.status_code == 403 and "active endpoints" in error.explanation, error
try:
    client.networks.create("py", check_duplicate=True)
    raise AssertionError("two networks have one name")
except docker.errors.APIError as error:
    assert error.status_code == 409 and "already exists" in error.explanation, error
box.remove(force=True)
assert sorted(client.networks.prune()["NetworksDeleted"]) == ["py", "py-other"]

# As programs that do not know of several networks ask.
low = docker.APIClient(base_url=sys.argv[1], version="1.41")
wanted = {"bridge": low.create_endpoint_config(mac_address="02:42:ac:11:00:77")}
made = low.create_container(
    "busybox",
    ["sleep", "1000"],
    host_config=low.create_host_config(port_bindings={80: None}, network_mode="bridge"),
    ports=[80],
    networking_config=low.create_networking_config(wanted),
)
low.start(made)
settings = low.inspect_container(made)["NetworkSettings"]
assert settings["MacAddress"] == "02:42:ac:11:00:77", settings
assert low.port(made, 80) == settings["Ports"]["80/tcp"]
low.remove_container(made, force=True)
print("done")
