"""The page that shows the service's interface, from files of its own: it works without any network."""

from pathlib import Path
from typing import Final

import swagger_ui_bundle
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

PAGE: Final = "/docs"
OPENAPI: Final = "/openapi.json"
OPENAPI_VERSION: Final = "3.0.3"  # what the bundled Swagger UI 4 shows; FastAPI's 3.1 it does not
PAGE_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "base-uri 'none'",
        "connect-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "img-src 'self' data: blob:",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # Swagger UI draws with style attributes
    )
)

_VENDOR: Final = Path(swagger_ui_bundle.__file__).parent / "vendor"
_FILES: Final = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
# Addresses are relative: behind a proxy the service may stand below a path of its own.
_SCRIPT: Final = """\
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: -1,
  validatorUrl: null,
});
"""
_HTML: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/page.js"></script>
</body>
</html>
"""


def add_pages(application: FastAPI) -> None:
    """Let an application show its interface at `/docs`, and lead there from `/`.

    Args:
        application: It must have been made with `docs_url=None`.
    """
    application.openapi_version = OPENAPI_VERSION
    folder = next(each.parent for each in _VENDOR.rglob("swagger-ui-bundle.js"))
    files = {name: ((folder / name).read_bytes(), kind) for name, kind in _FILES.items()}
    files["page.js"] = (_SCRIPT.encode(), "text/javascript")
    page = _HTML.format(title=application.title)

    async def root(_: Request) -> Response:
        return RedirectResponse("docs")

    async def docs(_: Request) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY})

    async def file(request: Request) -> Response:
        content, kind = files.get(request.path_params["name"], (None, "text/plain"))
        if content is None:
            return Response(status_code=404)
        return Response(content, media_type=kind, headers={"Cache-Control": "public, max-age=3600"})

    application.add_route("/", root, include_in_schema=False)
    application.add_route(PAGE, docs, include_in_schema=False)
    application.add_route(PAGE + "/{name}", file, include_in_schema=False)
