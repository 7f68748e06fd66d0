"""Where files are kept off this host: a URL, read and checked before anything is asked of it."""

import re
from dataclasses import dataclass

from storage.errors import LocationError

EXPECTED = (
    "Expected s3://BUCKET or s3://BUCKET/PREFIX; credentials and endpoint come from the environment "
    "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL)."
)
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
PART = re.compile(r"[\w.+= -]+")  # of a prefix, between slashes: what needs no escaping anywhere


@dataclass(frozen=True, kw_only=True)
class Address:
    """A prefix in a bucket of an S3-compatible store; nothing secret is in it.

    Attributes:
        bucket: The bucket.
        prefix: What keys begin with, without a slash at either end; may be empty.
    """

    bucket: str
    prefix: str = ""

    @property
    def name(self) -> str:
        """The last part of the prefix; may be empty."""
        return self.prefix.rpartition("/")[2]

    @property
    def parent(self) -> "Address":
        """The address without the last part of its prefix."""
        return Address(bucket=self.bucket, prefix=self.prefix.rpartition("/")[0])

    def below(self, name: str) -> "Address":
        """The address of what has this name there."""
        return Address(bucket=self.bucket, prefix=f"{self.prefix}/{name}" if self.prefix else name)

    def __str__(self) -> str:
        """The URL."""
        return f"s3://{self.bucket}/{self.prefix}" if self.prefix else f"s3://{self.bucket}"


def parse_address(text: str) -> Address:
    """Read the URL of a place; slashes at the end of it change nothing.

    Raises:
        LocationError: If it is no such URL. What may hold a password is not repeated.
    """
    scheme, separator, rest = text.partition("://")
    if "@" in text or ":" in rest:
        raise LocationError(f"No user, password or port belongs into --artifacts: it is shown to everybody. {EXPECTED}")
    if not separator:
        if re.match(r"s3:", text, re.IGNORECASE):
            raise LocationError(f"Two slashes belong behind the colon of --artifacts. {EXPECTED}")
        raise LocationError(
            f"--artifacts takes no folder. {EXPECTED} A folder that several hosts mount is shared by having the home "
            f"on it, with a PostgreSQL --storage: --home FOLDER. Received: {text}"
        )
    if scheme.lower() != "s3":
        raise LocationError(f"--artifacts knows nothing of '{scheme}' URLs. {EXPECTED}")
    if "?" in rest or "#" in rest:
        raise LocationError(f"Nothing belongs behind the prefix of --artifacts. {EXPECTED}")
    bucket, _, prefix = rest.partition("/")
    if not bucket:
        raise LocationError(f"--artifacts names no bucket. {EXPECTED} Received: {text}")
    prefix = prefix.strip("/")
    parts = prefix.split("/") if prefix else []
    if not BUCKET.fullmatch(bucket) or any(part in (".", "..") or not PART.fullmatch(part) for part in parts):
        raise LocationError(
            "--artifacts has characters or empty parts in it that keys of an S3-compatible store should not have. "
            f"{EXPECTED} Received: {text}"
        )
    return Address(bucket=bucket, prefix=prefix)
