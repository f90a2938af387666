"""A page as a real browser has it. `make browser` runs the tests that use this, and lets none be left out."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def dump_page(address: str, folder: Path, until: str) -> str:
    """A page as a browser has it once its scripts have put `until` into it, or have had long enough for that.

    The browser's clock runs ahead while a busy machine still answers, so that one length of time is not enough.
    """
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        missing = f"no browser on this machine: none of {', '.join(BROWSERS)}; make browser installs one"
        (pytest.fail if "GENLAB_BROWSER" in os.environ else pytest.skip)(missing)
    page = ""
    for seconds in (20, 60, 180, 540):
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}",
            f"--virtual-time-budget={1000 * seconds}", "--dump-dom", address,
        ]  # fmt: skip
        page = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True).stdout
        if until in page:
            break
    return page
