"""What stands before a page that is served: who may ask, for what, and what a browser may do with the answer."""

import base64
import binascii
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SAFE_METHODS = frozenset({"GET", "HEAD"})

# Plotly's parallel coordinates compile WebGL code (unsafe-eval), the page's components write style elements
# (unsafe-inline), figures are drawn on images of their own making (data:, blob:).
PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "base-uri 'none'",
        "connect-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "img-src 'self' data: blob:",
        "media-src 'self'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
    )
)
# Whatever is no page of ours, opened by itself, runs nothing, loads nothing and stands in an origin of its own.
FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
SHOWN_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp", "text/plain", "text/csv", "application/json")

REPLACED = frozenset(
    {
        "access-control-allow-origin",  # the dashboard gives artifacts to every origin
        "cache-control",
        "content-security-policy",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "permissions-policy",
        "referrer-policy",
        "x-content-type-options",
        "x-frame-options",
    }
)
EVERYWHERE = (
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)

logger = logging.getLogger(__name__)
Headers = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Who may ask for what.

    Attributes:
        hosts: Names by which a browser may call this server, in lower case; None for any. Default: None.
        password: Asked for with any user name, or None. Default: None.
        allow_edits: Whether requests that change something are let through. Default: False.
        page_prefix: Paths below it are pages that run their own script. Default: `/dashboard`.
        asset_prefixes: Paths below them are files of the page, fit to be kept by the browser. Default: `/static`.
    """

    hosts: frozenset[str] | None = None
    password: str | None = field(default=None, repr=False)
    allow_edits: bool = False
    page_prefix: str = "/dashboard"
    asset_prefixes: tuple[str, ...] = ("/static/", "/favicon.ico")


@dataclass(frozen=True, kw_only=True)
class _Refusal:
    status: HTTPStatus
    reason: str
    headers: tuple[tuple[str, str], ...] = ()


class Guard:
    """Middleware that applies rules to an application, and writes the security headers of every answer.

    Args:
        application: What is guarded.
        rules: The rules.
    """

    def __init__(self, application: "WSGIApplication", rules: Rules) -> None:
        self._application = application
        self._rules = rules
        self._password = None if rules.password is None else _digest(rules.password)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""

        def start(
            status: str,
            headers: Headers,
            error: tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None = None,
        ) -> Callable[[bytes], object]:
            logger.info("%s %s %s", environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), status)
            secured = self._secured(environ.get("PATH_INFO", ""), status, headers)
            return start_response(status, secured) if error is None else start_response(status, secured, error)

        refusal = self._refusal(environ)
        if refusal is not None:
            return answer_reason(environ, start, refusal.status, refusal.reason, refusal.headers)
        return self._application(environ, start)

    def _refusal(self, environ: "WSGIEnvironment") -> _Refusal | None:
        return (
            self._foreign_name(environ)
            or self._wrong_password(environ)
            or self._edit(environ)
            or self._foreign_page(environ)
        )

    def _foreign_name(self, environ: "WSGIEnvironment") -> _Refusal | None:
        """A page elsewhere whose name was made to point here must not read what is served to this host."""
        hosts = self._rules.hosts
        if hosts is None or _name_of(environ.get("HTTP_HOST", "")) in hosts:
            return None
        return _Refusal(
            status=HTTPStatus.MISDIRECTED_REQUEST,
            reason=f"This server answers to {', '.join(sorted(hosts))} alone. Open it under one of these names.",
        )

    def _wrong_password(self, environ: "WSGIEnvironment") -> _Refusal | None:
        if self._password is None:
            return None
        given = _given_password(environ.get("HTTP_AUTHORIZATION", ""))
        if given is not None and hmac.compare_digest(hashlib.sha256(given).digest(), self._password):
            return None
        return _Refusal(
            status=HTTPStatus.UNAUTHORIZED,
            reason="A password is asked for: any user name, and the password that the server was started with.",
            headers=(("WWW-Authenticate", 'Basic realm="sweep dashboard", charset="UTF-8"'),),
        )

    def _edit(self, environ: "WSGIEnvironment") -> _Refusal | None:
        if environ["REQUEST_METHOD"] in SAFE_METHODS or self._rules.allow_edits:
            return None
        return _Refusal(
            status=HTTPStatus.METHOD_NOT_ALLOWED,
            reason="This dashboard is read-only. Started with --allow-edits it changes studies too.",
            headers=(("Allow", "GET, HEAD"),),
        )

    def _foreign_page(self, environ: "WSGIEnvironment") -> _Refusal | None:
        """A page elsewhere must not change anything by sending its reader's browser here."""
        if environ["REQUEST_METHOD"] in SAFE_METHODS or _is_own_page(environ):
            return None
        return _Refusal(
            status=HTTPStatus.FORBIDDEN,
            reason="Changes are taken from this server's own pages alone, and from programs that are no browser.",
        )

    def _secured(self, path: str, status: str, headers: Headers) -> Headers:
        kept = [(name, value) for name, value in headers if name.lower() not in REPLACED]
        is_page = (path + "/").startswith(self._rules.page_prefix + "/")
        is_asset = path.startswith(self._rules.asset_prefixes)
        kind = next((value for name, value in kept if name.lower() == "content-type"), "")
        kind = kind.partition(";")[0].strip().lower()
        is_named = any(name.lower() == "content-disposition" for name, _ in kept)
        if status.startswith("2") and not (is_page or is_asset or kind in SHOWN_TYPES or is_named):
            kept.append(("Content-Disposition", "attachment"))
        kept.append(("Content-Security-Policy", PAGE_POLICY if is_page else FILE_POLICY))
        kept.append(("Cache-Control", "no-cache" if is_asset else "no-store"))
        return [*kept, *EVERYWHERE]


def answer_reason(
    environ: "WSGIEnvironment",
    start_response: "StartResponse",
    status: HTTPStatus,
    reason: str,
    headers: Iterable[tuple[str, str]] = (),
) -> list[bytes]:
    """Answer as optuna-dashboard words its own errors, so that its page shows the reason."""
    body = json.dumps({"reason": reason}).encode()
    described = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers]
    start_response(f"{status.value} {status.phrase}", described)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _name_of(host: str) -> str:
    """The name in a Host header, without its port: a tunnel may have another."""
    host = host.strip().lower()
    if host.startswith("["):
        return "".join(host.partition("]")[:2])
    return host.partition(":")[0].removesuffix(".")


def _given_password(authorization: str) -> bytes | None:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    _, colon, password = decoded.partition(b":")
    return password if colon else None


def _digest(password: str) -> bytes:
    # surrogateescape: a variable may hold bytes that are no UTF-8. Of one length, so that comparing tells nothing.
    return hashlib.sha256(password.encode("utf-8", "surrogateescape")).digest()


def _is_own_page(environ: "WSGIEnvironment") -> bool:
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        return bool(site == "same-origin")
    origin = environ.get("HTTP_ORIGIN")  # what browsers send that know no Sec-Fetch-Site
    return origin is None or bool(str(origin).partition("://")[2] == environ.get("HTTP_HOST"))
