"""The compiled organisation, from the layer that was deployed with this function."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from allhours.domain.errors import BadInput
from allhours.domain.organisation import Organisation, organisation_from_json

PACKAGE = "allhours_organisation"


@cache
def organisation() -> Organisation:
    """Return the organisation; `BadInput` says how to make the layer when it is not there."""
    try:
        text = resources.files(PACKAGE).joinpath("organisation.json").read_text("utf-8")
    except (ModuleNotFoundError, FileNotFoundError):
        message = "no compiled organisation is deployed: `sam build` makes its layer (allhours compile)"
        raise BadInput(message) from None
    return organisation_from_json(json.loads(text))
