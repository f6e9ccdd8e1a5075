"""The ledger of a survey, in the restricted area: what releases and households have been through.

It survives reruns. Attempts at the gate are counted, so that trying until it passes cannot turn
the gate into an oracle (Ganev and De Cristofaro 2023, arXiv 2312.05114). Households are told by a
keyed hash of their panel key, since one of them answers in several quarters; so are those that
withdrew from the survey, whom no later training may see. A ledger that cannot be read or written,
or of which a part is gone, ends the run: nothing passes by it.
"""

from __future__ import annotations

import io
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from include.espejo.errors import GateError, LakeError
from include.espejo.lake import Document, Lake, Stored, change_object, join
from include.espejo.lake.failures import PreconditionError
from include.espejo.lake.keys import Workspace, ledger_place, workspace
from include.espejo.parameters import given_reason, named_in
from include.espejo.releases.documents import read_as
from include.espejo.survey import Period

if TYPE_CHECKING:
    import numpy as np

_SALT_BYTES = 32
_TRIES = 5


class Attempt(Document):
    """A release that came to the gate; `override`: the reason that took it past the limit;
    `forgotten`: how many households the list of those that withdrew had by then."""

    release: str
    override: str | None
    forgotten: int = 0


class Attempts(Document):
    """Those of a period, the first one first."""

    attempts: tuple[Attempt, ...]


class Forgotten(Document):
    """The households that withdrew: their hashes, 16 hexadecimal digits each, in order."""

    households: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")], ...]


class Learnt(Document):
    """A release, and how many of the households that were asked about it learnt from."""

    period: str
    release: str
    households: int


