"""What the service counts and times, in the format of Prometheus."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
SECONDS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
IMAGES: Final = (1, 2, 4, 8, 16, 32, 64)
OTHER: Final = "other"  # paths and methods that are none of ours must not make time series
METHODS: Final = frozenset({"GET", "HEAD", "POST"})


class Metrics:
    """The metrics of one service, in a registry of their own.

    Args:
        paths: Paths that are told apart.
        model: What is served, as labels of `sweep_model_info`.
    """

    def __init__(self, paths: frozenset[str], model: dict[str, str]) -> None:
        self._paths = paths
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        Info("sweep_model", "What is served.", registry=self._registry).info(model)
        self._requests = Histogram(
            "sweep_request_duration_seconds",
            "From a request's head to the end of its answer.",
            ("method", "path", "code"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._errors = Counter(
            "sweep_request_errors", "Requests answered with 400 or above.", ("code",), registry=self._registry
        )
        self._images = Counter("sweep_images", "Images answered by the model.", registry=self._registry)
        self._batches = Histogram(
            "sweep_model_duration_seconds", "The model on one batch.", buckets=SECONDS, registry=self._registry
        )
        self._sizes = Histogram(
            "sweep_model_batch_images", "Images the model ran on together.", buckets=IMAGES, registry=self._registry
        )
        self.in_flight = Gauge(
            "sweep_predictions_in_flight", "Requests to /predict being read or answered.", registry=self._registry
        )

    def request(self, method: str, path: str, code: int, seconds: float) -> None:
        """Count one request that was answered."""
        method = method if method in METHODS else OTHER
        path = path if path in self._paths else OTHER
        self._requests.labels(method, path, str(code)).observe(seconds)
        if code >= 400:
            self._errors.labels(str(code)).inc()

    def batch(self, images: int, seconds: float) -> None:
        """Count one run of the model."""
        self._batches.observe(seconds)
        self._sizes.observe(images)
        self._images.inc(images)

    def render(self) -> bytes:
        """All of them as text."""
        return generate_latest(self._registry)
