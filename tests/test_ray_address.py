"""What a cluster's address and a run's resources may be, and that nothing waits for a cluster that is not there."""

import socket
import threading
import time
from contextlib import closing
from types import SimpleNamespace

import pytest

pytest.importorskip("ray", reason="needs requirements-ray.txt")
pytest.importorskip("grpc", reason="needs requirements-ray.txt")

from submission.kit.errors import KitError
from training.sweep import main as sweep
from training.sweeping import ray_cluster
from training.sweeping.ray_cluster import connect, copy_code, find
from training.sweeping.resources import Resources, parse_demands


@pytest.fixture
def nobody(monkeypatch, tmp_path):
    """A machine on which no cluster was ever started."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.parametrize("client", ["", "ray://"])
def test_no_cluster_at_the_address_is_told_in_time(tmp_path, client):
    start, address = time.monotonic(), f"{client}127.0.0.1:{free_port()}"
    with pytest.raises(KitError, match=rf"no Ray cluster answers at {address} \(.*refused\). Start it with `ray start"):
        connect(address, tmp_path)
    assert time.monotonic() - start < 10


def test_another_server_at_the_address_is_told_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_cluster, "CONNECT_S", 1.5)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def answer():
            with pytest.raises(OSError):
                while True:
                    with closing(server.accept()[0]) as one:
                        one.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        port = server.getsockname()[1]
        with pytest.raises(KitError, match="no Ray cluster answers at .*something else than Ray listens there"):
            connect(f"127.0.0.1:{port}", tmp_path)
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("auto", "expected a Ray cluster on this machine. Received: --address auto, and none is running here. Start"),
        ("head", "--address takes auto, HOST:PORT or ray://HOST:PORT. Received: 'head'"),
        ("ray://head", "Received: 'ray://head'"),
        ("head:0", "Received: 'head:0'"),
        (":6379", "Received: ':6379'"),
    ],
)
def test_bad_addresses(nobody, address, message):
    with pytest.raises(KitError, match=message):
        find(address)


def test_auto_is_the_cluster_of_the_variable_or_of_this_machine(nobody, monkeypatch, tmp_path):
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("10.0.0.1:6379\n")
    assert find("auto") == "10.0.0.1:6379"
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    assert find("auto") == "ray://head:10001" and find("other:1") == "other:1"


def test_nodes_get_what_training_imports_and_no_more(tmp_path):
    copy_code(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["submission", "training"]
    assert sorted(path.name for path in (tmp_path / "submission").iterdir()) == ["__init__.py", "kit"]
    assert (tmp_path / "training" / "train.py").exists() and not list(tmp_path.rglob("__pycache__"))


def test_resources_of_a_recipe_go_before_those_of_all():
    demands = parse_demands(["gpus=0.5", "default.gpus=2", "default.mem_gb=12"], threads=4)
    assert demands.of("small_cnn", has_gpus=True) == Resources(4, 0.5, 0)
    assert demands.of("default", has_gpus=True) == Resources(4, 2, 12)
    assert parse_demands([], None).of("default", has_gpus=True) == Resources(1, 1, 0)
    assert parse_demands(["cpus=3"], None).of("default", has_gpus=False) == Resources(3, 0, 0)


@pytest.mark.parametrize(
    ("resources", "count"),
    [
        (Resources(1, 0, 0), 8),
        (Resources(3, 0, 0), 2),
        (Resources(1, 1, 0), 2),
        (Resources(1, 0.4, 0), 4),  # two on each of two: a fifth would lie on both
        (Resources(1, 0.25, 0), 8),
        (Resources(1, 2, 0), 1),
        (Resources(1, 0, 4), 3),
        (Resources(9, 0, 0), 0),
    ],
)
def test_how_many_runs_a_node_has_room_for(resources, count):
    assert resources.fit({"CPU": 8.0, "GPU": 2.0, "memory": float(13 << 30)}) == count


@pytest.mark.parametrize(
    "text", ["cpus", "cpus=0", "cpus=1.5", "gpus=1.5", "gpus=-1", "gpus=nan", "mem=3", "none_such.cpus=1", ".cpus=1"]
)
def test_bad_resources(text):
    with pytest.raises(KitError, match=f"--ray takes .* Received: '{text}'"):
        parse_demands([text], None)


@pytest.mark.parametrize("option", [["--ray", "gpus=1"], ["--storage", "s3://b"], ["--address", "head:1"]])
def test_options_of_ray_without_ray_are_refused(tmp_path, monkeypatch, option):
    contest = SimpleNamespace(folds=SimpleNamespace(num_folds=3))
    monkeypatch.setattr("training.sweep.open_contest", lambda artifacts: contest)
    with pytest.raises(KitError, match=f"{option[0]} is for --executor ray. Received: --executor local"):
        sweep(["--artifacts", str(tmp_path), "--sweep", "tiny", *option])
