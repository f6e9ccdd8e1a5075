"""A lake that lists slowly and answers 503 to one request in ten: everything takes its way."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from demo.lake_identities import PUBLIC_BUCKET, RAW_BUCKET, RESTRICTED_BUCKET
from demo.lake_server import LakeServer
from include.espejo.ingest import find_input
from include.espejo.lake import Lake, open_lake
from include.espejo.lake.keys import PublicLocation
from include.espejo.releases.pointer import read_pointer
from include.espejo.releases.publish import publish_release
from include.espejo.survey import Period
from tests.support.shaky_server import ShakyServer, shaky_server

from .test_publish import PERIOD, candidate

pytestmark = pytest.mark.long
TIMES = 3  # publications: some hundred requests


@pytest.fixture
def shaky(lake_server: LakeServer) -> Iterator[ShakyServer]:
    with shaky_server(lake_server.endpoint_url) as server:
        yield server


def lake_of(lake_server: LakeServer, endpoint: str, name: str) -> Lake:
    identity = lake_server.identities[name]
    keys = {"key": identity.access_key, "secret": identity.secret_key}
    return open_lake("s3://", {**keys, "endpoint_url": endpoint})


def test_releases_are_whole_and_the_pointer_names_the_last(
    lake_server: LakeServer, shaky: ShakyServer
) -> None:
    work, public = (lake_of(lake_server, shaky.url, name) for name in ("work", "publish"))
    place = PublicLocation(f"s3://{PUBLIC_BUCKET}/{uuid4().hex}", "parks")
    for number in range(TIMES):
        folder = candidate(work, f"r{number}", rows=5 + number)
        publish_release(work, folder, public, place, PERIOD, f"r{number}")
    assert shaky.refused >= TIMES
    quiet = lake_of(lake_server, lake_server.endpoint_url, "publish")
    pointer = read_pointer(quiet, place.latest())
    assert pointer is not None
    assert pointer.release == f"r{TIMES - 1}"
    for number in range(TIMES):
        base = place.release(PERIOD, f"r{number}")
        assert set(quiet.tree(base)) == set(public.tree(base))
        assert quiet.exists(f"{base}/manifest.json")


def test_the_file_of_a_period_is_found_however_slowly_it_is_listed(
    lake_server: LakeServer, shaky: ShakyServer
) -> None:
    folder = uuid4().hex
    admin = lake_server.client("admin")
    admin.put_object(Bucket=RAW_BUCKET, Key=f"{folder}/2026T3.csv", Body=b"a\n1\n")
    lake = lake_of(lake_server, shaky.url, "ingest")
    pattern = Period.parse(PERIOD).format(f"s3://{RAW_BUCKET}/{folder}/{{period}}*.csv")
    for _ in range(12):
        assert find_input(lake, pattern) == (f"s3://{RAW_BUCKET}/{folder}/2026T3.csv",)
    assert shaky.refused


def test_what_is_written_is_what_is_read(lake_server: LakeServer, shaky: ShakyServer) -> None:
    lake = lake_of(lake_server, shaky.url, "work")
    uri = f"s3://{RESTRICTED_BUCKET}/{uuid4().hex}/file"
    for number in range(60):
        lake.write(uri, f"{number}".encode())
        assert lake.read(uri) == f"{number}".encode()
    assert shaky.refused > TIMES
