"""What the answer is to be (JSON, JSON of a schema), as a model takes it.

Where it takes no schema, or not this one, that is lost by its name; if that is allowed, the model
is asked for it in words.
"""

from typing import Literal

import msgspec

from broker.dialects.neutral.fitting.closed_schema import NotClosed, closed
from broker.dialects.neutral.losing import lose_setting
from broker.dialects.neutral.request import JsonSchema, Request
from broker.settings.takes import Takes

Output = JsonSchema | Literal["json"] | None


def fitting_output(request: Request, takes: Takes) -> tuple[Output, Output]:
    """What the provider is told of the answer's form, and what the model is to be asked in words.

    Raises:
        Unexpressible: a schema is lost, and nobody collects losses.
    """
    output = request.output
    beside = takes.json_beside_tools is not False or not request.tools
    if output is None:
        return None, None
    if not isinstance(output, JsonSchema):
        return (output, None) if beside else (None, output)
    why = None if beside else "this model can't be held to a schema beside tools"
    if takes.json_schema is False:
        why = "this model can't be held to a schema"
    if why is None and takes.closed_schemas:
        try:
            return msgspec.structs.replace(output, schema=closed(output.schema)), None
        except NotClosed as error:
            why = str(error)
    if why is None:
        return output, None
    lose_setting("output", output.schema, why, "json_schema", "value")
    return None, output
