"""The lake that the integration tests share: one real S3 server per test session."""

from collections.abc import Iterator

import pytest

from demo.lake_server import LakeServer


@pytest.fixture(scope="session")
def lake_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeServer]:
    """A running server with the four empty buckets; a test uses keys of its own in them."""
    with LakeServer(tmp_path_factory.mktemp("lake")) as server:
        yield server
