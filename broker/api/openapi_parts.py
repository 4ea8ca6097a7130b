"""What the parts of the description are made of."""

from typing import Any

from broker.api.options import DESCRIBED, header_of

Schema = dict[str, Any]

REQUEST_ID = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
CURSOR: Schema = {"minimum": 0, "maximum": 10**15 - 1}


def parameter(
    name: str, place: str, kind: str, text: str, *, required: bool = False, **limits: Any
) -> Schema:
    """A parameter of an operation."""
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": text,
        "schema": {"type": kind, **limits},
    }


def answer(text: str, schema: str | None = None, media: str = "application/json") -> Schema:
    """An answer, with a body of this schema."""
    found: Schema = {"description": text}
    if schema is not None:
        found["content"] = {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return found


def body(schema: str) -> Schema:
    """A request's body."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"required": True, "content": content}


LAST = parameter(
    "Last-Event-ID", "header", "integer", "The cursor: go on after this event.", **CURSOR
)
KEY = parameter(
    "Idempotency-Key", "header", "string", "The request id; else one is made.", pattern=REQUEST_ID
)
# A list is given in a header as a comma list.
NARROWING = [
    {
        "name": header_of(name),
        "in": "header",
        "required": False,
        "description": text,
        "schema": {"type": "string"} if schema.get("type") == "array" else schema,
    }
    for name, (schema, text) in DESCRIBED.items()
]
