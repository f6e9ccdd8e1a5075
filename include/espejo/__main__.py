"""The commands of docs/contract.md, on local paths and s3:// URIs alike.

Standard output ends with one JSON object; everything else goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from include.espejo.errors import EspejoError, GateError
from include.espejo.parameters import bounds_of
from include.espejo.survey.period import FORMS
from include.espejo.survey.source import Format


class _ToStandardError(logging.Handler):
    """Writes to what standard error is when something is told, not when the first command ran."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 2 bad input, 3 gate, 1 anything else."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(handlers=[_ToStandardError()], level=logging.WARNING, format="%(message)s")
    logging.getLogger("include.espejo").setLevel(logging.INFO)
    from include.espejo import commands

    try:
        result = commands.COMMANDS[options.command](options)
    except EspejoError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(result.pop(commands.PRINTED, ""), end="")
    print(json.dumps(result))
    if result.get("passed") is False:
        print(f"error: held back by {', '.join(result['failed'])}", file=sys.stderr)
        return GateError.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    installed = Path(sys.argv[0]).name == "espejo"  # the command of an installed package
    parser = argparse.ArgumentParser(
        prog="espejo" if installed else "python -m include.espejo",
        description="Synthetic mirrors of official surveys.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_draft(commands.add_parser("draft", help="write the spec of a file that has none"))
    validate = commands.add_parser("validate", help="ingest and validate a survey")
    _add_survey(validate, "INPUT")
    validate.add_argument(
        "--suggest",
        metavar="FILE",
        nargs="?",
        const="",
        help="also suggest rules that the spec lacks, printed or in FILE",
    )
    protect = commands.add_parser("protect", help="replace rare values, and hold out households")
    _add_survey(protect, "INPUT", "OUT_DIR")
    protect.add_argument("--holdout-share", type=float, metavar="F")
    protect.add_argument("--seed", type=int, metavar="N")
    audit = commands.add_parser("audit", help="attack a synthetic table; writes nothing")
    _add_survey(audit, "TRAIN", "SYNTHETIC")
    audit.add_argument("--holdout", metavar="FILE", help="the control; without it, no gate passes")
    audit.add_argument("--seed", type=int, metavar="N")
    synthesize = commands.add_parser("synthesize", help="run the whole pipeline without Airflow")
    _add_survey(synthesize, "INPUT", "OUT_DIR")
    _add_settings(synthesize)
    withdraw = commands.add_parser("withdraw", help="withdraw a release from the public place")
    withdraw.add_argument("--survey", required=True)
    withdraw.add_argument("--period", required=True)
    withdraw.add_argument("--release", required=True)
    withdraw.add_argument("--reason", required=True)
    withdraw.add_argument("--public", metavar="PLACE", help="instead of the spec's public place")
    _add_forget(commands.add_parser("forget", help="take households out of later trainings"))
    _add_forget(
        commands.add_parser("learnt-from", help="which releases learnt from households; no writing")
    )
    return parser


def _add_forget(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--survey", required=True, help="a spec's name, or the path of its file")
    parser.add_argument(
        "--households", required=True, metavar="FILE", help="CSV of the panel key's columns"
    )
    parser.add_argument(
        "--restricted", metavar="PLACE", help="instead of the spec's restricted place"
    )


def _add_draft(draft: argparse.ArgumentParser) -> None:
    draft.add_argument("input", metavar="INPUT")
    draft.add_argument("--survey", metavar="NAME", help="its name; the file's without one")
    draft.add_argument("--period", choices=list(FORMS), default="none", help="kind of its periods")
    draft.add_argument("--format", choices=get_args(Format), help="where the name does not tell it")
    draft.add_argument("--layout", metavar="FILE", help="CSV: name, start, and end or width")
    draft.add_argument("--codebook", metavar="FILE", help="CSV: column, label, code, meaning")
    draft.add_argument(
        "--skip", metavar="COLUMN", action="append", default=[], help="leave its value labels out"
    )
    draft.add_argument("--output", metavar="FILE", help="instead of printing it")


def _add_settings(synthesize: argparse.ArgumentParser) -> None:
    """What a run may be asked for, with the bounds that the parameters declare."""
    for name in ("rows", "epochs", "batch_size", "seed"):
        low, high, step = bounds_of(name)
        multiple = f", a multiple of {step}" if step > 1 else ""
        synthesize.add_argument(
            f"--{name.replace('_', '-')}",
            type=int,
            metavar="N",
            help=f"{low:,} to {high:,}{multiple}",
        )
    synthesize.add_argument("--engine", metavar="E")
    synthesize.add_argument(
        "--calibrate",
        action=argparse.BooleanOptionalAction,
        help=(
            "draw rows so that their margins agree with the training table, or as the model "
            "draws them"
        ),
    )
    synthesize.add_argument(
        "--restricted",
        metavar="DIR",
        help="folder for rows, model and exact figures (default: OUT_DIR.restricted)",
    )


def _add_survey(parser: Any, *positional: str) -> None:
    for name in positional:
        parser.add_argument(name.lower(), metavar=name)
    if "INPUT" in positional:
        parser.add_argument(
            "--join", metavar="FILE", help="the table that the spec's `source.join` is of"
        )
    parser.add_argument("--survey", required=True, help="a spec's name, or the path of its file")
    parser.add_argument(
        "--period",
        required=True,
        help="such as 2026T3, 2026M03, 2026 or R7, as the survey's are",
    )


if __name__ == "__main__":
    sys.exit(main())
