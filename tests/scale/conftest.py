"""What tests of `scale` compare their results with."""

import os

import pytest

from sharded import built


@pytest.fixture(scope="module")
def expected(corpus, tmp_path_factory):
    """The dataset that `build` makes of the generated corpus."""
    return built(corpus, tmp_path_factory.mktemp("built") / "dataset")


@pytest.fixture(scope="module")
def s3():
    """An S3 server on this machine with one bucket; the environment names it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    given = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()  # of the server of an earlier module
    fs = s3fs.S3FileSystem()
    if not fs.exists("bucket"):  # all servers of a process have the same content
        fs.mkdir("bucket")
    yield fs
    server.stop()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
