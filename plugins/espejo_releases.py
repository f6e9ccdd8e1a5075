"""The pages "Synthetic releases", in the navigation and as a tab of each run of a synthesis.

Every component of Airflow loads this file; only the API server, when a page is first asked for,
loads what makes the pages.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "espejo"


@cache
def _pages() -> Any:
    from plugins.espejo_pages.app import app

    return app


async def serve(scope: Any, receive: Any, send: Any) -> None:
    """The pages as an ASGI application."""
    await _pages()(scope, receive, send)


class EspejoReleases(AirflowPlugin):
    """Shown where Airflow's own pages are; addresses have no leading slash, for a base path."""

    name = "espejo_releases"
    fastapi_apps = [  # noqa: RUF012  Airflow reads class attributes
        {"app": serve, "url_prefix": f"/{PREFIX}", "name": "Espejo: synthetic releases"}
    ]
    external_views = [  # noqa: RUF012
        {
            "name": "Espejo",  # the navigation cuts longer names, and this one is in both languages
            "href": f"{PREFIX}/releases",
            "destination": "nav",
            "url_route": "synthetic-releases",
            "icon": f"{PREFIX}/static/icon.svg",
            "icon_dark_mode": f"{PREFIX}/static/icon-dark.svg",
        },
        {
            "name": "Espejo",  # Airflow shows it as it is to readers of either language
            "href": f"{PREFIX}/runs/{{DAG_ID}}/{{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "synthetic-release",
            "icon": f"{PREFIX}/static/icon.svg",
            "icon_dark_mode": f"{PREFIX}/static/icon-dark.svg",
        },
    ]
