import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from sweep.service import application
from sweep.service.batching import LARGEST_BATCH
from sweep.service.documents import EXAMPLE


@pytest.fixture
def expected(model, proof):
    """What the classifier itself says to proof's images, as `sweep predict` prints it."""

    def answers(names, images):
        return json.loads(json.dumps(model.classifier.answers(names, model.classifier.probabilities(images))))

    return answers


def as_form(*files):
    return [("image", file) for file in files]


def as_json(*contents):
    return {"images": [base64.b64encode(content).decode() for content in contents]}


def same(found, expected):
    """Equal but for rounding: an image's neighbours in a batch may change the last bits."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys() == {"image", "label", "confidence", "runners_up"}
        assert (one["image"], one["label"]) == (other["image"], other["label"])
        assert one["confidence"] == pytest.approx(other["confidence"], abs=1e-6)
        assert [each["label"] for each in one["runners_up"]] == [each["label"] for each in other["runners_up"]]
        for mine, theirs in zip(one["runners_up"], other["runners_up"], strict=True):
            assert mine["confidence"] == pytest.approx(theirs["confidence"], abs=1e-6)


def test_files_of_a_form_are_answered_in_their_order(client, proof, png, expected):
    names = ["b.png", "a.png", "b.png", "ü & <b>.png"]
    answer = client.post("/predict", files=as_form(*((name, png(proof[i])) for i, name in enumerate(names))))
    assert answer.status_code == 200
    same(answer.json(), expected(names, proof[:4]))


def test_images_of_a_json_document_are_called_by_their_index(client, proof, png, expected):
    answer = client.post("/predict", json=as_json(*map(png, proof[:3])))
    assert answer.status_code == 200
    same(answer.json(), expected(["0", "1", "2"], proof[:3]))


@pytest.mark.parametrize("images", [LARGEST_BATCH - 1, LARGEST_BATCH, LARGEST_BATCH + 1, 64])
def test_so_many_images_may_come_in_one_request(client, proof, png, expected, images):
    answer = client.post("/predict", json=as_json(*map(png, proof[:images])))
    same(answer.json(), expected([str(index) for index in range(images)], proof[:images]))


def test_images_are_read_as_the_classifier_reads_them(client, model, proof, tmp_path, expected):
    large = Image.fromarray(255 - proof[5][:, :, 0]).resize((90, 120)).convert("RGB")
    file = io.BytesIO()
    large.save(file, "JPEG")
    (tmp_path / "photo.jpg").write_bytes(file.getvalue())
    pixels = model.classifier.read(tmp_path / "photo.jpg")
    answer = client.post("/predict", files=as_form(("photo.jpg", file.getvalue())))
    same(answer.json(), expected(["photo.jpg"], pixels[None]))


def test_thirty_two_clients_at_a_time_each_get_their_own(client, proof, png, expected):
    each = 4
    files = [png(pixels) for pixels in proof[: 32 * each]]
    wanted = expected([f"{index}.png" for index in range(32 * each)], proof[: 32 * each])

    def ask(worker):
        answers = []
        for index in range(worker * each, worker * each + each):
            answer = client.post("/predict", files=as_form((f"{index}.png", files[index])))
            answers += answer.json() if answer.status_code == 200 else [answer.text]
        return answers

    with ThreadPoolExecutor(32) as pool:
        found = [answer for answers in pool.map(ask, range(32)) for answer in answers]
    same(found, wanted)


def test_the_example_of_the_page_is_an_image(client):
    assert client.post("/predict", json={"images": [EXAMPLE]}).status_code == 200


def test_health_names_the_model_and_its_labels(client, model):
    assert client.get("/health").json() == {
        "status": "ok",
        "model": {"folder": "digits", "sha256": "0123", "image_shape": [28, 28, 1]},
        "labels": model.classifier.labels,
    }


def test_a_model_that_fails_is_told_in_json_and_in_one_line_and_the_service_goes_on(
    client, model, proof, png, monkeypatch, caplog
):
    body = as_json(png(proof[0]))
    with monkeypatch.context() as patch:
        patch.setattr(model.classifier, "answers", lambda *_: 1 / 0)
        answer = client.post("/predict", json=body)
    assert answer.status_code == 500
    assert "service's log" in answer.json()["detail"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    (told,) = [record.getMessage() for record in caplog.records if record.name == "sweep.service.watching"]
    assert told == "A request failed: ZeroDivisionError: division by zero"
    assert client.post("/predict", json=body).status_code == 200


def test_too_many_requests_at_a_time_are_sent_away_for_a_moment(client, proof, png, monkeypatch):
    monkeypatch.setattr(application, "MOST_REQUESTS", 0)
    answer = client.post("/predict", json=as_json(png(proof[0])))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert client.get("/health").status_code == 200


def test_the_warm_model_traces_nothing_more(model):
    function = model.classifier.model.predict_function
    before = function.experimental_get_tracing_count()
    for images in (1, 3, 17, 64):
        model.classifier.probabilities(np.zeros((images, 28, 28, 1), np.uint8))
    assert function.experimental_get_tracing_count() == before
