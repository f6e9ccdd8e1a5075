"""Failures of storage as one clear sentence that says whether to try again."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from include.espejo.errors import EspejoError, LakeError

# Contract, "Failing and trying again": 5xx, throttling, time-outs and lost connections pass.
_PASSING = {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded"}
_PASSING |= {"RequestTimeout"}  # S3 tells it with status 400
# Raised by several HTTP libraries below s3fs, each with a class of its own of that name.
_HALF_ANSWERS = {
    "IncompleteRead",
    "IncompleteReadError",
    "ClientPayloadError",
    "ServerDisconnectedError",
    "ResponseParserError",
    "FSTimeoutError",
}
_MOST_APART = timedelta(minutes=15)  # of a request's time and the server's, by S3
_FULL = {"QuotaExceeded", "InsufficientStorage", "StorageFull", "XMinioStorageFull"}
_FULL_ERRNO = {errno.ENOSPC, errno.EDQUOT}


class PreconditionError(EspejoError):
    """A conditional write that lost: the object is not (or no longer) as it was expected."""


@contextmanager
def told_clearly(uri: str, action: str, identity: str = "") -> Iterator[None]:
    """Turn any failure of storage inside the block into a LakeError about `uri`.

    `identity`: the connection whose rights these are.
    """
    try:
        yield
    except EspejoError:
        raise
    except Exception as error:  # noqa: BLE001  not swallowed: told again without the server's text
        told = _translate(error, uri, action, identity)
    else:
        return
    raise told from None


def _translate(error: BaseException, uri: str, action: str, identity: str) -> EspejoError:
    answer = _server_answer(error)
    code: str | None = answer.get("Error", {}).get("Code")
    status: int | None = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if status in (409, 412) or code in ("PreconditionFailed", "ConditionalRequestConflict"):
        return PreconditionError(f"{uri}: another process changed or created it")
    if code in _FULL or status == 507 or getattr(error, "errno", None) in _FULL_ERRNO:
        return _failure(uri, action, "the storage is full; free space or raise its quota")
    if isinstance(error, FileNotFoundError) or status == 404:
        text = "not found; check the path, the bucket and the period"
        return _failure(uri, action, text, absent=code != "NoSuchBucket")
    if isinstance(error, IsADirectoryError):
        return _failure(uri, action, "it is a directory; name a file")
    if code == "RequestTimeTooSkewed" or (status == 403 and _is_of_another_time(answer)):
        text = "this machine's clock and the server's differ; set the clock, by NTP"
        return _failure(uri, action, text, retryable=True)
    if isinstance(error, PermissionError) or status in (401, 403):
        whose = identity or "this connection"
        return _failure(uri, action, f"refused; check {whose}'s credentials and rights")
    if code in _PASSING or status == 429 or (status or 0) >= 500:
        return _failure(uri, action, f"the server failed ({code or status})", retryable=True)
    if status is not None:
        return _failure(uri, action, f"the server answered {status} ({code})")
    if _distrusts(error):
        text = (
            "the server's certificate is not trusted; name the file of your authority's "
            "certificate as `verify` in the connection's extra field"
        )
        return _failure(uri, action, text)
    if _is_connection_loss(error):
        text = "no answer; check the endpoint's address and that the server is up"
        return _failure(uri, action, text, retryable=True)
    if _names_no_credentials(error):
        whose = identity or "the connection"
        return _failure(uri, action, f"no credentials; give {whose} a login and password")
    return _failure(uri, action, f"{type(error).__name__}")


def _failure(
    uri: str, action: str, reason: str, *, retryable: bool = False, absent: bool = False
) -> LakeError:
    told = f"{uri}: cannot {action}: {reason}"
    return LakeError(told, retryable=retryable, exit_code=2, absent=absent)


def _server_answer(error: BaseException | None) -> dict[str, Any]:
    """The S3 answer behind an exception, as botocore has it; empty if none came."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict) and "Error" in response:
            return response
        error = error.__cause__
    return {}


def _is_of_another_time(answer: dict[str, Any]) -> bool:
    """Whether the server's clock is another: the answer to HEAD has no code to say so."""
    dated = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        apart = datetime.now(UTC) - parsedate_to_datetime(dated)
    except (TypeError, ValueError):
        return False
    return abs(apart) > _MOST_APART


def _distrusts(error: BaseException | None) -> bool:
    """Whether TLS failed since nobody known vouches for the server."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_connection_loss(error: BaseException | None) -> bool:
    import botocore.exceptions as boto

    while error is not None:
        if type(error).__name__ in _HALF_ANSWERS:
            return True
        if isinstance(
            error, boto.HTTPClientError | boto.ConnectionError | ConnectionError | TimeoutError
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def _names_no_credentials(error: BaseException) -> bool:
    import botocore.exceptions as boto

    return isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError)
