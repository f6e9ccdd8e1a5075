"""Where the Chromium of this machine is."""

from __future__ import annotations

import shutil


def browser_path() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "no Chromium: run `make browser`"
    return found
