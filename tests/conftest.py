"""What tests of several folders share: one Chromium."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

NAMES = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
FLAGS = """
    --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-dev-shm-usage
    --disable-background-networking --disable-component-update --disable-sync
""".split()  # noqa: SIM905 - as one types them
PATIENCE = 15_000  # ms; two cores are shared with the rest of the tests


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the machine's Chromium once; skip where there is none."""
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415 - only who opens a browser pays

    expect.set_options(timeout=PATIENCE)
    named = os.environ.get("CHROMIUM")
    found = named or next((path for path in map(shutil.which, NAMES) if path), None)
    if not found:
        pytest.skip("no Chromium here: install it (Debian: apt-get install chromium) or name it in CHROMIUM")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()
