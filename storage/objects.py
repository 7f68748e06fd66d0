"""Files off this host: objects below one address of an S3-compatible store, put, fetched, listed and removed."""

import hashlib
import os
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from storage.address import Address
from storage.errors import DamagedObjectError, MissingPackageError, PlaceError
from storage.explaining import ABSENT, code_of, explained

CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 5, 30, 3
CHECK_SECONDS = 4  # of one attempt each: whoever begins is told within ten seconds
CHUNK_BYTES = 2**20
BATCH = 1000  # keys that one request removes at most
DIGEST = "sha256"  # what an object's metadata has of its content, as hexadecimal digits


class Objects:
    """The objects below an address. A thread may use it while another one does.

    Credentials, region and endpoint are what boto3 finds in its own variables and files. Every object has the SHA-256
    of its content with it: what was damaged on the way is refused.

    Args:
        address: Where they are.
        brief: Whether to give up after seconds instead of minutes. Default: False.
    """

    def __init__(self, address: Address, *, brief: bool = False) -> None:
        self.address = address
        self._brief = brief
        self._lock = threading.Lock()
        self._made: Any = None

    def url(self, key: str) -> str:
        """Where an object is, for people."""
        return str(self.address.below(key))

    def put(self, path: Path, key: str) -> None:
        """Copy a file there, in the place of what was there.

        Raises:
            PlaceError: If it cannot be put.
            OSError: If the file cannot be read.
        """
        with path.open("rb") as file:  # whoever replaces it meanwhile does not change this one
            digest = hashlib.file_digest(file, DIGEST).hexdigest()
            file.seek(0)
            with self._errors():
                self._client().put_object(Body=file, Metadata={DIGEST: digest}, **self._at(key))

    def get(self, key: str, path: Path) -> bool:
        """Fetch an object into a file, which is there whole or not at all.

        Returns:
            Whether there is such an object.

        Raises:
            PlaceError: If it cannot be fetched.
            DamagedObjectError: If it is not what was put.
            OSError: If the file cannot be written.
        """
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with self._errors(), self._opened(key) as chunks:
            if chunks is None:
                return False
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with draft.open("wb") as file:
                    for chunk in chunks:
                        file.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
        return True

    def read(self, key: str) -> bytes | None:
        """The content of an object, or None where there is none.

        Raises:
            PlaceError: If it cannot be fetched.
            DamagedObjectError: If it is not what was put.
        """
        with self._errors(), self._opened(key) as chunks:
            return None if chunks is None else b"".join(chunks)

    def has(self, key: str) -> bool:
        """Whether there is such an object.

        Raises:
            PlaceError: If that cannot be known.
        """
        with self._errors():
            from botocore.exceptions import ClientError

            try:
                self._client().head_object(**self._at(key))
            except ClientError as error:
                if code_of(error) in ABSENT:
                    return False
                raise
        return True

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Bytes of each object by its key, of those whose key begins with `folder/`.

        Raises:
            PlaceError: If they cannot be listed.
        """
        start = f"{self.address.prefix}/" if self.address.prefix else ""
        found: dict[str, int] = {}
        with self._errors():
            pages = self._client().get_paginator("list_objects_v2")
            within = f"{start}{folder}/" if folder else start
            for page in pages.paginate(Bucket=self.address.bucket, Prefix=within):
                found |= {each["Key"].removeprefix(start): each["Size"] for each in page.get("Contents", ())}
        return found

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects, those already gone included.

        Raises:
            PlaceError: If one cannot be removed.
        """
        left = list(keys)
        while left:
            batch, left = left[:BATCH], left[BATCH:]
            with self._errors():
                if len(batch) == 1:  # every store knows this request, not every one the other
                    self._client().delete_object(**self._at(batch[0]))
                    continue
                named = [{"Key": self._at(key)["Key"]} for key in batch]
                answer = self._client().delete_objects(
                    Bucket=self.address.bucket, Delete={"Objects": named, "Quiet": True}
                )
            for problem in answer.get("Errors", ()):
                raise PlaceError(self._explained(str(problem.get("Code"))))

    def check(self) -> None:
        """Put a small object, list it and remove it: what a worker will need to do.

        Raises:
            PlaceError: If one of these fails; the message has the way out.
        """
        key = f".sweep-check-{uuid.uuid4().hex[:8]}"
        with self._errors():
            self._client().put_object(Body=b"", **self._at(key))
            self._client().list_objects_v2(Bucket=self.address.bucket, Prefix=self._at(key)["Key"], MaxKeys=1)
        self.remove([key])

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.address.bucket, "Key": self.address.below(key).prefix}

    @contextmanager
    def _opened(self, key: str) -> Iterator[Iterator[bytes] | None]:
        """The content of an object bit by bit, checked at its end; None where there is none."""
        from botocore.exceptions import ClientError

        try:
            answer = self._client().get_object(**self._at(key))
        except ClientError as error:
            if code_of(error) not in ABSENT:
                raise
            yield None
            return
        try:
            yield self._checked(key, answer)
        finally:
            answer["Body"].close()

    def _checked(self, key: str, answer: Mapping[str, Any]) -> Iterator[bytes]:
        digest, wanted = hashlib.new(DIGEST), answer.get("Metadata", {}).get(DIGEST)
        for chunk in answer["Body"].iter_chunks(CHUNK_BYTES):  # which fails where it is shorter than announced
            digest.update(chunk)
            yield chunk
        if wanted is not None and digest.hexdigest() != wanted:  # another tool's copy may have no digest
            raise DamagedObjectError(f"{self.url(key)} is damaged: its content is not what was put there.")

    def _client(self) -> Any:
        with self._lock:  # boto3 lets several threads use a client, not make one
            if self._made is None:
                self._made = self._make_client()
            return self._made

    def _make_client(self) -> Any:
        try:
            import boto3  # an extra, and half a second: only for who has a place
            from botocore.config import Config
        except ModuleNotFoundError as error:
            raise MissingPackageError(f"--artifacts {self.address} needs boto3: pip install 'sweep[s3]'") from error
        attempts = 1 if self._brief else ATTEMPTS
        settings = Config(
            connect_timeout=CHECK_SECONDS if self._brief else CONNECT_SECONDS,
            read_timeout=CHECK_SECONDS if self._brief else READ_SECONDS,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            request_checksum_calculation="when_required",  # not every compatible store knows the newer ones
            response_checksum_validation="when_required",
        )
        try:
            return boto3.session.Session().client("s3", config=settings)
        except ValueError:
            raise PlaceError(
                "AWS_ENDPOINT_URL, or the endpoint in boto3's own settings, is no URL. Expected one such as "
                "http://HOST:PORT."
            ) from None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say what went wrong with nothing of what boto3 says: an endpoint may have a password in it."""
        try:
            from botocore.exceptions import BotoCoreError, ClientError
        except ModuleNotFoundError:
            self._client()  # says what to install
            raise
        try:
            yield
        except ClientError as error:
            raise PlaceError(self._explained(code_of(error))) from None
        except BotoCoreError as error:
            raise PlaceError(self._explained(type(error).__name__)) from None

    def _explained(self, code: str) -> str:
        return explained(code, self.address, self._endpoint())

    def _endpoint(self) -> str:
        """Host and port of the server, without what else its URL may hold; empty before it is known."""
        made = self._made
        rest = "" if made is None else str(made.meta.endpoint_url).partition("://")[2]
        return rest.partition("/")[0].rpartition("@")[2]
