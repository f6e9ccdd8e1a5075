"""What the pages of releases ask of a real S3 server: listings with tags, and signed links."""

from __future__ import annotations

from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from demo.lake_identities import PUBLIC_BUCKET, RESTRICTED_BUCKET
from demo.lake_server import REGION, LakeServer
from include.espejo.errors import LakeError
from include.espejo.lake import Lake, open_lake

AT = f"s3://{PUBLIC_BUCKET}/listing"


def lake_of(server: LakeServer, name: str) -> Lake:
    identity = server.identities[name]
    return open_lake(
        "s3://",
        {
            "key": identity.access_key,
            "secret": identity.secret_key,
            "endpoint_url": server.endpoint_url,
            "client_kwargs": {"region_name": REGION},
        },
    )


def test_a_listing_is_of_one_folder_and_its_tags_change_with_the_objects(
    lake_server: LakeServer,
) -> None:
    publish, consumer = lake_of(lake_server, "publish"), lake_of(lake_server, "consumer")
    for name in ("one/a.csv", "one/plots/b.png", "one-too/c.csv"):
        publish.write(f"{AT}/{name}", b"1234")
    before = consumer.tree(f"{AT}/one")
    assert {name: entry.size for name, entry in before.items()} == {"a.csv": 4, "plots/b.png": 4}
    publish.write(f"{AT}/one/a.csv", b"4321")
    after = consumer.tree(f"{AT}/one")
    assert after["a.csv"].tag != before["a.csv"].tag
    assert after["plots/b.png"] == before["plots/b.png"]
    assert consumer.tree(f"{AT}/nothing") == {}


def test_a_bucket_that_is_absent_or_closed_is_an_error(lake_server: LakeServer) -> None:
    consumer = lake_of(lake_server, "consumer")
    for bucket in ("espejo-absent", RESTRICTED_BUCKET):
        with pytest.raises(LakeError, match=bucket):
            consumer.tree(f"s3://{bucket}/enoe_sdem")


def test_a_link_gives_one_object_for_a_while_by_the_rights_of_who_signed_it(
    lake_server: LakeServer,
) -> None:
    publish, consumer = lake_of(lake_server, "publish"), lake_of(lake_server, "consumer")
    publish.write(f"{AT}/table.csv", b"1234")
    link = consumer.link(f"{AT}/table.csv", 60, "enoe_table.csv")
    with urlopen(link, timeout=30) as answer:
        assert answer.read() == b"1234"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="enoe_table.csv"'
    secret = f"s3://{RESTRICTED_BUCKET}/listing/rows.parquet"
    lake_of(lake_server, "work").write(secret, b"rows")
    for refused in (
        link.replace("table.csv", "other.csv"),  # it is signed for one object
        link.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        consumer.link(secret, 60, "rows.parquet"),
    ):
        with pytest.raises(HTTPError) as error:
            urlopen(refused, timeout=30)
        assert error.value.code == 403


def test_folders_that_a_console_made_are_no_files(lake_server: LakeServer) -> None:
    """They are empty objects whose name ends with a slash; the pages listed them and fell over."""
    admin, consumer = lake_server.client("admin"), lake_of(lake_server, "consumer")
    for key in ("marked/", "marked/2026T3/", "marked/2026T3/abc/"):
        admin.put_object(Bucket=PUBLIC_BUCKET, Key=f"listing/{key}", Body=b"")
    assert consumer.tree(f"{AT}/marked") == {}
    admin.put_object(Bucket=PUBLIC_BUCKET, Key="listing/marked/2026T3/abc/a.csv", Body=b"1")
    assert set(consumer.tree(f"{AT}/marked")) == {"2026T3/abc/a.csv"}
    assert consumer.list(f"{AT}/marked/*") == []


def test_who_may_write_is_known_without_writing(lake_server: LakeServer) -> None:
    at = f"{AT}/rights/probe"
    lake_of(lake_server, "publish").require_write(at)
    assert lake_of(lake_server, "consumer").tree(f"{AT}/rights") == {}
    for name in ("consumer", "ingest", "work"):
        with pytest.raises(LakeError, match="refused"):
            lake_of(lake_server, name).require_write(at)
    with pytest.raises(LakeError, match="espejo-absent"):
        lake_of(lake_server, "publish").require_write("s3://espejo-absent/x")


def test_a_refusal_names_the_connection(lake_server: LakeServer) -> None:
    consumer = lake_server.identities["consumer"]
    options = {"key": consumer.access_key, "secret": "wrong"}
    options["endpoint_url"] = lake_server.endpoint_url
    lake = open_lake("s3://", options, "connection espejo_consumer")
    with pytest.raises(LakeError, match="check connection espejo_consumer's credentials"):
        lake.read(f"{AT}/x")
