"""A real S3-compatible server at a free port, whose content outlives a stop."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto import settings
from moto.server import ThreadedMotoServer

from storage.address import Address
from storage.objects import Objects

KEY_ID, SECRET = "key-of-the-tests", "secret-of-the-tests"


class S3Server:
    """The server; its buckets are in this process."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else it tells of every request
        self._port = 0
        self._server: ThreadedMotoServer | None = None
        self.start()

    @property
    def endpoint(self) -> str:
        """Its URL, which stays the same."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead boto3 to it, and to nothing else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Answer, at the port of before, unless it does."""
        if self._server is not None:
            return
        self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()
        self._port = self._server.get_host_and_port()[1]

    def stop(self) -> None:
        """Answer no longer: connections are refused."""
        if self._server is not None:
            self._server.stop()
            self._server._server.server_close()
            self._server = None

    def client(self, service: str = "s3"):
        """boto3's own client."""
        return boto3.session.Session(KEY_ID, SECRET, region_name="us-east-1").client(
            service, endpoint_url=self.endpoint
        )

    def make_bucket(self, name: str) -> Objects:
        """An empty bucket."""
        self.client().create_bucket(Bucket=name)
        return Objects(Address(bucket=name))

    @contextmanager
    def checking_credentials(self) -> Iterator[None]:
        """Let nobody in whom it does not know, as a server in earnest; otherwise it takes every key."""
        before, settings.INITIAL_NO_AUTH_ACTION_COUNT = settings.INITIAL_NO_AUTH_ACTION_COUNT, 0
        try:
            yield
        finally:
            settings.INITIAL_NO_AUTH_ACTION_COUNT = before
