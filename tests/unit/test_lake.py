"""The lake on a local disk, and what any storage's failure is told as."""

import errno
import os
import stat
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.client import IncompleteRead
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import botocore.exceptions as boto
import pytest
from aiohttp import ClientPayloadError, ServerDisconnectedError
from botocore.parsers import ResponseParserError
from s3fs.errors import translate_boto_error

from include.espejo.errors import EspejoError, InputError, LakeError
from include.espejo.lake import join, open_lake, opening
from include.espejo.lake.failures import PreconditionError, told_clearly
from include.espejo.lake.local import LocalLake
from include.espejo.lake.s3 import S3Lake

URI = "s3://espejo-public/parks/latest.json"
SERVER_TEXT = "request ZQX7 of tenant 777777"


@pytest.fixture
def lake() -> LocalLake:
    return LocalLake()


@pytest.fixture
def at(tmp_path: Path) -> Callable[[str], str]:
    """The URI of a name in a folder of the test's own."""
    return lambda name: str(tmp_path / name)


def files_below(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


# --- reading and writing -----------------------------------------------------------------------


def test_what_was_written_is_read(lake, at) -> None:
    lake.write(at("a/b/c.bin"), b"\x00one")
    assert lake.read(at("a/b/c.bin")) == b"\x00one"
    with lake.open(at("a/b/c.bin")) as file:
        assert file.read() == b"\x00one"
    lake.write(at("a/b/c.bin"), b"two")
    assert lake.read(at("a/b/c.bin")) == b"two"


def test_a_file_uri_is_a_path(lake, at, tmp_path) -> None:
    lake.write(f"file://{tmp_path}/x", b"1")
    assert lake.read(at("x")) == b"1"
    assert lake.exists(f"file://{tmp_path}/x")


def test_only_a_file_exists(lake, at) -> None:
    assert not lake.exists(at("folder/x"))
    lake.write(at("folder/x"), b"")
    assert lake.exists(at("folder/x"))
    assert not lake.exists(at("folder"))


def test_the_kind_of_lake_follows_from_the_uri(at, monkeypatch) -> None:
    monkeypatch.setattr(opening, "S3Lake", lambda *given: ("s3", *given))
    opened: object = open_lake("s3://bucket/key", {"key": "k"})
    assert opened == ("s3", {"key": "k"}, "")
    assert isinstance(open_lake(at("x")), LocalLake)
    assert isinstance(open_lake("file:///x"), LocalLake)


def test_keys_are_joined_with_single_slashes() -> None:
    assert join("s3://bucket/", "/a/", "b/c", "d.json") == "s3://bucket/a/b/c/d.json"
    assert join("s3://bucket") == "s3://bucket"
    assert join("/base", "a") == "/base/a"


def mode_of(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


@pytest.fixture(params=[0o022, 0o077], ids=["usual umask", "closed umask"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_what_is_written_is_the_owners_and_what_is_created_is_for_all(lake, at, umask) -> None:
    lake.write(at("work/rows.parquet"), b"x")
    assert mode_of(at("work/rows.parquet")) == 0o600
    lake.create(at("public/manifest.json"), b"x")
    assert mode_of(at("public/manifest.json")) == 0o644
    lake.create(at("public/manifest.json"), b"y")
    assert mode_of(at("public/manifest.json")) == 0o644


def test_what_is_replaced_is_still_for_all(lake, at) -> None:
    lake.create(at("latest.json"), b"one")
    lake.replace(at("latest.json"), b"two", lake.read_tagged(at("latest.json")).tag)
    assert mode_of(at("latest.json")) == 0o644


# --- create ------------------------------------------------------------------------------------


def test_create_writes_once(lake, at, tmp_path) -> None:
    assert lake.create(at("r/manifest.json"), b"first") is True
    assert lake.create(at("r/manifest.json"), b"second") is False
    assert lake.read(at("r/manifest.json")) == b"first"
    assert files_below(tmp_path) == {"r/manifest.json"}


def test_of_many_who_create_one_wins(lake, at, tmp_path) -> None:
    start = threading.Barrier(16)

    def create(number: int) -> bool:
        start.wait()
        return bool(lake.create(at("latest.json"), b"%d" % number * 10_000))

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(create, range(16)))
    assert won.count(True) == 1
    assert lake.read(at("latest.json")) == b"%d" % won.index(True) * 10_000
    assert files_below(tmp_path) == {"latest.json"}


# --- replace -----------------------------------------------------------------------------------


def test_replace_needs_the_current_tag(lake, at) -> None:
    assert lake.read_tagged(at("latest.json")) is None
    lake.create(at("latest.json"), b"one")
    first = lake.read_tagged(at("latest.json"))
    assert first.content == b"one"
    lake.replace(at("latest.json"), b"two", first.tag)
    assert lake.read(at("latest.json")) == b"two"
    with pytest.raises(PreconditionError, match=r"latest\.json: another process changed"):
        lake.replace(at("latest.json"), b"three", first.tag)
    assert lake.read(at("latest.json")) == b"two"
    lake.replace(at("latest.json"), b"three", lake.read_tagged(at("latest.json")).tag)
    assert lake.read(at("latest.json")) == b"three"


def test_what_is_gone_cannot_be_replaced(lake, at) -> None:
    lake.create(at("latest.json"), b"one")
    tag = lake.read_tagged(at("latest.json")).tag
    os.unlink(at("latest.json"))
    with pytest.raises(PreconditionError):
        lake.replace(at("latest.json"), b"two", tag)
    assert not lake.exists(at("latest.json"))


def test_of_many_who_replace_one_tag_one_wins(lake, at) -> None:
    lake.create(at("latest.json"), b"start")
    tag = lake.read_tagged(at("latest.json")).tag
    start = threading.Barrier(12)

    def replace(number: int) -> bool:
        start.wait()
        try:
            lake.replace(at("latest.json"), b"%d" % number, tag)
        except PreconditionError:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        won = list(pool.map(replace, range(12)))
    assert won.count(True) == 1
    assert lake.read(at("latest.json")) == b"%d" % won.index(True)


# --- nothing half written ----------------------------------------------------------------------


@pytest.mark.parametrize("write", ["write", "create"])
def test_a_full_disk_leaves_nothing_behind(write, lake, at, tmp_path, monkeypatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LakeError, match="the storage is full; free space") as caught:
        getattr(lake, write)(at("a/x"), b"new")
    assert not caught.value.retryable
    assert files_below(tmp_path) == set()


def test_a_failed_write_keeps_what_was_there(lake, at, tmp_path, monkeypatch) -> None:
    lake.write(at("a/x"), b"old")

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, SERVER_TEXT)

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(LakeError):
        lake.write(at("a/x"), b"new")
    assert lake.read(at("a/x")) == b"old"
    assert files_below(tmp_path) == {"a/x"}


def test_a_reader_never_sees_a_half_written_file(lake, at) -> None:
    contents = {b"a" * 300_000, b"b" * 300_000}
    lake.write(at("x"), b"a" * 300_000)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for content in contents:
                lake.write(at("x"), content)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        seen = {lake.read(at("x")) for _ in range(200)}
        stop.set()
        writing.result()
    assert seen <= contents


# --- list and delete ---------------------------------------------------------------------------


def test_list_matches_the_last_part_and_files_only(lake, at, tmp_path) -> None:
    for name in ("p/b.csv", "p/a.csv", "p/c.CSV", "p/notes.txt", "p/q/d.csv"):
        lake.write(at(name), b"x")
    (tmp_path / "p" / "folder.csv").mkdir()
    assert lake.list(at("p/*.csv")) == [at("p/a.csv"), at("p/b.csv")]
    assert lake.list(at("p/?.csv")) == [at("p/a.csv"), at("p/b.csv")]
    assert lake.list(at("p/a.csv")) == [at("p/a.csv")]
    assert lake.list(at("p/[b-z].csv")) == [at("p/b.csv")]
    assert lake.list(at("p/*.parquet")) == []
    assert lake.list(at("nowhere/*.csv")) == []


def test_list_takes_the_folders_as_they_are_spelled(lake, at) -> None:
    lake.write(at("p[1]/a.csv"), b"x")
    assert lake.list(at("p[1]/*.csv")) == [at("p[1]/a.csv")]


def test_delete_tree_deletes_all_below_and_is_harmless_twice(lake, at, tmp_path) -> None:
    for name in ("r/1/a", "r/1/b/c", "r/2/a"):
        lake.write(at(name), b"x")
    lake.delete_tree(at("r/1"))
    assert files_below(tmp_path) == {"r/2/a"}
    lake.delete_tree(at("r/1"))
    lake.delete_tree(at("never/was"))
    assert files_below(tmp_path) == {"r/2/a"}


# --- failures of a local disk ------------------------------------------------------------------


@pytest.mark.parametrize("method", ["read", "open"])
def test_reading_what_is_not_there(method, lake, at) -> None:
    with pytest.raises(LakeError, match="cannot read it: not found; check the path") as caught:
        getattr(lake, method)(at("nowhere"))
    assert str(caught.value).startswith(at("nowhere"))
    assert (caught.value.exit_code, caught.value.retryable) == (2, False)


@pytest.mark.parametrize("method", ["read", "open", "read_tagged"])
def test_reading_a_folder(method, lake, tmp_path) -> None:
    with pytest.raises(LakeError, match="it is a directory; name a file"):
        getattr(lake, method)(str(tmp_path))


def test_writing_below_a_file(lake, at) -> None:
    lake.write(at("x"), b"1")
    for call in (lambda: lake.write(at("x/y"), b"2"), lambda: lake.create(at("x/y"), b"2")):
        with pytest.raises(LakeError, match="cannot write it"):
            call()
    assert lake.read(at("x")) == b"1"


# --- what storage's failures are told as -------------------------------------------------------


def answer(status: int, code: str) -> boto.ClientError:
    """An S3 server's answer as botocore raises it."""
    response = {
        "Error": {"Code": code, "Message": SERVER_TEXT},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "ZQX7"},
    }
    return boto.ClientError(response, "PutObject")


def told(error: BaseException) -> EspejoError:
    """What an exception of storage is turned into."""
    with pytest.raises(EspejoError) as caught, told_clearly(URI, "write it"):
        raise error
    assert URI in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert SERVER_TEXT not in shown
    assert "ZQX7" not in shown
    return caught.value


ANSWERS = [
    # status, code, whether to try again, words
    (400, "InvalidRequest", False, "the server answered 400"),
    (401, "Unauthorized", False, "refused; check this connection's credentials and rights"),
    (403, "AccessDenied", False, "refused; check this connection's credentials and rights"),
    (403, "InvalidAccessKeyId", False, "refused; check this connection's credentials"),
    (403, "SignatureDoesNotMatch", False, "refused; check this connection's credentials"),
    (403, "RequestTimeTooSkewed", True, "this machine's clock and the server's differ; set the"),
    (404, "NoSuchKey", False, "not found; check the path, the bucket and the period"),
    (404, "NoSuchBucket", False, "not found; check the path, the bucket and the period"),
    (429, "TooManyRequests", True, "the server failed (TooManyRequests)"),
    (499, "Whatever", False, "the server answered 499"),
    (500, "InternalError", True, "the server failed (InternalError)"),
    (502, "BadGateway", True, "the server failed (BadGateway)"),
    (503, "SlowDown", True, "the server failed (SlowDown)"),
    (503, "ServiceUnavailable", True, "the server failed (ServiceUnavailable)"),
    (400, "RequestTimeout", True, "the server failed (RequestTimeout)"),
    (400, "RequestLimitExceeded", True, "the server failed (RequestLimitExceeded)"),
    (507, "InsufficientStorage", False, "the storage is full; free space or raise its quota"),
    (507, "XMinioStorageFull", False, "the storage is full; free space or raise its quota"),
    (400, "QuotaExceeded", False, "the storage is full; free space or raise its quota"),
    (403, "QuotaExceeded", False, "the storage is full; free space or raise its quota"),
]


@pytest.mark.parametrize("through_s3fs", [False, True], ids=["botocore", "s3fs"])
@pytest.mark.parametrize(("status", "code", "retryable", "words"), ANSWERS)
def test_a_servers_answer_is_told_clearly(status, code, retryable, words, through_s3fs) -> None:
    error = answer(status, code)
    found = told(translate_boto_error(error) if through_s3fs else error)
    assert isinstance(found, LakeError)
    assert f"{URI}: cannot write it: {words}" in str(found)
    assert found.retryable is retryable


@pytest.mark.parametrize("through_s3fs", [False, True], ids=["botocore", "s3fs"])
@pytest.mark.parametrize(
    ("hours", "words"), [(24, "clock"), (-24, "clock"), (0, "credentials"), (None, "credentials")]
)
def test_a_clock_that_is_wrong_is_told_though_the_answer_has_no_code(
    hours: int | None, words: str, through_s3fs: bool
) -> None:
    """As that to a HEAD: only its date says that the server's time is another."""
    error = answer(403, "403")
    if hours is not None:
        dated = datetime.now(UTC) + timedelta(hours=hours)
        error.response["ResponseMetadata"]["HTTPHeaders"] = {"date": format_datetime(dated)}
    found = told(translate_boto_error(error) if through_s3fs else error)
    assert words in str(found)


@pytest.mark.parametrize("through_s3fs", [False, True], ids=["botocore", "s3fs"])
@pytest.mark.parametrize(
    ("status", "code"), [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict")]
)
def test_a_lost_conditional_write_is_told_apart(status, code, through_s3fs) -> None:
    error = answer(status, code)
    found = told(translate_boto_error(error) if through_s3fs else error)
    assert isinstance(found, PreconditionError)
    assert not found.retryable
    assert "another process changed or created it" in str(found)


@pytest.mark.parametrize(
    "error",
    [
        boto.EndpointConnectionError(endpoint_url="http://ZQX7", error=SERVER_TEXT),
        boto.ConnectTimeoutError(endpoint_url="http://ZQX7"),
        boto.ReadTimeoutError(endpoint_url="http://ZQX7"),
        boto.ConnectionClosedError(endpoint_url="http://ZQX7"),
        ConnectionResetError(SERVER_TEXT),
        ConnectionRefusedError(SERVER_TEXT),
        BrokenPipeError(SERVER_TEXT),
        TimeoutError(SERVER_TEXT),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_lost_connection_may_be_tried_again(error: Exception) -> None:
    found = told(error)
    assert isinstance(found, LakeError)
    assert found.retryable
    assert "no answer; check the endpoint's address and that the server is up" in str(found)


@pytest.mark.parametrize(
    "error",
    [
        boto.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        IncompleteRead(SERVER_TEXT.encode()),
        ClientPayloadError(SERVER_TEXT),
        ServerDisconnectedError(SERVER_TEXT),
        ResponseParserError(SERVER_TEXT),
    ],
    ids=lambda error: type(error).__name__,
)
def test_half_an_answer_may_be_tried_again(error: Exception) -> None:
    assert told(error).retryable


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (boto.NoCredentialsError(), "no credentials; give the connection a login and password"),
        (OSError(errno.ENOSPC, SERVER_TEXT), "the storage is full"),
        (OSError(errno.EDQUOT, SERVER_TEXT), "the storage is full"),
        (PermissionError(errno.EACCES, SERVER_TEXT), "refused; check this connection's"),
        (FileNotFoundError(errno.ENOENT, SERVER_TEXT), "not found; check the path"),
        (ValueError(SERVER_TEXT), "cannot write it: ValueError"),
        (OSError(errno.EIO, SERVER_TEXT), "cannot write it: OSError"),
    ],
    ids=lambda part: type(part).__name__ if isinstance(part, Exception) else "",
)
def test_other_failures_are_not_tried_again(error: Exception, words: str) -> None:
    found = told(error)
    assert words in str(found)
    assert not found.retryable


def test_the_librarys_own_errors_pass_through() -> None:
    own = InputError(URI, ["rule rows: none"])
    with pytest.raises(InputError) as caught, told_clearly(URI, "read it"):
        raise own
    assert caught.value is own


def test_a_stopped_process_is_not_told_as_a_failure() -> None:
    with pytest.raises(KeyboardInterrupt), told_clearly(URI, "read it"):
        raise KeyboardInterrupt


# --- S3 without a server -----------------------------------------------------------------------


class _Answers:
    """Stands for s3fs: every call raises the same exception."""

    def __init__(self, error: Exception):
        self._error = error

    def split_path(self, uri: str) -> tuple[str, str, None]:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return bucket, key, None

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*_: object, **__: object) -> None:
            raise self._error

        return call


def s3_lake(error: Exception) -> S3Lake:
    lake = S3Lake.__new__(S3Lake)
    lake._fs = _Answers(error)
    return lake


CALLS = {
    "open": lambda lake: lake.open(URI),
    "read": lambda lake: lake.read(URI),
    "read_tagged": lambda lake: lake.read_tagged(URI),
    "write": lambda lake: lake.write(URI, b"x"),
    "create": lambda lake: lake.create(URI, b"x"),
    "replace": lambda lake: lake.replace(URI, b"x", "tag"),
    "exists": lambda lake: lake.exists(URI),
    "list": lambda lake: lake.list(URI),
    "delete_tree": lambda lake: lake.delete_tree(URI),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (503, "SlowDown")])
