"""What programs do with Docker's library for Python, each as a case of its own. Argument: the engine's address. Prints a line a case; ends with 1 if one failed."""

import io
import json
import os
import stat
import sys
import tarfile
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, HTTPServer

import docker
from docker.types import Healthcheck, Mount, Ulimit
from docker.utils.socket import next_frame_header, read_exactly

BUSYBOX = "busybox:latest"
client = docker.DockerClient(base_url=sys.argv[1], timeout=30)
api = client.api
cases = []


def case(function):
    cases.append(function)
    return function


def refused(status, words, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except docker.errors.APIError as error:
        assert error.response.status_code == status, (error.response.status_code, str(error))
        assert words in error.explanation, error.explanation
        return
    raise AssertionError(f"was not refused: {words}")


def sleeper(**options):
    return client.containers.run(BUSYBOX, ["sleep", "1000"], detach=True, **options)


def tar_of(**files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@case
def run_gives_the_output_and_removes():
    assert client.containers.run(BUSYBOX, "echo hello world", remove=True) == b"hello world\n"
    assert client.containers.list(all=True) == []


@case
def a_failing_command_is_an_error_with_its_output():
    try:
        client.containers.run(BUSYBOX, "cat /nothing", remove=True)
    except docker.errors.ContainerError as error:
        assert error.exit_status == 1 and b"No such file" in error.stderr, error
    else:
        raise AssertionError("no error")


@case
def an_unknown_image_is_not_found():
    # It is asked for at its registry first, which is not there.
    try:
        client.containers.create("127.0.0.1:1/nothing", "true")
    except docker.errors.APIError as error:
        assert "No such image" in str(error) or "127.0.0.1:1" in str(error), error
    else:
        raise AssertionError("it was there")


@case
def version_ping_and_info():
    assert client.ping() is True
    version = client.version()
    for key in ["Version", "ApiVersion", "MinAPIVersion", "GitCommit", "GoVersion", "Os", "Arch", "KernelVersion", "Components"]:
        assert key in version, key
    info = client.info()
    for key in ["Containers", "Images", "Debug", "ServerVersion", "Driver", "LoggingDriver", "NCPU", "MemTotal", "SecurityOptions"]:
        assert key in info, key
    assert info["Images"] == len({image["Id"] for image in api.images(all=True)})
    assert info["Swarm"]["LocalNodeState"] == "inactive"


@case
def the_environment_is_shown_as_it_was_asked_for():
    box = client.containers.create(BUSYBOX, "env", environment={"Foo": None, "Other": "one", "Blank": ""})
    asked = [entry for entry in box.attrs["Config"]["Env"] if not entry.startswith("PATH=")]
    assert sorted(asked) == ["Blank=", "Foo", "Other=one"], asked
    box.start()
    assert box.wait()["StatusCode"] == 0
    said = box.logs().decode().splitlines()
    assert "Other=one" in said and "Blank=" in said and not any(line.startswith("Foo") for line in said), said
    assert any(line.startswith("PATH=") for line in said), said


@case
def settings_come_back_in_an_inspection():
    box = client.containers.create(
        BUSYBOX,
        "true",
        auto_remove=False,
        cap_add=["NET_ADMIN"],
        cap_drop=["MKNOD"],
        cpu_shares=512,
        cpuset_cpus="0",
        domainname="example.org",
        group_add=[1000, 1001],
        hostname="box",
        init=True,
        labels={"a": "b"},
        mem_limit="64m",
        memswap_limit="128m",
        oom_score_adj=100,
        pids_limit=50,
        privileged=False,
        read_only=True,
        restart_policy={"Name": "on-failure", "MaximumRetryCount": 5},
        shm_size="32m",
        stop_signal="SIGINT",
        sysctls={"net.ipv4.ip_forward": "0"},
        tmpfs={"/tmp1": "size=3M"},
        ulimits=[Ulimit(name="nofile", soft=1024, hard=2048)],
        user="1:1",
        working_dir="/srv",
    )
    config, host = box.attrs["Config"], box.attrs["HostConfig"]
    assert [config[key] for key in ["Hostname", "Domainname", "User", "WorkingDir", "StopSignal"]] == ["box", "example.org", "1:1", "/srv", "SIGINT"]
    assert config["Labels"]["a"] == "b" and config["Cmd"] == ["true"] and config["Image"] == BUSYBOX
    assert host["CapAdd"] in (["NET_ADMIN"], ["CAP_NET_ADMIN"]) and host["CapDrop"] in (["MKNOD"], ["CAP_MKNOD"])
    assert [host[key] for key in ["CpuShares", "CpusetCpus", "Memory", "MemorySwap", "OomScoreAdj", "PidsLimit"]] == [512, "0", 2**26, 2**27, 100, 50]
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 5}
    assert host["GroupAdd"] == ["1000", "1001"] and host["ReadonlyRootfs"] and host["Init"] is True and host["ShmSize"] == 2**25
    assert host["Sysctls"] == {"net.ipv4.ip_forward": "0"} and host["Tmpfs"] == {"/tmp1": "size=3M"}
    assert host["Ulimits"] == [{"Name": "nofile", "Hard": 2048, "Soft": 1024}]


@case
def what_cannot_be_is_refused_in_known_words():
    refused(400, "Minimum memory limit allowed is 6MB", client.containers.create, BUSYBOX, "true", mem_limit=1000)
    refused(400, "invalid restart policy", client.containers.create, BUSYBOX, "true", restart_policy={"Name": "sometimes"})
    refused(400, "Invalid container name", client.containers.create, BUSYBOX, "true", name="a b")
    refused(400, "cpuset cpus", client.containers.create, BUSYBOX, "true", cpuset_cpus="1-42,,")
    refused(404, "No such container: nothing", client.containers.get, "nothing")
    refused(404, "o such image: nothing:latest", client.images.get, "nothing")
    refused(404, "no such volume", client.volumes.get, "nothing")
    refused(404, "network nothing not found", client.networks.get, "nothing")
    client.containers.create(BUSYBOX, "true", name="taken")
    refused(409, 'Conflict. The container name "/taken" is already in use by container', client.containers.create, BUSYBOX, "true", name="taken")


@case
def an_image_without_a_name_is_not_removed():
    refused(400, "image name cannot be blank", api.remove_image, " ")
    refused(400, "image name cannot be blank", api._raise_for_status, api._delete(api._url("/images/")))


@case
def a_kill_is_over_when_the_container_has_ended():
    container = sleeper()
    container.kill()
    container.reload()
    assert container.status == "exited" and container.attrs["State"]["ExitCode"] == 137, container.attrs["State"]
    container.remove()


@case
def images_are_counted_once_whatever_their_names():
    client.images.get(BUSYBOX).tag("busybox", "again")
    assert len({image["Id"] for image in api.images(all=True)}) == api.info()["Images"]
    client.images.remove("busybox:again")


@case
def groups_are_those_that_were_added():
    groups = client.containers.run(BUSYBOX, "id -G", group_add=["1000", "1001"], remove=True).split()
    assert b"1000" in groups and b"1001" in groups, groups


@case
def life_start_stop_kill_restart_pause_rename_wait():
    box = sleeper(name="life")
    box.reload()
    assert box.status == "running"
    begun = box.attrs["State"]["StartedAt"]
    box.pause()
    box.reload()
    assert box.status == "paused" and box.attrs["State"]["Running"] is True
    refused(409, "unpause", box.start)
    refused(409, "paused", api.exec_create, box.id, "true")
    refused(409, "must be unpaused first", box.remove)
    box.unpause()
    box.rename("lives")
    refused(400, "same name", box.rename, "lives")
    box.restart(timeout=0)
    box.reload()
    assert box.name == "lives" and box.attrs["State"]["StartedAt"] != begun
    refused(409, "stop the container before", box.remove)
    box.kill(signal="SIGKILL")
    assert box.wait()["StatusCode"] == 137
    box.reload()
    assert box.status == "exited" and box.attrs["State"]["Running"] is False
    refused(409, "is not running", box.kill)
    refused(409, "is not running", api.exec_create, box.id, "true")
    refused(409, "is not running", box.pause)
    box.start()
    box.stop(timeout=0)
    box.remove()
    assert client.containers.list(all=True) == []


@case
def who_waits_for_a_removal_is_told_the_exit_code():
    box = client.containers.run(BUSYBOX, ["sh", "-c", "sleep 1; exit 3"], auto_remove=True, detach=True)
    assert box.wait(condition="removed")["StatusCode"] == 3
    refused(400, "invalid condition", box.wait, condition="sometime")


@case
def logs_by_tail_time_and_stream():
    box = client.containers.run(BUSYBOX, ["sh", "-c", "echo one; echo two; echo three >&2"], detach=True)
    box.wait()
    assert sorted(box.logs().split()) == [b"one", b"three", b"two"]
    assert box.logs(stderr=False) == b"one\ntwo\n" and box.logs(stdout=False) == b"three\n"
    assert box.logs(tail=1) in (b"two\n", b"three\n") and box.logs(tail=0) == b""
    assert box.logs(until=1) == b"" and box.logs(since=int(time.time()) + 100) == b""
    assert b"T" in box.logs(stderr=False, timestamps=True).split()[0]
    assert b"".join(box.logs(stderr=False, stream=True, follow=True)) == b"one\ntwo\n"


@case
def output_is_streamed_line_by_line():
    out = client.containers.run(BUSYBOX, ["sh", "-c", "echo hello; sleep 1; echo world"], stream=True)
    assert list(out) == [b"hello\n", b"world\n"]


@case
def an_attached_socket_frames_the_output():
    box = api.create_container(BUSYBOX, ["printf", "some words"])
    stream = api.attach_socket(box, {"stdout": 1, "stream": 1, "logs": 1})
    api.start(box)
    assert next_frame_header(stream) == (1, 10)
    assert read_exactly(stream, 10) == b"some words"
    stream.close()


@case
def attaching_afterwards_gives_what_was_said():
    box = client.containers.run(BUSYBOX, "echo hello", detach=True)
    box.wait()
    assert box.attach(stream=False, logs=True) == b"hello\n"


@case
def exec_output_exit_code_user_environment_and_directory():
    box = sleeper()
    # The library loses what comes along with the head of the answer.
    late = lambda script: ["sh", "-c", f"sleep 1; {script}"]
    assert tuple(box.exec_run(late("echo hello"))) == (0, b"hello\n")
    assert tuple(box.exec_run(late("echo out; echo err >&2; exit 4"), demux=True)) == (4, (b"out\n", b"err\n"))
    assert box.exec_run(late("id -u"), user="7").output == b"7\n"
    assert b"X=Y\n" in box.exec_run(late("env"), environment={"X": "Y"}).output
    assert box.exec_run(late("pwd"), workdir="/tmp").output == b"/tmp\n"
    assert box.exec_run("nothing-there").exit_code in (126, 127)
    assert b"".join(box.exec_run(late("echo a; echo b"), stream=True).output) == b"a\nb\n"
    exec_id = api.exec_create(box.id, ["true"])
    assert api.exec_start(exec_id, detach=True) in ("", b"")
    refused(409, "already", api.exec_start, exec_id, detach=True)
    refused(404, "No such exec instance", api.exec_inspect, "nothing")
    refused(400, "o exec command specified", api.exec_create, box.id, [])


@case
def an_exec_is_framed_as_its_start_asks_whatever_its_terminal():
    box = sleeper()
    # The library loses what comes along with the head of the answer.
    script = ["sh", "-c", "sleep 1; echo out; echo err >&2"]
    exec_id = api.exec_create(box.id, script, tty=True)
    assert api.exec_start(exec_id) == b"out\r\nerr\r\n"
    exec_id = api.exec_create(box.id, script, tty=True)
    assert api.exec_start(exec_id, demux=True) == (b"out\r\nerr\r\n", None)
    exec_id = api.exec_create(box.id, ["sh", "-c", "sleep 1; printf words"], tty=True)
    stream = api.exec_start(exec_id, socket=True)
    assert next_frame_header(stream) == (1, 5) and read_exactly(stream, 5) == b"words"
    stream.close()
    exec_id = api.exec_create(box.id, ["sh", "-c", "sleep 1; printf words"])
    stream = api.exec_start(exec_id, tty=True, socket=True)
    assert read_exactly(stream, 5) == b"words"
    stream.close()


@case
def the_keys_to_detach_let_go_of_an_exec():
    box = sleeper()
    for keys, typed in [("", b"\x10\x11"), ("ctrl-x", b"\x18")]:
        exec_id = api.exec_create(box.id, "cat", stdin=True, tty=True, detach_keys=keys or None)
        stream = api.exec_start(exec_id, tty=True, socket=True)
        raw = getattr(stream, "_sock", stream)
        raw.sendall(b"make sure the socket is there\n")
        raw.recv(100)
        raw.sendall(typed)
        raw.settimeout(10)
        while raw.recv(100):
            pass
        stream.close()


@case
def files_go_in_and_come_out():
    box = client.containers.create(BUSYBOX, ["cat", "/tmp/name.txt"])
    assert box.put_archive("/tmp", tar_of(**{"name.txt": b"content"})) is True
    chunks, stat = box.get_archive("/tmp/name.txt")
    assert stat["name"] == "name.txt" and stat["size"] == 7, stat
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        assert archive.extractfile("name.txt").read() == b"content"
    refused(404, "Could not find the file /nothing in container", box.get_archive, "/nothing")
    refused(404, "Could not find the file /nothing in container", box.put_archive, "/nothing", tar_of(a=b""))


@case
def changes_tell_what_was_done():
    box = client.containers.run(BUSYBOX, "touch /test", detach=True)
    box.wait()
    assert box.diff() == [{"Path": "/test", "Kind": 1}], box.diff()


@case
def processes_are_listed():
    box = sleeper()
    top = box.top()
    assert top["Titles"] == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert [row[-1] for row in top["Processes"]] == ["sleep 1000"]
    assert box.top(ps_args="waux")["Titles"][-1] == "COMMAND"


@case
def stats_have_their_parts():
    box = sleeper()
    stats = box.stats(stream=False)
    for key in ["read", "networks", "precpu_stats", "cpu_stats", "memory_stats", "blkio_stats", "pids_stats", "name", "id"]:
        assert key in stats, key
    assert next(box.stats(decode=True))["id"] == box.id


@case
def containers_are_found_by_filters():
    box = sleeper(name="found", labels={"colour": "red"})
    other = client.containers.create(BUSYBOX, "true", name="other")
    names = lambda **filters: sorted(found.name for found in client.containers.list(all=True, filters=filters))
    assert names(name="found") == ["found"] and names(label="colour=red") == ["found"] and names(status="created") == ["other"]
    assert names(ancestor="busybox") == ["found", "other"] and names(id=box.id[:12]) == ["found"]
    assert names(before="other") == ["found"] and names(since="found") == ["other"]
    assert [found.id for found in client.containers.list()] == [box.id]
    assert len(client.containers.list(all=True, limit=1)) == 1 and client.containers.list(all=True, limit=1)[0].id == other.id
    sizes = api.containers(all=True, size=True)
    assert all("SizeRootFs" in entry for entry in sizes), sizes
    refused(400, "filter", client.containers.list, filters={"nonsense": "x"})
    shell = client.containers.create(BUSYBOX, ["sh", "-c", "echo hi; exit 3", "x"], name="shell")
    assert api.containers(all=True, filters={"id": shell.id})[0]["Command"] == "sh -c 'echo hi; exit 3' x"
    shell.remove()
    sparse = client.containers.list(sparse=True)[0]
    assert sparse.status == "running" and sparse.attrs["Image"] == BUSYBOX


@case
def pruning_removes_what_has_ended():
    ended = client.containers.run(BUSYBOX, ["sh", "-c", "echo hello > /data.txt"], detach=True)
    ended.wait()
    running = sleeper()
    result = client.containers.prune()
    assert ended.id in result["ContainersDeleted"] and running.id not in result["ContainersDeleted"]
    assert result["SpaceReclaimed"] > 0


@case
def ports_are_published():
    box = sleeper(ports={"1111/tcp": ("127.0.0.1", 45671), "2222/udp": None})
    box.reload()
    assert box.ports["1111/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": "45671"}], box.ports
    assert all(int(binding["HostPort"]) > 0 for binding in box.ports["2222/udp"])
    assert api.port(box.id, 1111)[0]["HostPort"] == "45671"
    refused(500, "port is already allocated", sleeper, ports={"1/tcp": ("127.0.0.1", 45671)})


