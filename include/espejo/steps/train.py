"""Step train: an engine learns the protected table."""

from __future__ import annotations

from include.espejo.errors import without_values
from include.espejo.steps.learning import learn_once, learning_of
from include.espejo.steps.pretrain import read_pretrained
from include.espejo.steps.run import Run, Summary


@without_values
def train(run: Run) -> Summary:
    """Fit the engine on the protected table and keep the model.

    The training of a part goes on from what was pretrained of the whole.
    """
    from include.espejo.synthesis.train import fit_model

    return learn_once(
        run,
        run.work,
        lambda store, tell: fit_model(
            learning_of(run),
            run.job.parameters,
            run.seed,
            store,
            tell,
            read_pretrained(run) if run.part else (),
        ),
    )