@dataclass(frozen=True)
class Ledger:
    """A survey's ledger, as the identity of the restricted area sees it."""

    lake: Lake
    restricted: str
    survey: str

    @property
    def root(self) -> str:
        return ledger_place(self.restricted, self.survey)

    def salt(self) -> bytes:
        """The survey's secret: made once, and the same in every quarter."""
        uri = join(self.root, "salt")
        # Entries first: another run that makes the salt meanwhile enters something only then.
        entries = [
            *self._entries("attempts", "*.json"),
            *self._entries("households", "*.parquet"),
            *self.lake.list(self._forgotten_list),
        ]
        if entries and not self.lake.exists(uri):
            raise _damaged(uri, f"it is missing, and there are {len(entries)} entries under it")
        self.lake.create(uri, secrets.token_bytes(_SALT_BYTES))
        salt = self.lake.read(uri)
        if len(salt) != _SALT_BYTES:
            raise _damaged(uri, "it is not a salt")
        return salt

    def attempt(self, period: Period, release: str, limit: int, override: str | None) -> int:
        """Count a release that comes to the gate; the same one again is the same attempt.

        Gives its number. Raises GateError beyond `limit`, unless `override` is the reason why: it
        must name `attempts`, since one that is given for a gate says nothing of another try.
        """
        forgotten = len(self.forgotten())
        reason = None if override is None else given_reason(override)
        uri = self._attempts_of(period)
        for _ in range(_TRIES):
            stored = self._stored_attempts(period)
            attempts = () if stored is None else _attempts(stored.content, uri)
            names = [attempt.release for attempt in attempts]
            if release in names:
                return names.index(release) + 1
            if len(attempts) >= limit and "attempts" not in named_in(reason or ""):
                raise GateError(
                    f"gate attempts: {limit} releases of {period} have been tried, and the spec "
                    "allows no more; find out why they failed, and give an override reason that "
                    "names `attempts`"
                )
            attempt = Attempt(release=release, override=reason, forgotten=forgotten)
            attempts = (*attempts, attempt)
            content = Attempts(attempts=attempts).to_json()
            if self._write(uri, content, None if stored is None else stored.tag):
                return len(attempts)
        raise LakeError(f"{uri}: other processes keep writing it; try again later", retryable=True)

    def attempts(self, period: Period) -> int:
        """How many releases of a period have come to the gate."""
        stored = self._stored_attempts(period)
        return 0 if stored is None else len(_attempts(stored.content, self._attempts_of(period)))

    def reason_beyond(self, period: Period, release: str, limit: int) -> str | None:
        """The reason that took a release past the limit of attempts; None for one within it.

        Raises GateError for a release that was never counted.
        """
        uri, stored = self._attempts_of(period), self._stored_attempts(period)
        attempts = () if stored is None else _attempts(stored.content, uri)
        for number, attempt in enumerate(attempts):
            if attempt.release == release:
                return attempt.override if number >= limit else None
        raise GateError(
            f"gate attempts: release {release} of {period} has not reached the gates; run the task "
            "disclose first, with the survey's ledger"
        )

    def _stored_attempts(self, period: Period) -> Stored | None:
        """The file of a period's attempts. Raises GateError where it is gone.

        A release is counted before its households are entered; so they are listed first.
        """
        entered = self._entries("households", f"{period}.*.parquet")
        uri = self._attempts_of(period)
        stored = self.lake.read_tagged(uri)
        if stored is None and entered:
            raise _damaged(uri, f"it is missing, and {len(entered)} releases are entered after it")
        return stored

    def _entries(self, kind: str, pattern: str) -> list[str]:
        return self.lake.list(join(self.root, kind, pattern))

    def _attempts_of(self, period: Period) -> str:
        return join(self.root, "attempts", f"{period}.json")

    def _write(self, uri: str, content: bytes, tag: str | None) -> bool:
        """Write unless another process has written since."""
        try:
            if tag is None:
                return self.lake.create(uri, content)
            self.lake.replace(uri, content, tag)
        except PreconditionError:
            return False
        return True

    def enter(self, period: Period, release: str, households: np.ndarray) -> None:
        """Record the households that a release learnt from. `households`: hashes, uint64."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = io.BytesIO()
        pq.write_table(pa.table({"household": np.unique(households)}), sink)
        self.lake.write(
            join(self.root, "households", f"{period}.{release}.parquet"), sink.getvalue()
        )

    def has_entered(self, period: Period, release: str) -> bool:
        """Whether a release has come to the point of being published."""
        return self.lake.exists(join(self.root, "households", f"{period}.{release}.parquet"))

    def published(self) -> set[tuple[str, str]]:
        """Period and name of every release that has come to the point of being published."""
        return {_period_and_release(uri) for uri in self._entries("households", "*.parquet")}

    def earlier(self, period: Period, periods: int) -> list[tuple[Period, Workspace]]:
        """Where the releases of the periods before this one were made, `periods` with it."""
        found = []
        for written, release in sorted(self.published()):
            then = Period.parse(written)
            if then.kind == period.kind and 0 < period.since(then) < periods:
                found.append((then, workspace(self.restricted, self.survey, written, release)))
        return found

    def forget(self, households: np.ndarray) -> int:
        """Take households out of all later trainings; how many were not on the list before.

        `households`: hashes, uint64.
        """
        before = len(self.forgotten())  # a list that lost some is not written on
        told = {f"{number:016x}" for number in households.tolist()}

        def longer(content: bytes | None) -> bytes:
            known = set() if content is None else set(_forgotten(content, self._forgotten_list))
            return Forgotten(households=tuple(sorted(known | told))).to_json()

        change_object(self.lake, self._forgotten_list, longer)
        return len(self.forgotten()) - before

    def forgotten(self) -> np.ndarray:
        """The households that withdrew: hashes, uint64, in order. Raises GateError where the list
        is shorter than it was when a release came to the gates."""
        import numpy as np

        uri = self._forgotten_list
        stored = self.lake.read_tagged(uri)
        told = () if stored is None else _forgotten(stored.content, uri)
        most = max((one.forgotten for one in self._all_attempts()), default=0)
        if len(told) < most:
            raise _damaged(uri, f"it names {len(told)} households, and there were {most}")
        return np.array([int(digits, 16) for digits in told], dtype=np.uint64)

    def learnt_from(self, households: np.ndarray) -> tuple[Learnt, ...]:
        """The published releases that learnt from any of these households, and from how many.

        `households`: hashes, uint64.
        """
        import numpy as np
        import pyarrow.parquet as pq

        found = []
        for uri in self._entries("households", "*.parquet"):
            period, release = _period_and_release(uri)
            table = pq.read_table(io.BytesIO(self.lake.read(uri)))
            count = len(np.intersect1d(table["household"].to_numpy(), households))
            if count:
                found.append(Learnt(period=period, release=release, households=count))
        return tuple(found)

    def _all_attempts(self) -> list[Attempt]:
        uris = self._entries("attempts", "*.json")
        return [one for uri in uris for one in _attempts(self.lake.read(uri), uri)]

    @property
    def _forgotten_list(self) -> str:
        return join(self.root, "forgotten.json")


def _period_and_release(entry: str) -> tuple[str, str]:
    """Of a file of `households/`."""
    period, _, release = entry.rpartition("/")[2].removesuffix(".parquet").partition(".")
    return period, release


def _forgotten(content: bytes, uri: str) -> tuple[str, ...]:
    read = read_as(Forgotten, content)
    if read is None:
        raise _damaged(uri, "it is not what was written")
    return read.households


def _attempts(content: bytes, uri: str) -> tuple[Attempt, ...]:
    read = read_as(Attempts, content)
    if read is None:
        raise _damaged(uri, "it is not what was written")
    return read.attempts


def _damaged(uri: str, how: str) -> GateError:
    return GateError(f"{uri}: {how}; restore the ledger from the bucket's versions or a copy")