def test_every_call_tells_its_failure(call, status, code, assert_no_canary) -> None:
    with pytest.raises(LakeError, match="espejo-public/parks/latest") as caught:
        call(s3_lake(translate_boto_error(answer(status, code))))
    assert caught.value.retryable is (status == 503)
    assert_no_canary(caught.value)


def test_what_is_not_there_is_no_failure_where_it_is_asked_for() -> None:
    lake = s3_lake(translate_boto_error(answer(404, "NoSuchKey")))
    assert lake.read_tagged(URI) is None
    assert lake.exists(URI) is False
    assert lake.list(URI) == []
    lake.delete_tree(URI)
    with pytest.raises(LakeError, match="not found"):
        lake.read(URI)


def test_a_conditional_write_that_lost() -> None:
    lake = s3_lake(translate_boto_error(answer(412, "PreconditionFailed")))
    assert lake.create(URI, b"x") is False
    with pytest.raises(PreconditionError):
        lake.replace(URI, b"x", "tag")
    refused = s3_lake(translate_boto_error(answer(403, "AccessDenied")))
    with pytest.raises(LakeError):
        refused.create(URI, b"x")


@pytest.mark.parametrize(
    "error",
    [
        *(answer(403, "AccessDenied"), answer(404, "NoSuchBucket"), answer(503, "SlowDown")),
        *(ConnectionRefusedError(SERVER_TEXT), OSError(errno.ENOSPC, SERVER_TEXT)),
    ],
    ids=["refused", "not there", "failing", "unreachable", "full"],
)
def test_a_lake_that_cannot_be_used_is_told_as_bad_input(error: Exception) -> None:
    assert told(error).exit_code == 2


# --- servers that refuse checksums -------------------------------------------------------------


def test_no_request_carries_the_checksums_that_many_servers_refuse() -> None:
    asked: list[list[str]] = []

    class Refusing(BaseHTTPRequestHandler):
        """Answers 501 to botocore's own checksums, as several S3 servers do."""

        protocol_version = "HTTP/1.1"  # in which a server says that the body may come

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            names = [name.lower() for name in self.headers]
            asked.append(names)
            refused = any("checksum" in name or name == "x-amz-trailer" for name in names)
            self.send_response(501 if refused else 200)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        options = {"key": "k", "secret": "s", "endpoint_url": address}
        lake = open_lake("s3://bucket/x", options)
        lake.write("s3://bucket/x", b"content")
        assert lake.create("s3://bucket/y", b"content")
        lake.replace("s3://bucket/y", b"content", '"1"')
    finally:
        server.shutdown()
        server.server_close()
    assert len(asked) == 3
