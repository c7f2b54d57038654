"""GitLab's common answers: times, errors, pages (https://docs.gitlab.com/api/rest/)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from lab.standins.http_api import ApiError, Request, Response


def now() -> str:
    """The time as GitLab writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def missing(what: str = "") -> ApiError:
    """The 404 for a thing that does not exist, or that the token may not see."""
    return ApiError(404, {"message": f"404 {what} Not Found".replace("  ", " ")})


def page(request: Request, items: list[Any]) -> Response:
    """One page of a list with GitLab's pagination headers."""
    number = max(int(request.first("page", "1") or 1), 1)
    size = min(max(int(request.first("per_page", "20") or 20), 1), 100)
    pages = max(-(-len(items) // size), 1)
    links = {"first": 1, "last": pages}
    if number < pages:
        links["next"] = number + 1
    if number > 1:
        links["prev"] = number - 1
    rest = [(key, value) for key, value in request.query if key not in ("page", "per_page")]

    def address(where: int) -> str:
        return f"{request.base}{request.path}?{urlencode([*rest, ('page', str(where)), ('per_page', str(size))])}"

    link = ", ".join(f'<{address(where)}>; rel="{word}"' for word, where in links.items())
    return Response(
        200,
        items[(number - 1) * size : number * size],
        {
            "X-Total": str(len(items)),
            "X-Total-Pages": str(pages),
            "X-Per-Page": str(size),
            "X-Page": str(number),
            "X-Next-Page": str(links.get("next", "")),
            "X-Prev-Page": str(links.get("prev", "")),
            "Link": link,
        },
    )
