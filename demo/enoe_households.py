"""The households of the demo survey: who lives together, and in which block and dwelling.

State, municipality and city codes are public catalogue facts; which localities and blocks exist,
how large they are and who lives there is drawn.
"""

import numpy as np
import pandas as pd

# (ENT, MUN, city code of its localities of 100,000 people or more, T_LOC of its seat).
# Miahuatlan has no such locality, so its city code is never used. A few places with many people
# each, as in the real survey: where a place has some forty, how many of them were trained on shows.
MUNICIPALITIES = (
    ("09", "007", "01", 1),  # Iztapalapa
    ("15", "033", "01", 1),  # Ecatepec
    ("14", "039", "02", 1),  # Guadalajara
    ("09", "005", "01", 1),  # Gustavo A. Madero
    ("19", "039", "03", 1),  # Monterrey
    ("20", "059", "", 2),  # Miahuatlan de Porfirio Diaz
)
COMPLEMENT_CITY = {2: "82", 3: "83", 4: "86"}
BLOCKS_PER_PERSON = 0.024  # a block holds some 42 people on average
LARGEST_BLOCK_CODE = 999
URBAN_DWELLINGS_PER_UNIT = 5
RURAL_DWELLINGS_PER_UNIT = 20
SHARED_DWELLING_RATE = 0.004
VISITS = 5  # a dwelling stays five quarters in the panel


def build_frame(people: int, random: np.random.Generator) -> pd.DataFrame:
    """The blocks of the frame, one row a block: ENT, MUN, LOC, MAN, T_LOC, CD_A and `share`.

    `share` is the block's part of all dwellings and sums to 1. `people` sets only the number of
    blocks: the same generator state always gives the same localities.
    """
    localities = draw_localities(random)
    shares = localities["share"].to_numpy()
    # A power below one gives large localities more people a block, and small ones some block.
    relative_blocks = shares**0.6 / (shares**0.6).sum()
    blocks = np.rint(people * BLOCKS_PER_PERSON * relative_blocks).astype(np.int64)
    blocks = np.clip(blocks, 1, LARGEST_BLOCK_CODE)
    frame = localities.loc[localities.index.repeat(blocks)].reset_index(drop=True)
    rank = np.concatenate([np.arange(1, count + 1) for count in blocks])
    frame["MAN"] = [f"{code:03d}" for code in rank]
    sizes = np.concatenate([zipf_shares(count, 1.1) for count in blocks])
    frame["share"] = frame["share"] * sizes
    return frame


def draw_localities(random: np.random.Generator) -> pd.DataFrame:
    """Some 15 localities, one row each: ENT, MUN, LOC, T_LOC (integer), CD_A and `share`."""
    rows = []
    municipality_shares = zipf_shares(len(MUNICIPALITIES), 0.7)
    for (state, municipality, city, seat_size), share in zip(
        MUNICIPALITIES, municipality_shares, strict=True
    ):
        others = int(random.integers(1, 3, endpoint=True)) - int(random.random() < 0.5)
        # The seat is always locality 0001 and no other locality is larger than it.
        codes = [1, *np.sort(random.choice(np.arange(2, 500), size=others, replace=False))]
        sizes = [seat_size, *np.sort(random.integers(2, 4, size=others, endpoint=True))]
        for code, size, part in zip(codes, sizes, zipf_shares(len(codes), 1.3), strict=True):
            rows.append(
                {
                    "ENT": state,
                    "MUN": municipality,
                    "LOC": f"{code:04d}",
                    "T_LOC": int(size),
                    "CD_A": city if size == 1 else COMPLEMENT_CITY[int(size)],
                    "share": share * part,
                }
            )
    return pd.DataFrame(rows)


