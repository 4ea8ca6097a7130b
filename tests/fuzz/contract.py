"""The description as a judge: which operation a request means, what its answer may be."""

import json
import re
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from tests.fuzz.wire import Answer

Validator = jsonschema_rs.Draft202012Validator


@dataclass(frozen=True)
class Operation:
    """One operation of the description; its validators by status and media type."""

    name: str
    method: str
    template: str
    answers: dict[int, dict[str, Validator | None]]


class Contract:
    """What ``/openapi.json`` promises."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._components = document["components"]
        self.operations = [
            self._operation(template, method, description)
            for template, methods in document["paths"].items()
            for method, description in methods.items()
        ]
        self._paths = [
            (re.compile("^" + re.sub(r"{\w+}", "[^/]+", operation.template) + "$"), operation)
            for operation in self.operations
        ]

    def at(self, path: str) -> list[Operation]:
        """The operations of a path."""
        return [operation for pattern, operation in self._paths if pattern.match(path)]

    def find(self, method: bytes, path: str) -> Operation | None:
        """What a request asks for. HEAD asks what GET would say; case makes no difference."""
        wanted = method.decode("latin1").upper()
        wanted = "GET" if wanted == "HEAD" else wanted
        return next((found for found in self.at(path) if found.method == wanted), None)

    def faults(self, operation: Operation, answer: Answer) -> list[str]:
        """How an answer with a body breaks what was promised of it."""
        known = operation.answers.get(answer.status)
        if known is None:
            return [f"{operation.name} does not promise a {answer.status}"]
        if not known:
            return ["a body where none is described"] if answer.body else []
        if answer.media not in known:
            return [f"{operation.name} promises no {answer.media!r} with a {answer.status}"]
        validator = known[answer.media]
        if validator is None or not answer.media.endswith("json"):
            return []
        try:
            value = json.loads(answer.body)
        except ValueError:
            return ["the body is not JSON"]
        return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]

    def _operation(self, template: str, method: str, description: dict[str, Any]) -> Operation:
        name = description.get("operationId", template)
        answers = {
            int(status): {
                media: self._validator(content.get("schema"))
                for media, content in answer.get("content", {}).items()
            }
            for status, answer in description["responses"].items()
        }
        return Operation(name, method.upper(), template, answers)

    def _validator(self, schema: dict[str, Any] | None) -> Validator | None:
        if schema is None:
            return None
        return Validator({**schema, "components": self._components})
