"""Reading the body of a request: within its limits, and as images by name."""

import asyncio
import base64
import binascii
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from fastapi import HTTPException, Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.types import Message

LARGEST_BODY: Final = 10_000_000  # bytes
MOST_IMAGES: Final = 64  # in one request
BODY_SECONDS: Final = 60.0  # a client that sends no faster holds memory for nothing
DRAINED_BYTES: Final = 8 * LARGEST_BODY  # of a body that is too large, so that its sender reads why
FIELD: Final = "image"
JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "multipart/form-data"
TYPES: Final = (
    f"Send images as {FORM_TYPE} in the field '{FIELD}' (curl -F {FIELD}=@shirt.png), "
    f'or as {JSON_TYPE}: {{"images": ["<base64 of an image file>", ...]}}.'
)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One image file as it was sent.

    Attributes:
        image: What its answer is called: the file's name, or its index among the images of a JSON document.
        title: What an error calls it.
        content: The file's bytes.
    """

    image: str
    title: str
    content: bytes


def content_type(request: Request) -> str:
    """The type of a request's body, without parameters.

    Raises:
        HTTPException: 415 if it is none that is read here.
    """
    given = request.headers.get("content-type", "")
    kind = given.partition(";")[0].strip().lower()
    if kind not in (JSON_TYPE, FORM_TYPE):
        raise HTTPException(415, f"Received: {kind or 'no Content-Type'}. {TYPES}")
    return kind


async def read_body(request: Request, largest: int = LARGEST_BODY) -> bytes:
    """A request's body, however it is sent.

    Args:
        request: The request.
        largest: Bytes that are taken. Default: 10 MB.

    Raises:
        HTTPException: 413 if it is larger, 408 if it takes longer than a minute.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(request, largest)
    except TimeoutError as error:
        raise HTTPException(
            408, f"The body took longer than {BODY_SECONDS:.0f} s.", headers={"Connection": "close"}
        ) from error


async def drain(request: Request) -> None:
    """Read what is left of a body that is not wanted: who still sends never reads his answer."""
    announced = _announced(request)
    if "expect" in request.headers or (announced is not None and announced > DRAINED_BYTES):
        return  # told before it is sent; or not worth it
    drained = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                drained += len(chunk)
                if drained > DRAINED_BYTES:
                    return


async def _read(request: Request, largest: int) -> bytes:
    announced = _announced(request)
    if announced is not None and announced > largest:
        await drain(request)
        raise _too_large(largest)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= largest:
            chunks.append(chunk)
        elif size <= DRAINED_BYTES:
            chunks.clear()  # nothing is kept, but the sender must come to his end
        else:
            break
    if size > largest:
        raise _too_large(largest)
    return b"".join(chunks)


def _too_large(largest: int) -> HTTPException:
    told = f"The body is larger than {largest:,} bytes. Send fewer images at a time, or smaller ones."
    return HTTPException(413, told, headers={"Connection": "close"})


def _announced(request: Request) -> int | None:
    given = request.headers.get("content-length", "")
    return int(given) if given.isdecimal() else None


async def read_form(request: Request, body: bytes) -> list[Upload]:
    """The image files of a form.

    Args:
        request: The request, for its headers.
        body: Its body.

    Raises:
        HTTPException: 422 if the form cannot be read or holds something else, 413 if it holds too many images.
    """

    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {name: value for name, value in request.scope.items() if name != "app"}  # else errors become pages
    try:
        async with Request(scope, replay).form(max_files=MOST_IMAGES + 1) as form:
            uploads: list[Upload] = []
            for field, value in form.multi_items():
                if field != FIELD or not isinstance(value, UploadFile):
                    raise HTTPException(422, f"Form field '{field}' is no file of the field '{FIELD}'. {TYPES}")
                name = value.filename or str(len(uploads))
                uploads.append(Upload(image=name, title=name, content=await value.read()))
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise too_many() from error
        raise HTTPException(422, f"The form cannot be read: {error.message} {TYPES}") from error
    except (KeyError, UnicodeDecodeError) as error:  # a form without a boundary, a charset that does not fit
        raise HTTPException(422, f"The form cannot be read. {TYPES}") from error
    return _counted(uploads)


def read_json(body: bytes) -> list[Upload]:
    """The image files of a JSON document.

    Args:
        body: The document.

    Raises:
        HTTPException: 422 if it is no such document, 413 if it holds too many images.
    """
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, f"The body is not JSON: {error}") from error
    images = document.get("images") if isinstance(document, dict) else None
    if not isinstance(images, list):
        raise HTTPException(422, f"The body must be an object with a list 'images'. {TYPES}")
    if len(images) > MOST_IMAGES:
        raise too_many()
    return _counted([_from_base64(index, text) for index, text in enumerate(images)])


def too_many() -> HTTPException:
    """The error of a request with too many images."""
    return HTTPException(413, f"More than {MOST_IMAGES} images. Send at most {MOST_IMAGES} in a request.")


def _from_base64(index: int, text: object) -> Upload:
    title = f"images[{index}]"
    if not isinstance(text, str):
        raise HTTPException(422, f"{title} must be a string: base64 of an image file. Received: {type(text).__name__}")
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        hint = " Leave out what stands before the comma." if text.startswith("data:") else ""
        raise HTTPException(422, f"{title} is not base64 of an image file: {error}.{hint}") from error
    return Upload(image=str(index), title=title, content=content)


def _counted(uploads: list[Upload]) -> list[Upload]:
    if not uploads:
        raise HTTPException(422, f"There is no image in it. {TYPES}")
    if len(uploads) > MOST_IMAGES:
        raise too_many()
    return uploads
