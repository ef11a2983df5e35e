"""Write docs/openapi.json from the table of routes: `python -m tests.write_openapi`."""

import json

from allhours.aws.desk_api.openapi import document
from tests.templates import ROOT

PATH = ROOT / "docs" / "openapi.json"


def text() -> str:
    """Return the document as it is kept: a field a line, so that a change shows in a review."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), "utf-8")