def zipf_shares(count: int, exponent: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    weights = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    return np.asarray(weights / weights.sum())


def place_households(
    households: int, frame: pd.DataFrame, random: np.random.Generator
) -> pd.DataFrame:
    """One row a household, in the order of the frame: its place, key, visit, result and weight.

    Columns: those of `frame` but `share`, CON, UPM, V_SEL, N_ENT, FAC, N_HOG, H_MUD, R_DEF. Rows
    are indexed 0 to households - 1, and CD_A, ENT, CON, V_SEL, N_HOG, H_MUD are unique.
    """
    opens_dwelling = random.random(households) >= SHARED_DWELLING_RATE
    opens_dwelling[0] = True
    dwelling = np.cumsum(opens_dwelling) - 1
    dwellings = place_dwellings(int(opens_dwelling.sum()), frame, random)
    placed = dwellings.loc[dwelling].reset_index(drop=True)
    placed["N_HOG"] = placed.groupby(dwelling).cumcount() + 1
    placed["H_MUD"] = random.choice(5, size=households, p=[0.97, 0.027, 0.002, 0.0007, 0.0003])
    placed["R_DEF"] = np.where(random.random(households) < 0.001, "15", "00")
    return placed


def place_dwellings(
    dwellings: int, frame: pd.DataFrame, random: np.random.Generator
) -> pd.DataFrame:
    """One row a dwelling: its block, sampling unit (CON, UPM), V_SEL, visit N_ENT, weight FAC."""
    shares = frame["share"].to_numpy()
    block = np.sort(random.choice(len(frame), size=dwellings, p=shares / shares.sum()))
    placed = frame.drop(columns="share").loc[block].reset_index(drop=True)
    rank = placed.groupby(block).cumcount()
    per_unit = np.where(placed["T_LOC"] == 4, RURAL_DWELLINGS_PER_UNIT, URBAN_DWELLINGS_PER_UNIT)
    placed["V_SEL"] = rank % per_unit + 1
    # Each unit opens with dwelling 1, so counting those numbers the units within the state.
    opens_unit = placed["V_SEL"] == 1
    unit = opens_unit.groupby(placed["ENT"]).cumsum()
    placed["CON"] = 40000 + unit
    # 37 has no factor in common with 100,000: scrambled codes, still one a unit.
    placed["UPM"] = placed["ENT"] + (unit * 37 % 100_000).astype(str).str.zfill(5)
    # The panel rotates by whole units, and a unit's dwellings were drawn with one probability.
    placed["N_ENT"] = unit % VISITS + 1
    factor = random.lognormal(np.log(880), 0.35, size=int(opens_unit.sum()))
    factor_of_unit = np.clip(np.rint(factor), 50, 6000).astype(np.int64)
    placed["FAC"] = factor_of_unit[opens_unit.cumsum() - 1]
    return placed


def keep_households(members: pd.DataFrame, people: int) -> pd.DataFrame:
    """The first whole households that together hold at least `people` members."""
    last_household = members["household"].iloc[people - 1]
    kept: pd.DataFrame = members[members["household"] <= last_household]
    return kept


def draw_members(households: int, random: np.random.Generator) -> pd.DataFrame:
    """Members in household order: household, N_REN (1 is the head), SEX, age (years completed)."""
    heads, spouses = draw_couples(households, random)
    children = draw_children(heads, spouses, random)
    relatives = draw_relatives(heads, random)
    members = pd.concat([heads, spouses, children, relatives])
    members = members.sort_values("household", kind="stable", ignore_index=True)
    members["N_REN"] = members.groupby("household").cumcount() + 1
    return members


def draw_couples(households: int, random: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One head a household, and the spouses of those heads that have one."""
    age = np.clip(random.normal(48, 15.5, households), 18, 101).astype(np.int64)
    married = random.random(households) < np.where(age < 60, 0.72, 0.55)
    # A lone head is a woman more often than not; a married one seldom.
    sex = 1 + (random.random(households) < np.where(married, 0.14, 0.6)).astype(np.int64)
    heads = pd.DataFrame({"household": np.arange(households), "SEX": sex, "age": age})
    spouses = heads[married].assign(SEX=3 - sex[married])
    gap = np.where(spouses["SEX"] == 2, -3, 3) + random.normal(0, 4, len(spouses))
    spouses["age"] = np.clip(spouses["age"] + gap, 16, 101).astype(np.int64)
    return heads, spouses


def draw_children(
    heads: pd.DataFrame, spouses: pd.DataFrame, random: np.random.Generator
) -> pd.DataFrame:
    """The heads' children still at home, the eldest first."""
    couple = heads.join(spouses.set_index("household")[["SEX", "age"]], rsuffix="_spouse")
    alone = couple["age_spouse"].isna()
    by_wife = (couple["SEX"] == 1) & ~alone
    mother = couple["age"].astype(float).where(~by_wife, couple["age_spouse"]).to_numpy()
    youngest_parent = couple[["age", "age_spouse"]].min(axis=1).to_numpy()
    births = random.poisson(np.where(alone, np.where(couple["SEX"] == 1, 0.5, 2.3), 2.8))
    household = np.repeat(heads["household"].to_numpy(), births)
    mother_at_birth = np.clip(random.normal(26, 5.5, len(household)), 15, 45)
    age = np.floor(mother[household] - mother_at_birth).astype(np.int64)
    stays = random.random(len(household)) < np.exp(-np.maximum(age - 22, 0) / 11)
    # At least 15 years lie between a child and either parent.
    at_home = (age >= 0) & (age <= youngest_parent[household] - 15) & stays
    sex = random.integers(1, 3, len(household))
    children = pd.DataFrame({"household": household, "SEX": sex, "age": age})[at_home]
    eldest_first: pd.DataFrame = children.sort_values(["household", "age"], ascending=[True, False])
    return eldest_first


def draw_relatives(heads: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """A parent of the head in some households, grandchildren in some with an older head."""
    parents = heads[(heads["age"] <= 70) & (random.random(len(heads)) < 0.09)]
    age = np.clip(parents["age"] + random.normal(27, 4, len(parents)), None, 103)
    sex = 1 + (random.random(len(parents)) < 0.7).astype(np.int64)
    parents = parents.assign(SEX=sex, age=age.astype(np.int64))
    grandparent = heads["age"].to_numpy() >= 45
    count = np.where(grandparent, random.poisson(0.32, len(heads)), 0)
    grandchildren = heads.loc[heads.index.repeat(count)]
    # Two generations of 20 years or more, and grown grandchildren live elsewhere.
    age = random.integers(0, np.minimum(grandchildren["age"] - 40, 25), endpoint=True)
    sex = random.integers(1, 3, len(grandchildren))
    return pd.concat([parents, grandchildren.assign(SEX=sex, age=age)])
