"""What went wrong with a store of objects, in messages that people can act on and that hold nothing secret."""

from typing import Any

from storage.address import Address

ABSENT = frozenset({"NoSuchKey", "NotFound", "404"})
NOT_LET_IN = frozenset({"AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden", "403"})
UNKNOWN_CREDENTIALS = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "RequestTimeTooSkewed"}
)
NO_CREDENTIALS = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"}
)
ANOTHER_REGION = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "301"})


def code_of(error: Any) -> str:
    """What a store calls its error; the status of its answer where it has no name for it.

    Args:
        error: botocore's ClientError.
    """
    answer = error.response
    code = answer.get("Error", {}).get("Code") or answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return str(code)


def explained(code: str, address: Address, endpoint: str) -> str:
    """What an error means, and the way out.

    Args:
        code: As the store calls it, or the name of botocore's exception; nothing else of either is repeated, for an
            endpoint may have a password in it.
        address: What was asked for.
        endpoint: Host and port of the store; empty if they are not known.
    """
    server = endpoint or "The S3-compatible store"
    if code == "NoSuchBucket":
        return f"There is no bucket '{address.bucket}' at {server}. Create it first, or choose another --artifacts."
    if code in NOT_LET_IN:
        return (
            f"{server} denies access to {address} ({code}). Its credentials must be allowed to list, read, write and "
            "delete there."
        )
    if code in UNKNOWN_CREDENTIALS:
        return (
            f"{server} does not accept the credentials for {address} ({code}). Check AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the profile (AWS_PROFILE), and this host's clock."
        )
    if code in NO_CREDENTIALS:
        return (
            f"There are no usable credentials for {address} ({code}). Set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or a profile (AWS_PROFILE)."
        )
    if code in ANOTHER_REGION:
        return f"The bucket '{address.bucket}' is in another region ({code}). Name it in AWS_DEFAULT_REGION."
    return f"{server} does not answer for {address} ({code}). AWS_ENDPOINT_URL says where the store is."