@case
def updates_are_seen():
    box = sleeper(mem_limit="64m", restart_policy={"Name": "always"})
    box.update(mem_limit="32m", memswap_limit="64m", restart_policy={"Name": "on-failure", "MaximumRetryCount": 42})
    box.reload()
    assert box.attrs["HostConfig"]["Memory"] == 2**25
    assert box.attrs["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 42}


@case
def health_is_told():
    check = Healthcheck(test=["CMD-SHELL", "true"], interval=10**9, timeout=10**9, retries=2)
    box = sleeper(healthcheck=check)
    for _ in range(100):
        box.reload()
        if box.attrs["State"]["Health"]["Status"] == "healthy":
            return
        time.sleep(0.1)
    raise AssertionError(box.attrs["State"])


@case
def limits_are_lifted_by_an_update():
    box = sleeper(pids_limit=32, cpu_quota=20000)
    in_cgroup = lambda path: box.exec_run(["sh", "-c", f"sleep 1; cat /sys/fs/cgroup/{path}"]).output.decode().strip()
    v1 = in_cgroup("pids/pids.max") == "32"
    pids, quota = ("pids/pids.max", "cpu/cpu.cfs_quota_us") if v1 else ("pids.max", "cpu.max")
    api._result(api._post_json(api._url("/containers/{0}/update", box.id), data={"PidsLimit": 0, "CpuQuota": -1}), True)
    assert in_cgroup(pids) == "max" and in_cgroup(quota).split()[0] == ("-1" if v1 else "max"), (in_cgroup(pids), in_cgroup(quota))
    box.reload()
    assert box.attrs["HostConfig"]["PidsLimit"] == 0 and box.attrs["HostConfig"]["CpuQuota"] == -1


@case
def block_devices_are_held_to_rates_by_an_update():
    found = [f"/dev/{name}" for name in sorted(os.listdir("/sys/class/block")) if stat.S_ISBLK(os.stat(f"/dev/{name}").st_mode)] if os.path.isdir("/sys/class/block") else []
    if not found:
        return
    box = sleeper()

    def update(field, entries):
        return api._result(api._post_json(api._url("/containers/{0}/update", box.id), data={field: entries}), True)

    if update("BlkioDeviceReadBps", [{"Path": found[0], "Rate": 1000000}])["Warnings"]:
        return
    box.reload()
    assert box.attrs["HostConfig"]["BlkioDeviceReadBps"] == [{"Path": found[0], "Rate": 1000000}]
    held = box.exec_run(["sh", "-c", "sleep 1; cat /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device /sys/fs/cgroup/io.max 2>/dev/null"]).output
    assert b"1000000" in held, held
    update("BlkioDeviceReadBps", [{"Path": found[0], "Rate": 0}])
    box.reload()
    assert box.attrs["HostConfig"]["BlkioDeviceReadBps"] == []
    held = box.exec_run(["sh", "-c", "sleep 1; cat /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device /sys/fs/cgroup/io.max 2>/dev/null"]).output
    assert b"1000000" not in held, held


@case
def links_are_shown_and_removed():
    db = sleeper(name="db")
    web = sleeper(name="web", links={"db": "data"})
    assert api.containers(filters={"id": db.id})[0]["Names"] == ["/db", "/web/data"]
    assert client.containers.get("web/data").id == db.id
    refused(409, "cannot remove the default link name", api.remove_container, "db", link=True)
    api.remove_container("web/data", link=True)
    web.reload()
    assert web.attrs["HostConfig"]["Links"] is None and api.containers(filters={"id": db.id})[0]["Names"] == ["/db"]
    refused(404, "No such container: web/data", client.containers.get, "web/data")
    refused(400, "invalid name or ID supplied", api._result, api._delete(api._url("/containers/")))


@case
def a_link_in_a_network_is_a_name_that_nobody_else_is_told():
    network = client.networks.create("py-links")
    sleeper(name="upstream", network="py-links")
    other = sleeper(network="py-links")
    wish = {"py-links": api.create_endpoint_config(links=[("upstream", "bar")])}
    made = api.create_container(BUSYBOX, ["sleep", "1000"], host_config=api.create_host_config(network_mode="py-links"), networking_config=api.create_networking_config(wish))
    linked = client.containers.get(made["Id"])
    linked.start()
    assert linked.exec_run("nslookup bar").exit_code == 0
    assert other.exec_run("nslookup bar").exit_code != 0
    for box in client.containers.list(all=True):
        box.remove(force=True)
    network.remove()


@case
def an_exec_that_was_not_started_goes_with_the_end_of_its_container():
    box = sleeper()
    exec_id = api.exec_create(box.id, "true")
    box.restart(timeout=0)
    refused(404, "No such exec instance", api.exec_start, exec_id, detach=True)


@case
def who_attaches_to_nothing_is_told_in_plain_words():
    answer = api._post(api._url("/containers/nothing/attach"))
    assert answer.status_code == 404 and answer.text == "No such container: nothing\r\n", answer.text
    assert answer.headers["Content-Type"] == "application/vnd.docker.raw-stream"


@case
def a_body_that_is_no_json_is_told_in_the_words_of_docker():
    for body, words in [("{invalid", "invalid JSON: invalid character 'i' looking for beginning of object key string"), ("{} more", "unexpected content after JSON")]:
        refused(400, words, api._result, api._post(api._url("/volumes/create"), data=body, headers={"Content-Type": "application/json"}))


@case
def the_root_comes_out_under_the_names_that_clients_expect():
    box = client.containers.create(BUSYBOX, "true")
    for path, first, prefix in [("/", "", "/"), (".", ".", "./"), ("/.", ".", "./"), ("/etc/", "etc", "etc/")]:
        answer = api._get(api._url("/containers/{0}/archive", box.id), params={"path": path})
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
            # Python takes slashes off the end of names.
            names = [member.name for member in archive.getmembers()]
        assert names[0] == first and (len(names) == 1 or names[1].startswith(prefix)), (path, names[:2])
    refused(400, "not a directory", box.get_archive, "/bin/busybox/")
    refused(404, f"Could not find the file /nothing in container {box.id}", box.get_archive, "/nothing")


@case
def another_platform_than_the_images_is_not_found():
    words = f"image with reference {BUSYBOX} was found but its platform"
    refused(404, words, client.containers.create, BUSYBOX, "true", platform="linux/s390x")


@case
def volumes_and_mounts():
    volume = client.volumes.create(name="somevolume", driver="local", labels={"a": "b"})
    assert volume.attrs["Labels"] == {"a": "b"} and volume.attrs["Driver"] == "local" and volume.attrs["Scope"] == "local"
    client.containers.run(BUSYBOX, ["sh", "-c", "echo hello > /in/test"], volumes=["somevolume:/in"], remove=True)
    assert client.containers.run(BUSYBOX, "cat /in/test", volumes={"somevolume": {"bind": "/in", "mode": "ro"}}, remove=True) == b"hello\n"
    box = client.containers.create(BUSYBOX, "true", mounts=[Mount("/there", "othervolume", labels={"c": "d"}), Mount("/t", None, type="tmpfs")])
    mounts = {mount["Destination"]: mount for mount in box.attrs["Mounts"]}
    assert mounts["/there"]["Name"] == "othervolume" and mounts["/there"]["RW"] is True and mounts["/there"]["Type"] == "volume"
    refused(409, "volume is in use", client.volumes.get("othervolume").remove)
    assert [found.name for found in client.volumes.list(filters={"name": "somevolume"})] == ["somevolume"]
    assert {found.name for found in client.volumes.list()} >= {"somevolume", "othervolume"}
    refused(404, 'plugin "nothing" not found', client.volumes.create, driver="nothing")
    box.remove()
    result = api.prune_volumes(filters={"all": "1"})
    assert set(result["VolumesDeleted"]) >= {"somevolume", "othervolume"}


@case
def networks_connect_and_disconnect():
    network = client.networks.create("py-net", labels={"a": "b"})
    network.reload()
    assert network.attrs["IPAM"]["Options"] is None and network.attrs["IPAM"]["Driver"] == "default"
    box = client.containers.create(BUSYBOX, ["sleep", "1000"], network="py-net")
    box.start()
    box.reload()
    assert list(box.attrs["NetworkSettings"]["Networks"]) == ["py-net"]
    network.reload()
    assert [member.id for member in network.containers] == [box.id]
    network.disconnect(box)
    network.reload()
    assert network.containers == []
    network.connect(box, aliases=["bar"])
    box.reload()
    assert "bar" in box.attrs["NetworkSettings"]["Networks"]["py-net"]["Aliases"]
    refused(403, "endpoint", network.connect, box)
    refused(403, "active endpoints", network.remove)
    refused(409, "network with name py-net already exists", client.networks.create, "py-net", check_duplicate=True)
    refused(403, "only one instance", client.networks.create, "py-host", driver="host")
    assert [found.id for found in client.networks.list(ids=[network.id[:10]])] == [network.id]
    box.remove(force=True)
    network.remove()
    assert client.networks.list(names=["py-net"]) == []


@case
def a_network_is_found_by_its_id_before_one_that_is_called_so():
    first = api.create_network("py-first")["Id"]
    by_prefix = api.create_network(first[:12])["Id"]
    by_id = api.create_network(first)["Id"]
    api.remove_network(first[:12])
    api.remove_network(first)
    left = {found["Id"] for found in api.networks()}
    assert by_id in left and first not in left and by_prefix not in left
    api.remove_network(by_id)
    assert api._get(api._url("/networks/")).status_code == 200


@case
def what_is_open_is_counted_and_browsers_are_answered():
    info = client.info()
    assert info["NFd"] > 0 and info["NGoroutines"] > 0, (info["NFd"], info["NGoroutines"])
    for path in ["/", "/containers/json"]:
        assert api.request("OPTIONS", api._url(path)).status_code == 200


@case
def images_are_tagged_listed_shown_and_untagged():
    image = client.images.get(BUSYBOX)
    assert image.tag("some.repository/name", "some-tag") is True
    assert [found.id for found in client.images.list("some.repository/name")] == [image.id]
    assert "some.repository/name:some-tag" in client.images.get(image.id).tags
    assert image.history()[0]["Id"] == image.id
    client.images.remove("some.repository/name:some-tag")
    assert client.images.list("some.repository/name") == []
    assert isinstance(api.images(quiet=True)[0], str)
    refused(400, "invalid reference format", image.tag, "UPPER")


@case
def a_commit_is_an_image_with_changes_and_a_parent():
    box = client.containers.run(BUSYBOX, ["sh", "-c", "echo hello > /test"], detach=True)
    box.wait()
    image = box.commit(repository="py-commit", tag="1", changes=["EXPOSE 8000", 'CMD ["cat", "/test"]'], message="why", author="me")
    assert "8000/tcp" in image.attrs["Config"]["ExposedPorts"] and image.attrs["Config"]["Cmd"] == ["cat", "/test"]
    assert image.attrs["Comment"] == "why" and image.attrs["Author"] == "me", image.attrs
    assert image.attrs["Parent"] == client.images.get(BUSYBOX).id
    assert client.containers.run(image.id, remove=True) == b"hello\n"
    box.remove()
    removed = api.remove_image(image.id, force=True)
    assert {"Deleted": image.id} in removed, removed


@case
def variables_in_changes_are_those_of_the_image_and_of_the_changes_before():
    box = client.containers.create(BUSYBOX, "true", environment={"A": 'one "two"', "PATH": "/bin"})
    changes = ["ENV PATH=/usr/bin:$PATH", "ENV B=${A:-none} C=$PATH D='$A' E=\\$A", "WORKDIR /srv/$C", "LABEL path=$PATH", 'CMD ["echo", "$A"]']
    config = box.commit(repository="py-changes", changes=changes).attrs["Config"]
    wanted = {"A": 'one "two"', "PATH": "/usr/bin:/bin", "B": 'one "two"', "C": "/usr/bin:/bin", "D": "$A", "E": "$A"}
    assert dict(entry.split("=", 1) for entry in config["Env"]) == wanted, config["Env"]
    assert config["WorkingDir"] == "/srv//usr/bin:/bin" and config["Labels"]["path"] == "/usr/bin:/bin" and config["Cmd"] == ["echo", "$A"], config
    box.remove()
    client.images.remove("py-changes")


@case
def images_come_from_archives_and_addresses():
    archive = tar_of(testdata=b"x" * 500)
    said = [json.loads(line) for line in api.import_image_from_data(archive, repository="py/imported", changes=["USER foobar", 'CMD ["echo"]']).splitlines()]
    image = client.images.get(said[-1]["status"])
    assert image.tags == ["py/imported:latest"] and image.attrs["Config"]["User"] == "foobar" and image.attrs["Config"]["Cmd"] == ["echo"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(archive)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    said = api.import_image(src=f"http://127.0.0.1:{server.server_port}/x.tar", repository="py/fetched").splitlines()
    server.shutdown()
    assert json.loads(said[-1])["status"].startswith("sha256:"), said
    assert client.images.get("py/fetched").id
    refused(400, "BOGUS", api.import_image_from_data, archive, changes=["BOGUS x"])
    for name in ["py/imported", "py/fetched"]:
        client.images.remove(name)


@case
def images_are_saved_and_loaded():
    image = client.images.get(BUSYBOX)
    archive = b"".join(image.save(named=True))
    assert BUSYBOX in client.images.load(archive)[0].tags
    said = list(api.load_image(archive))
    assert any(line.get("stream") == f"Loaded image: {BUSYBOX}\n" for line in said), said


@case
def events_are_told():
    begun = int(time.time()) - 1
    box = client.containers.run(BUSYBOX, "true", detach=True)
    box.wait()
    time.sleep(0.2)
    heard = list(client.events(since=begun, until=int(time.time()) + 1, decode=True, filters={"container": box.id}))
    actions = [event["Action"] for event in heard]
    assert {"create", "start", "die"} <= set(actions), actions
    first = heard[0]
    assert first["Type"] == "container" and first["status"] == "create" and first["id"] == box.id and first["Actor"]["ID"] == box.id
    assert first["Actor"]["Attributes"]["image"] == BUSYBOX and first["scope"] == "local" and first["timeNano"] > 0


@case
def who_attaches_before_the_start_is_told_of_before_it():
    begun = time.time()
    made = api.create_container(BUSYBOX, "true")
    stream = api.attach_socket(made, {"stdout": 1, "stream": 1})
    api.start(made)
    api.wait(made)
    stream.close()
    heard = list(client.events(since=begun, until=time.time() + 1, decode=True, filters={"container": made["Id"]}))
    assert [event["Action"] for event in heard][:3] == ["create", "attach", "start"], heard


@case
def images_are_told_of_by_their_ids_with_their_labels():
    begun = time.time()
    box = client.containers.create(BUSYBOX, "true")
    image = box.commit(repository="py-told", tag="1", changes=["LABEL tier=front"])
    box.remove()
    image.tag("py-told", "2")
    image.reload()
    b"".join(image.save(named="py-told:2"))
    for tag in ["2", "1"]:
        client.images.remove(f"py-told:{tag}")
    heard = list(client.events(since=begun, until=time.time() + 1, decode=True, filters={"type": "image", "label": "tier=front"}))
    assert {event["Actor"]["ID"] for event in heard} == {image.id}, heard
    told = [(event["Action"], event["Actor"]["Attributes"]["name"]) for event in heard]
    assert told == [("tag", "py-told:2"), ("save", image.id), ("untag", "py-told:2"), ("untag", "py-told:1"), ("delete", image.id)], told


@case
def an_import_without_a_name_is_kept():
    box = client.containers.create(BUSYBOX, "true")
    said = api.import_image_from_data(b"".join(box.export()), changes=['CMD ["echo", "kept"]']).splitlines()
    box.remove()
    image = client.images.get(json.loads(said[-1])["status"])
    assert image.tags == [] and client.containers.run(image.id, remove=True) == b"kept\n"
    client.images.remove(image.id)


@case
def the_disk_usage_has_its_parts():
    usage = client.df()
    for key in ["LayersSize", "Images", "Containers", "Volumes"]:
        assert key in usage, key


@case
def there_is_no_swarm_and_there_are_no_plugins():
    for call in [client.swarm.reload, client.nodes.list, client.services.list, client.secrets.list, client.configs.list]:
        refused(503, "This node is not a swarm manager", call)
    assert client.plugins.list() == []
    refused(404, "not found", client.plugins.get, "nothing")


@case
def what_cannot_be_reached_is_said():
    for call in [lambda: client.login("jo", "x", registry="127.0.0.1:1"), lambda: client.images.pull("127.0.0.1:1/nothing", tag="1")]:
        try:
            call()
        except docker.errors.APIError as error:
            assert "127.0.0.1:1" in str(error), error
        else:
            raise AssertionError("it was reached")
    said = list(api.push("nothing.example/at-all", stream=True, decode=True))
    assert "does not exist locally" in said[-1]["error"], said
    refused(400, "Limit", api._result, api._get(api._url("/images/search"), params={"term": "x", "limit": 1000}), True)


def clean():
    for box in client.containers.list(all=True):
        box.remove(force=True, v=True)
    client.networks.prune()


failed = 0
only = sys.argv[2:]
for run in cases:
    if only and run.__name__ not in only:
        continue
    try:
        run()
        print(f"ok {run.__name__}", flush=True)
    except Exception:
        failed += 1
        print(f"FAILED {run.__name__}\n{traceback.format_exc()}", flush=True)
    finally:
        clean()
sys.exit(1 if failed else 0)
