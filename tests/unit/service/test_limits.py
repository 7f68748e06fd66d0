import asyncio
import base64
import io

import numpy as np
import pytest
from fastapi import HTTPException
from PIL import Image
from starlette.requests import Request

from sweep.service import bodies
from sweep.service.bodies import DRAINED_BYTES, LARGEST_BODY, read_body

BOUNDARY = {"Content-Type": "multipart/form-data; boundary=x"}
JSON = {"Content-Type": "application/json"}


def refusal(client, status, **request):
    answer = client.post("/predict", **request)
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["detail"]
    assert isinstance(answer.json()["detail"], str)
    return answer.json()["detail"]


def in_pieces(size, piece=bytes(100_000)):
    for _ in range(size // len(piece)):
        yield piece


def test_a_body_that_says_it_is_too_large_is_refused(client):
    told = refusal(client, 413, content=bytes(LARGEST_BODY + 1), headers=JSON)
    assert "10,000,000 bytes" in told
    assert "fewer" in told


def test_a_body_that_does_not_say_how_large_it_is_is_refused_when_it_grows_too_large(client):
    assert "10,000,000" in refusal(client, 413, content=in_pieces(LARGEST_BODY + 100_000), headers=JSON)
    assert "10,000,000" in refusal(client, 413, content=in_pieces(LARGEST_BODY + 100_000), headers=BOUNDARY)


def test_a_body_of_the_largest_size_is_read(client):
    assert "not JSON" in refusal(client, 422, content=bytes(LARGEST_BODY), headers=JSON)


def test_an_endless_body_is_not_read_for_ever():
    taken = 0

    async def receive():
        nonlocal taken
        taken += 1_000_000
        return {"type": "http.request", "body": bytes(1_000_000), "more_body": True}

    with pytest.raises(HTTPException) as refused:
        asyncio.run(read_body(Request({"type": "http", "headers": []}, receive)))
    assert refused.value.status_code == 413
    assert taken <= DRAINED_BYTES + 1_000_000


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.01)

    async def receive():
        await asyncio.Event().wait()

    with pytest.raises(HTTPException) as refused:
        asyncio.run(read_body(Request({"type": "http", "headers": []}, receive)))
    assert refused.value.status_code == 408


@pytest.mark.parametrize("how", ["form", "json"])
@pytest.mark.parametrize("images", [65, 80])
def test_more_images_than_64_are_refused(client, proof, png, how, images):
    file = png(proof[0])
    form = {"files": [("image", ("a.png", file))] * images}
    request = form if how == "form" else {"json": {"images": [base64.b64encode(file).decode()] * images}}
    assert "at most 64" in refusal(client, 413, **request)


def test_bad_images_are_all_named_and_nothing_is_answered(client, proof, png):
    wide = io.BytesIO()
    Image.fromarray(np.zeros((1, 20_000), np.uint8)).save(wide, "PNG")
    good = png(proof[0])
    files = [("good.png", good), ("notes.txt", b"hello"), ("cut.png", good[:60]), ("wide.png", wide.getvalue())]
    told = refusal(client, 422, files=[("image", file) for file in files]).splitlines()
    assert [line.split()[0] for line in told] == ["notes.txt", "cut.png", "wide.png"]
    assert "20,000" in told[2]


def test_bad_images_of_a_json_document_are_named_by_index(client, proof, png):
    contents = [png(proof[0]), b"", b"hello"]
    told = refusal(client, 422, json={"images": [base64.b64encode(content).decode() for content in contents]})
    assert [line.split()[0] for line in told.splitlines()] == ["images[1]", "images[2]"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\xfd", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "a list 'images'"),
        (b"null", "a list 'images'"),
        (b'{"image": "x"}', "a list 'images'"),
        (b'{"images": "x"}', "a list 'images'"),
        (b'{"images": []}', "no image"),
        (b'{"images": [1]}', "images[0] must be a string"),
        (b'{"images": [null]}', "Received: NoneType"),
        (b'{"images": ["no base64!"]}', "images[0] is not base64"),
        ('{"images": ["ü"]}'.encode(), "images[0] is not base64"),
        (b'{"images": ["data:image/png;base64,AAAA"]}', "before the comma"),
    ],
)
def test_a_bad_document_is_told_what_is_wrong(client, body, told):
    assert told in refusal(client, 422, content=body, headers=JSON)


PART = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\nhello\r\n'


@pytest.mark.parametrize(
    ("body", "headers", "told"),
    [
        (b"", BOUNDARY, "no image"),
        (b"--x--\r\n", BOUNDARY, "no image"),
        (b"hello", BOUNDARY, "cannot be read"),
        (PART % (b"image", b'; filename="a.png"'), {"Content-Type": "multipart/form-data"}, "cannot be read"),
        (PART % (b"image", b"") + b"--x--\r\n", BOUNDARY, "'image' is no file"),
        (PART % (b"picture", b'; filename="a.png"') + b"--x--\r\n", BOUNDARY, "'picture'"),
        (b"--x\r\n\r\nhello\r\n--x--\r\n", BOUNDARY, "cannot be read"),
    ],
)
def test_a_bad_form_is_told_what_is_wrong(client, body, headers, told):
    assert told in refusal(client, 422, content=body, headers=headers)


def test_very_many_parts_are_refused(client):
    part = PART % (b"image", b'; filename="a.png"')
    assert "at most 64" in refusal(client, 413, content=part * 5000 + b"--x--\r\n", headers=BOUNDARY)


@pytest.mark.parametrize("kind", [None, "image/png", "application/x-www-form-urlencoded", "text/plain", "nonsense"])
def test_other_types_are_refused_with_those_that_are_read(client, kind):
    told = refusal(client, 415, content=b"hello", headers={} if kind is None else {"Content-Type": kind})
    assert "multipart/form-data" in told
    assert "application/json" in told
    assert f"Received: {kind or 'no Content-Type'}" in told


def test_a_type_may_be_written_in_any_case_and_with_a_charset(client):
    assert "no image" in refusal(
        client, 422, content=b'{"images": []}', headers={"Content-Type": "Application/JSON; charset=utf-8"}
    )


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/predict", 405), ("GET", "/nowhere", 404)])
def test_other_requests_are_refused_in_json(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert list(answer.json()) == ["detail"]
