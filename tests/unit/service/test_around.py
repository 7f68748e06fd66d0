"""What stands around the answers: metrics, headers, the page."""

import base64
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sweep.service.pages import PAGE_POLICY


def metrics_of(client):
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value for each in families for sample in each.samples
    }


def test_metrics_count_requests_images_batches_and_errors(client, proof, png):
    images = [base64.b64encode(png(pixels)).decode() for pixels in proof[:5]]
    client.post("/predict", json={"images": images})
    client.post("/predict", json={"images": images[:1]})
    client.post("/predict", json={"images": ["!"]})
    client.post("/predict", content=b"", headers={"Content-Type": "image/png"})
    client.get("/health")
    found = metrics_of(client)
    assert found["sweep_request_duration_seconds_count", "/predict", "200", "POST"] == 2
    assert found["sweep_request_duration_seconds_sum", "/predict", "200", "POST"] > 0
    assert found["sweep_request_duration_seconds_count", "/health", "200", "GET"] == 1
    assert found["sweep_images_total",] == 6
    assert found["sweep_model_duration_seconds_count",] == 2
    assert found["sweep_model_batch_images_sum",] == 6
    assert found["sweep_model_batch_images_bucket", "1.0"] == 1
    assert found["sweep_request_errors_total", "422"] == 1
    assert found["sweep_request_errors_total", "415"] == 1
    assert found["sweep_predictions_in_flight",] == 0
    assert found["sweep_model_info", "0123", "digits"] == 1


def test_invented_paths_and_methods_make_no_time_series(client):
    for index in range(20):
        client.request(f"INVENTED{index}", f"/invented/{index}")
    text = client.get("/metrics").text
    assert "invented" not in text.lower()
    assert metrics_of(client)["sweep_request_duration_seconds_count", "404", "other", "other"] == 20


@pytest.mark.parametrize("path", ["/", "/health", "/metrics", "/openapi.json", "/predict", "/nowhere", "/docs/page.js"])
def test_every_answer_tells_browsers_to_do_nothing_with_it(client, path):
    headers = client.get(path, follow_redirects=False).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-frame-options"] == "DENY"
    assert not any(name.startswith("access-control-") for name in headers)


def test_other_origins_are_given_nothing(client):
    headers = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = client.options("/predict", headers=headers)
    assert answer.status_code == 405
    assert not any(name.startswith("access-control-") for name in answer.headers)


def test_the_root_leads_to_the_page_and_the_page_to_files_of_this_service_alone(client):
    page = client.get("/")
    assert page.url.path == "/docs"
    assert page.headers["content-security-policy"] == PAGE_POLICY
    assert "'unsafe-inline'" not in PAGE_POLICY.partition("script-src")[2].partition(";")[0]
    addresses = re.findall(r'(?:href|src)="([^"]*)"', page.text)
    assert len(addresses) == 4
    for address in addresses:
        assert "//" not in address
        assert client.get(f"/{address}").status_code == 200


@pytest.mark.parametrize("name", ["index.html", "../__init__.py", "%2e%2e%2f__init__.py", "swagger-ui-bundle.js.map"])
def test_no_other_file_is_given(client, name):
    assert client.get(f"/docs/{name}").status_code == 404


def test_the_interface_is_described_as_it_is(client, proof, png):
    document = client.get("/openapi.json").json()
    assert document["openapi"] == "3.0.3"
    assert set(document["paths"]) == {"/predict", "/health", "/metrics"}
    predict = document["paths"]["/predict"]["post"]
    assert set(predict["requestBody"]["content"]) == {"multipart/form-data", "application/json"}
    assert set(predict["responses"]) == {"200", "408", "413", "415", "422", "503"}
    answer = document["components"]["schemas"]["Answer"]
    (found,) = client.post("/predict", files=[("image", ("a.png", png(proof[0])))]).json()
    assert set(found) == set(answer["properties"]) == set(answer["required"])
