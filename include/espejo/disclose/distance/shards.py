"""The shards of a search: runs of rows whose neighbours are searched apart, on any worker."""

from __future__ import annotations

from dataclasses import dataclass

# Each shard grows the trees of all rows anew: many small ones would cost more than they share.
_SHARD_ROWS, _MOST_SHARDS = 1_000_000, 8


@dataclass(frozen=True)
class Shard:
    """The `number`th, from 1, of `count` runs of rows."""

    number: int = 1
    count: int = 1

    @classmethod
    def named(cls, name: str) -> Shard:
        number, _, count = name.partition("-of-")
        return cls(int(number), int(count))

    @property
    def name(self) -> str:
        return f"{self.number}-of-{self.count}"

    def of(self, rows: int) -> slice:
        """Its rows, of so many."""
        return slice(*(rows * end // self.count for end in (self.number - 1, self.number)))


def shards_of(rows: int) -> list[Shard]:
    """The shards of a search among so many real rows."""
    count = max(min(-(-rows // _SHARD_ROWS), _MOST_SHARDS), 1)
    return [Shard(number, count) for number in range(1, count + 1)]
