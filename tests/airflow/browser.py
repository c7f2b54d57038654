"""A browser that is logged in to Airflow's web UI."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

from lab.airflow import LocalAirflow

NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"
"""What Chromium says of whatever it was fetching while an interface of the machine came or went (as a lab's do)."""

QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
"""A container allows no sandbox; nothing but the page itself is to be fetched."""

WAIT_MS = 60_000
"""Longest wait for one thing to be seen; a machine that does much else at once takes some of it."""


def is_error(message: ConsoleMessage) -> bool:
    """Whether the page is at fault for what the console tells, and not the machine."""
    return message.type == "error" and NETWORK_CHANGED not in message.text


@contextmanager
def logged_in(airflow: LocalAirflow, theme: str) -> Iterator[tuple[Page, list[str]]]:
    """Open the web UI as its admin.

    Args:
        airflow: whose.
        theme: ``light`` or ``dark``.

    Yields:
        The page, and what the browser's console told of errors so far.
    """
    if (chromium := shutil.which("chromium")) is None:
        pytest.skip("no chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        try:
            context = browser.new_context(base_url=airflow.base_url)
            context.set_default_timeout(WAIT_MS)
            context.add_init_script(f"localStorage.setItem('theme', {theme!r})")
            page, errors = context.new_page(), list[str]()
            page.on("console", lambda message: errors.append(message.text) if is_error(message) else None)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto("/auth/login/")
            page.fill("input[name=username]", airflow.admin.name)
            page.fill("input[name=password]", airflow.admin.password)
            page.keyboard.press("Enter")
            page.wait_for_url(lambda url: "/auth/login" not in url)
            yield page, errors
        finally:
            browser.close()
