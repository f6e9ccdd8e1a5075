"""What gates, scores and statistics are called to readers, in both languages."""

from __future__ import annotations

from include.espejo.language import Label, text

# Of the audit, by the gate's name before a colon: its name, and the attacker's question.
GATES = {
    "rules": (
        text("Rules and code lists"),
        text("Does every row satisfy the rules that the survey declares?"),
    ),
    "floor": (
        text("People behind each place"),
        text("Does each published place have enough people and households behind it?"),
    ),
    "floor_codes": (
        text("People behind each code"),
        text("Does each published code have enough people and households behind it?"),
    ),
    "identical": (
        text("Identical rows"),
        text("Does a real row appear unchanged?"),
    ),
    "identical_quasi": (
        text("Identical in known columns"),
        text("Does a real row appear unchanged in the columns that others may know?"),
    ),
    "near_identical": (
        text("Nearly identical rows"),
        text("Does a real row appear with small changes?"),
    ),
    "near_identical_households": (
        text("Nearly identical households"),
        text("Does a whole household appear with small changes?"),
    ),
    "isolated_matched": (
        text("Copies of isolated rows"),
        text("Do people who are like nobody else appear?"),
    ),
    "rare_numbers": (
        text("Rare numbers repeated"),
        text("Does a number that very few people have appear?"),
    ),
    "closest_record": (
        text("Distance to closest record"),
        text("Are synthetic rows closer to the training rows than to other real rows?"),
    ),
    "unique_matches": (
        text("Unique exact matches"),
        text("Does a row that only one person has appear?"),
    ),
    "replicated_uniques": (
        text("Replicated uniques (repU)"),
        text("Does a known combination that only one person has appear?"),
    ),
    "disclosive": (
        text("Attributes disclosed (DiSCO)"),
        text(
            "Do all rows with a person's known values give one sensitive value, and the right one?"
        ),
    ),
    "attribute_inference": (
        text("Attribute inference"),
        text("Can a sensitive value be guessed from what others know?"),
    ),
    "membership": (
        text("Membership inference"),
        text("Can an attacker tell who was in the training table?"),
    ),
    "membership_outliers": (
        text("Membership of isolated rows"),
        text("Can an attacker tell it of people who are like nobody else?"),
    ),
    "attempts": (
        text("Limit of attempts"),
        text("Is it within the number of attempts that the period allows?"),
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
    "log_loss": text("Log loss (lower is better)"),
}

ROLES = {
    "quasi": text("may be known of a person"),
    "sensitive": text("sensitive"),
    "weight": text("not known"),
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

# Why one of SDMetrics' metrics has no score.
NO_SCORE: dict[str, Label] = {
    "no_columns": text("not applicable: the table has no columns of its kind"),
    "not_computable": text("not applicable: SDMetrics cannot compute it on these columns"),
}

# Kinds of columns that hold numbers or moments.
KINDS: dict[str, Label] = {
    "integer": text("integer"),
    "decimal": text("decimal"),
    "date": text("date"),
    "datetime": text("date and time"),
    "time": text("time of day"),
}
