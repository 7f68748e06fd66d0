"""The service as an ASGI application: /predict, /health, /metrics and the page that explains them."""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Final

import numpy as np
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from sweep.model.predict import ImageError
from sweep.service.batching import LARGEST_BATCH, Batcher
from sweep.service.bodies import JSON_TYPE, Upload, content_type, drain, read_body, read_form, read_json
from sweep.service.documents import BODY, PROBLEMS, Answer, Health
from sweep.service.metrics import CONTENT_TYPE, Metrics
from sweep.service.pages import OPENAPI, PAGE, add_pages
from sweep.service.watching import Watch

if TYPE_CHECKING:
    from sweep.model.predict import Classifier

MOST_REQUESTS: Final = 64  # to /predict at a time; each may hold a body and its images in memory
MOST_READERS: Final = 4  # threads that decode; an image may unpack to 150 MB
PATHS: Final = frozenset({"/predict", "/health", "/metrics", OPENAPI, PAGE})
DESCRIPTION: Final = "Says which label images have. Images of any size are read as `sweep predict` reads them."


@dataclass(frozen=True, kw_only=True)
class Model:
    """What is served.

    Attributes:
        classifier: The model, loaded.
        folder: Name of its folder.
        sha256: What its manifest says of itself.
    """

    classifier: "Classifier"
    folder: str
    sha256: str

    def warm_up(self) -> None:
        """Run it on every kind of batch that is traced, so that no request waits for that.

        The first size is traced as itself, the second for every size; the largest then allocates.
        """
        for images in (1, 2, LARGEST_BATCH):
            self.classifier.probabilities(np.zeros((images, *self.classifier.image_shape), np.uint8))


def make_application(model: Model, started: Callable[[], None] | None = None) -> ASGIApp:
    """The service for one model.

    Args:
        model: The model. It must not be used by others while the application runs.
        started: Called once requests are answered. Default: None.
    """
    service = _Service(model)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        service.open()
        if started is not None:
            started()
        yield
        service.close()

    application = FastAPI(
        title="sweep serve",
        description=DESCRIPTION,
        version=metadata.version("sweep"),
        docs_url=None,
        redoc_url=None,
        openapi_url=OPENAPI,
        lifespan=life,
        exception_handlers={Exception: _failed},
    )
    application.post(
        "/predict",
        response_model=list[Answer],
        responses=PROBLEMS,
        openapi_extra=BODY,
        operation_id="predict",
        summary="Say which label images have",
        tags=["model"],
    )(service.predict)
    application.get("/health", response_model=Health, summary="Say whether the model runs", tags=["operation"])(
        service.health
    )
    application.get("/metrics", response_class=PlainTextResponse, summary="Tell Prometheus", tags=["operation"])(
        service.show
    )
    add_pages(application)
    return Watch(application, service.metrics.request)


class _Service:
    """The endpoints, and what they share."""

    def __init__(self, model: Model) -> None:
        self._classifier = model.classifier
        self._health = {
            "status": "ok",
            "model": {
                "folder": model.folder,
                "sha256": model.sha256,
                "image_shape": list(model.classifier.image_shape),
            },
            "labels": model.classifier.labels,
        }
        self.metrics = Metrics(PATHS, {"folder": model.folder, "sha256": model.sha256})
        self._in_flight = 0

    def open(self) -> None:
        self._batcher = Batcher(self._classifier.probabilities, self.metrics.batch)
        self._readers = ThreadPoolExecutor(min(MOST_READERS, os.cpu_count() or 1), thread_name_prefix="reader")

    def close(self) -> None:
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._batcher.close()

    async def predict(self, request: Request) -> Response:
        """All images of a request or none are answered, in the order in which they were sent."""
        if self._in_flight >= MOST_REQUESTS:
            await drain(request)
            raise HTTPException(503, f"{MOST_REQUESTS} requests are being answered.", headers={"Retry-After": "1"})
        self._in_flight += 1
        self.metrics.in_flight.inc()
        try:
            return JSONResponse(await self._answers(request))
        except ClientDisconnect as error:
            raise HTTPException(400, "The body ended too early.") from error
        finally:
            self._in_flight -= 1
            self.metrics.in_flight.dec()

    async def health(self) -> Response:
        """The model is loaded before anything is answered."""
        return JSONResponse(self._health)

    async def show(self) -> Response:
        """In the text format of Prometheus."""
        return Response(self.metrics.render(), media_type=CONTENT_TYPE)

    async def _answers(self, request: Request) -> list[dict[str, object]]:
        try:
            kind = content_type(request)
        except HTTPException:
            await drain(request)
            raise
        body = await read_body(request)
        uploads = None if kind == JSON_TYPE else await read_form(request, body)
        loop = asyncio.get_running_loop()
        names, images = await loop.run_in_executor(self._readers, self._read, body, uploads)
        probabilities = await asyncio.wrap_future(self._batcher.submit(images))
        return self._classifier.answers(names, probabilities)

    def _read(self, body: bytes, uploads: Sequence[Upload] | None) -> tuple[list[str], np.ndarray]:
        """Decode, away from the event loop; a JSON document too, for it may be megabytes of base64."""
        images: list[np.ndarray] = []
        refused: list[str] = []
        uploads = read_json(body) if uploads is None else uploads
        for upload in uploads:
            try:
                images.append(self._classifier.read(io.BytesIO(upload.content), upload.title))
            except ImageError as error:
                refused.append(str(error))
        if refused:
            raise HTTPException(422, "\n".join(refused))
        return [upload.image for upload in uploads], np.stack(images)


async def _failed(_: Request, __: Exception) -> Response:
    return JSONResponse({"detail": "This request failed, and not for anything in it. See the service's log."}, 500)
