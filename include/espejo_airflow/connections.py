"""The lake as the identities of Airflow's connections see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Asset, Connection
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from include.espejo.lake.keys import PublicLocation
from include.espejo.survey import SurveySpec

if TYPE_CHECKING:
    from include.espejo.lake import Lake, Lakes
    from include.espejo.releases.catalog import Catalog
    from include.espejo.releases.ledger import Ledger


# The extra fields of a connection that are honoured; any other is refused rather than dropped.
_KNOWN = {"aws_session_token", "endpoint_url", "link_endpoint_url", "region_name", "verify"}
# Of these, what every object that is written asks for: encryption at rest, as S3 names it.
_WITH_EACH_WRITE = {
    "server_side_encryption": "ServerSideEncryption",
    "sse_kms_key_id": "SSEKMSKeyId",
}
_KNOWN |= set(_WITH_EACH_WRITE)


def lake_by(connection_id: str, uri: str, address: str = "endpoint_url") -> Lake:
    """The lake at `uri` as the identity of an Airflow connection sees it.

    `address`: the extra field that has the endpoint, `endpoint_url` where that field is not there.
    """
    from include.espejo.lake import open_lake

    if not uri.startswith("s3://"):
        return open_lake(uri)
    try:
        connection = Connection.get(connection_id)
    except AirflowNotFoundException:
        missing = f"connection {connection_id}: it does not exist; create one of type aws for {uri}"
    else:
        missing = ""
    if missing:
        raise AirflowFailException(missing)
    extra = connection.extra_dejson
    unknown = sorted(set(extra) - _KNOWN)
    if unknown:
        raise AirflowFailException(
            f"connection {connection_id}: its extra field `{unknown[0]}` is not understood here; "
            f"leave it out, and give only {', '.join(sorted(_KNOWN))}"
        )
    client: dict[str, object] = {"region_name": extra.get("region_name", "us-east-1")}
    if "verify" in extra:
        client["verify"] = extra["verify"]
    return open_lake(
        uri,
        {
            "key": connection.login,
            "secret": connection.password,
            "token": extra.get("aws_session_token"),
            "endpoint_url": extra.get(address) or extra.get("endpoint_url"),
            "client_kwargs": client,
            "s3_additional_kwargs": {
                name: extra[field] for field, name in _WITH_EACH_WRITE.items() if field in extra
            },
        },
        f"connection {connection_id}",
    )


def lakes_of(spec: SurveySpec) -> Lakes:
    """The lake as the flow's three identities see it."""
    from include.espejo.lake import Lakes

    places, connections = spec.places, spec.connections
    return Lakes(
        ingest=lake_by(connections.ingest, places.raw),
        work=lake_by(connections.work, places.restricted),
        publish=lake_by(connections.publish, places.public),
    )


def require_rights(spec: SurveySpec, period: str, *, publishes: bool) -> None:
    """Raise LakeError unless the identities may do what a run will ask of them.

    The survey's folder is looked at by the wait for its file. Nothing is written.
    """
    from include.espejo.lake import join
    from include.espejo.lake.keys import scratch

    lakes, place = lakes_of(spec), PublicLocation(spec.places.public, spec.survey)
    lakes.work.require_write(join(scratch(spec.places.restricted, spec.survey, period), "rights"))
    if publishes:
        lakes.publish.exists(place.latest())
        lakes.publish.require_write(join(place.release(period, "rights"), "rights"))


def catalog_of(spec: SurveySpec, lakes: Lakes) -> Catalog:
    """The survey's releases, which the copies of the restricted area vouch for."""
    from include.espejo.releases.catalog import Catalog

    place = PublicLocation(spec.places.public, spec.survey)
    return Catalog(lakes.publish, place, lakes.work, spec.places.restricted)


def ledger_of(spec: SurveySpec, lakes: Lakes) -> Ledger:
    """The survey's ledger, which only the restricted area's identity may touch."""
    from include.espejo.releases.ledger import Ledger

    return Ledger(lakes.work, spec.places.restricted, spec.survey)


def release_asset(spec: SurveySpec) -> Asset:
    """What a publication updates, and what downstream DAGs are scheduled on."""
    place = PublicLocation(spec.places.public, spec.survey)
    return Asset(name=f"{spec.survey}_release", uri=place.latest())
