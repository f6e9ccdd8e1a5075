"""What gates, scores and statistics are called to readers, in both languages."""

from __future__ import annotations

from include.espejo.survey.column import Label

# Of the audit, by the gate's name before a colon: its name, and the attacker's question.
GATES = {
    "rules": (
        Label(es="Reglas y listas de códigos", en="Rules and code lists"),
        Label(
            es="¿Cumple cada fila las relaciones que la encuesta declara?",
            en="Does every row keep the relations that the survey declares?",
        ),
    ),
    "floor": (
        Label(es="Personas detrás de cada lugar", en="People behind each place"),
        Label(
            es="¿Se apoya cada lugar publicado en bastantes personas y hogares?",
            en="Does each released place stand on enough people and households?",
        ),
    ),
    "floor_codes": (
        Label(es="Personas detrás de cada código", en="People behind each code"),
        Label(
            es="¿Se apoya cada código publicado en bastantes personas y hogares?",
            en="Does each released code stand on enough people and households?",
        ),
    ),
    "identical": (
        Label(es="Filas idénticas", en="Identical rows"),
        Label(es="¿Sale una fila tal como es?", en="Does a row come out as it is?"),
    ),
    "identical_quasi": (
        Label(es="Filas idénticas en lo que puede saberse", en="Identical in what may be known"),
        Label(
            es="¿Sale una fila tal como es, vista solo por lo que otros pueden saber?",
            en="Does a row come out as it is, seen by what others may know?",
        ),
    ),
    "near_identical": (
        Label(es="Filas casi idénticas", en="Nearly identical rows"),
        Label(
            es="¿Sale una fila con cambios pequeños?",
            en="Does a row come out with small changes?",
        ),
    ),
    "near_identical_households": (
        Label(es="Hogares casi idénticos", en="Nearly identical households"),
        Label(
            es="¿Sale un hogar completo con cambios pequeños?",
            en="Does a whole household come out with small changes?",
        ),
    ),
    "isolated_matched": (
        Label(es="Copias de filas aisladas", en="Copies of isolated rows"),
        Label(
            es="¿Salen las personas que a nadie se parecen?",
            en="Do people come out who are like nobody else?",
        ),
    ),
    "rare_numbers": (
        Label(es="Números raros repetidos", en="Rare numbers repeated"),
        Label(
            es="¿Sale un número que muy pocas personas tienen?",
            en="Does a number come out that very few people have?",
        ),
    ),
    "closest_record": (
        Label(es="Distancia al registro más cercano", en="Distance to closest record"),
        Label(
            es="¿Están las filas sintéticas más cerca de las aprendidas que de otras?",
            en="Are synthetic rows nearer to those learnt than to others?",
        ),
    ),
    "unique_matches": (
        Label(es="Coincidencias únicas", en="Unique exact matches"),
        Label(
            es="¿Sale una fila que solo una persona tiene?",
            en="Does a row come out that one person alone has?",
        ),
    ),
    "replicated_uniques": (
        Label(es="Únicos replicados (repU)", en="Replicated uniques (repU)"),
        Label(
            es="¿Sale una combinación conocida que solo una persona tiene?",
            en="Does a known combination come out that one person alone has?",
        ),
    ),
    "disclosive": (
        Label(es="Atributos revelados (DiSCO)", en="Attributes disclosed (DiSCO)"),
        Label(
            es="¿Dicen todas las filas con las claves de alguien un mismo valor, y acertado?",
            en="Do all rows with somebody's keys tell one value, and the right one?",
        ),
    ),
    "attribute_inference": (
        Label(es="Inferencia de atributos", en="Attribute inference"),
        Label(
            es="¿Puede adivinarse un dato sensible por lo que otros saben?",
            en="Can a sensitive value be guessed from what others know?",
        ),
    ),
    "membership": (
        Label(es="Inferencia de pertenencia", en="Membership inference"),
        Label(
            es="¿Se nota quién estuvo entre las personas aprendidas?",
            en="Can one tell who was among the people learnt from?",
        ),
    ),
    "membership_outliers": (
        Label(es="Pertenencia de filas aisladas", en="Membership of isolated rows"),
        Label(
            es="¿Se nota en las personas que a nadie se parecen?",
            en="Can one tell of people who are like nobody else?",
        ),
    ),
    "attempts": (
        Label(es="Límite de intentos", en="Limit of attempts"),
        Label(
            es="¿Es uno de los primeros intentos del periodo?",
            en="Is it one of the first attempts of the period?",
        ),
    ),
}

STATISTICS = {
    "share": Label(es="Proporción", en="Share"),
    "mean": Label(es="Media", en="Mean"),
    "median": Label(es="Mediana", en="Median"),
    "first_quartile": Label(es="Primer cuartil", en="First quartile"),
    "third_quartile": Label(es="Tercer cuartil", en="Third quartile"),
}

MEASURES = {
    "cramers_v": Label(es="V de Cramér", en="Cramér's V"),
    "correlation_ratio": Label(es="Razón de correlación", en="Correlation ratio"),
    "spearman": Label(es="Correlación de Spearman", en="Spearman's correlation"),
}

LEARNING = {
    "auc": Label(es="AUC", en="AUC"),
    "macro_f1": Label(es="F1 macro", en="Macro F1"),
    "balanced_accuracy": Label(es="Exactitud balanceada", en="Balanced accuracy"),
    "log_loss": Label(es="Pérdida logarítmica (menos es mejor)", en="Log loss (less is better)"),
}

ROLES = {
    "quasi": Label(es="puede saberse de alguien", en="may be known of a person"),
    "sensitive": Label(es="sensible", en="sensitive"),
    "free": Label(es="libre", en="free"),
}

PROVENANCE = {
    "survey": Label(es="Encuesta", en="Survey"),
    "period": Label(es="Periodo", en="Period"),
    "release": Label(es="Publicación", en="Release"),
    "rows": Label(es="Filas sintéticas", en="Synthetic rows"),
    "created": Label(es="Creada", en="Created"),
    "engine": Label(es="Motor de síntesis", en="Synthesis engine"),
    "epochs": Label(es="Épocas", en="Epochs"),
    "batch_size": Label(es="Tamaño de lote", en="Batch size"),
    "calibrated": Label(es="Calibrada a los márgenes", en="Calibrated to the margins"),
    "spec_sha256": Label(es="SHA-256 de la especificación", en="SHA-256 of the spec"),
    "code_version": Label(es="Versión del código", en="Code version"),
}


def gate_text(name: str) -> tuple[Label, Label]:
    """A gate's name and question; an unknown gate is called as it is."""
    unknown = Label(es=name, en=name)
    return GATES.get(base_of(name), (unknown, Label(es="–", en="–")))


def base_of(name: str) -> str:
    """A gate's name without the columns and the periods that it is of."""
    return name.partition(":")[0].removesuffix("_across_periods")


def gate_subject(name: str) -> str:
    """What of a gate's name follows its base, such as a key set and a column."""
    return name.partition(":")[2].removesuffix("_across_periods")


USES = {  # what a table may be fit for, shorter than on the page
    "structure": Label(es="estructura y programas", en="structure and programs"),
    "columns": Label(es="una columna", en="one column"),
    "pairs": Label(es="dos columnas", en="two columns"),
    "several_columns": Label(es="tres columnas o más", en="three columns or more"),
    "places": Label(es="un lugar", en="one place"),
    "groups": Label(es="cifras por grupo", en="group figures"),
    "indicators": Label(es="indicadores", en="indicators"),
    "models": Label(es="modelos", en="models"),
}
