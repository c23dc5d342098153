"""The OpenAPI document and the page for people."""

from collections.abc import Callable
from functools import cached_property

from modelway_server.pages import openapi
from modelway_server.pages.human import HumanPage
from modelway_server.pages.subject import Subject
from modelway_server.protocol.strict_json import dumps

HTML = b"text/html; charset=utf-8"
HEADERS = (
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class About:
    """Both pages, rendered at the first request.

    Args:
        subject: gives the facts about the model, once it is warm.
    """

    def __init__(self, subject: Callable[[], Subject]) -> None:
        self._subject = subject

    @cached_property
    def document(self) -> bytes:
        """The OpenAPI document."""
        return dumps(openapi.document(self._subject()))

    @cached_property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """Of the page for people."""
        return (*HEADERS, (b"content-security-policy", self._page.policy.encode()))

    def page(self, host: bytes) -> bytes:
        """The page for people, for a request with this Host."""
        return self._page.render(host)

    @cached_property
    def _page(self) -> HumanPage:
        return HumanPage(self._subject())
