"""What Airflow's pages say of each DAG."""

from __future__ import annotations

from include.espejo.language import text
from include.espejo.survey import SurveySpec
from include.espejo.survey.period import FORMS


def synthesis_doc(spec: SurveySpec) -> str:
    """Of the DAG that makes releases, in both languages."""
    form = FORMS[spec.period]
    about = text(
        "{every} the DAG waits for the survey's file at `{raw}` and validates it. It removes "
        "values that too few people have, trains, samples, scores, attacks the result, and "
        "publishes the synthetic table with its report at `{public}`.",
        every=text(form.every),
        raw=spec.places.raw,
        public=spec.places.public,
    )
    by_hand = text(
        "To start it by hand, press *Trigger* and give the period, such as `{example}`. A dry run "
        "does everything except publish. A run may be repeated: the same work has the same name. "
        "If a task fails, its log names the column, the rule, the count and the remedy.",
        example=form.example,
    )
    title = spec.title
    return (
        f"### {title.es}\n\n{about.es}\n\n{by_hand.es}\n\n"
        f"### {title.en}\n\n{about.en}\n\n{by_hand.en}\n"
    )


def maintenance_doc(spec: SurveySpec) -> str:
    """Of the DAG that keeps the lake in order, in both languages."""
    keeps = (
        text("It deletes nothing: the spec has no `keep`.")
        if spec.keep is None
        else text(
            "It deletes rows and models that are older than {days} days, but for those that later "
            "releases are held against.",
            days=str(spec.keep.days),
        )
    )
    about = text(
        "Once a week it holds every published file of `{survey}` against its hash, and measures "
        "the space that the survey takes.",
        survey=spec.survey,
    )
    return f"{about.es} {keeps.es}\n\n{about.en} {keeps.en}\n"


def indicators_doc(spec: SurveySpec) -> str:
    """Of the DAG that reads releases as any consumer does, in both languages."""
    about = text(
        "Reads the last release of `{survey}` through `latest.json`, as any consumer does, and "
        "writes the indicators that the spec declares to `{downstream}`.",
        survey=spec.survey,
        downstream=spec.places.downstream,
    )
    return f"{about.es}\n\n{about.en}\n"
