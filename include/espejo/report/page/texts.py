"""What gates, scores and statistics are called to readers, in both languages."""

from __future__ import annotations

from include.espejo.language import Label, text

# Of the audit, by the gate's name before a colon: its name, and the attacker's question.
GATES = {
    "rules": (
        text("Rules and code lists"),
        text("Does every row keep the relations that the survey declares?"),
    ),
    "floor": (
        text("People behind each place"),
        text("Does each released place stand on enough people and households?"),
    ),
    "floor_codes": (
        text("People behind each code"),
        text("Does each released code stand on enough people and households?"),
    ),
    "identical": (
        text("Identical rows"),
        text("Does a row come out as it is?"),
    ),
    "identical_quasi": (
        text("Identical in what may be known"),
        text("Does a row come out as it is, seen by what others may know?"),
    ),
    "near_identical": (
        text("Nearly identical rows"),
        text("Does a row come out with small changes?"),
    ),
    "near_identical_households": (
        text("Nearly identical households"),
        text("Does a whole household come out with small changes?"),
    ),
    "isolated_matched": (
        text("Copies of isolated rows"),
        text("Do people come out who are like nobody else?"),
    ),
    "rare_numbers": (
        text("Rare numbers repeated"),
        text("Does a number come out that very few people have?"),
    ),
    "closest_record": (
        text("Distance to closest record"),
        text("Are synthetic rows nearer to those learnt than to others?"),
    ),
    "unique_matches": (
        text("Unique exact matches"),
        text("Does a row come out that one person alone has?"),
    ),
    "replicated_uniques": (
        text("Replicated uniques (repU)"),
        text("Does a known combination come out that one person alone has?"),
    ),
    "disclosive": (
        text("Attributes disclosed (DiSCO)"),
        text("Do all rows with somebody's keys tell one value, and the right one?"),
    ),
    "attribute_inference": (
        text("Attribute inference"),
        text("Can a sensitive value be guessed from what others know?"),
    ),
    "membership": (
        text("Membership inference"),
        text("Can one tell who was among the people learnt from?"),
    ),
    "membership_outliers": (
        text("Membership of isolated rows"),
        text("Can one tell of people who are like nobody else?"),
    ),
    "attempts": (
        text("Limit of attempts"),
        text("Is it one of the first attempts of the period?"),
    ),
}

STATISTICS = {
    "share": text("Share"),
    "mean": text("Mean"),
    "median": text("Median"),
    "first_quartile": text("First quartile"),
    "third_quartile": text("Third quartile"),
}

MEASURES = {
    "cramers_v": text("Cramér's V"),
    "correlation_ratio": text("Correlation ratio"),
    "spearman": text("Spearman's correlation"),
}

LEARNING = {
    "auc": text("AUC"),
    "macro_f1": text("Macro F1"),
    "balanced_accuracy": text("Balanced accuracy"),
    "log_loss": text("Log loss (less is better)"),
}

ROLES = {
    "quasi": text("may be known of a person"),
    "sensitive": text("sensitive"),
    "free": text("free"),
}

PROVENANCE = {
    "survey": text("Survey"),
    "period": text("Period"),
    "release": text("Release"),
    "rows": text("Synthetic rows"),
    "created": text("Created"),
    "engine": text("Synthesis engine"),
    "epochs": text("Epochs"),
    "batch_size": text("Batch size"),
    "calibrated": text("Calibrated to the margins"),
    "spec_sha256": text("SHA-256 of the spec"),
    "code_version": text("Code version"),
}


def gate_text(name: str) -> tuple[Label, Label]:
    """A gate's name and question; an unknown gate is called as it is."""
    unknown = Label.same(name)
    return GATES.get(base_of(name), (unknown, Label.same("–")))


def base_of(name: str) -> str:
    """A gate's name without the columns and the periods that it is of."""
    return name.partition(":")[0].removesuffix("_across_periods")


def gate_subject(name: str) -> str:
    """What of a gate's name follows its base, such as a key set and a column."""
    return name.partition(":")[2].removesuffix("_across_periods")


USES = {  # what a table may be fit for, shorter than on the page
    "structure": text("structure and programs"),
    "columns": text("one column"),
    "pairs": text("two columns"),
    "several_columns": text("three columns or more"),
    "places": text("one place"),
    "groups": text("group figures"),
    "indicators": text("indicators"),
    "models": text("models"),
}
