"""The description and the application: neither has a route that the other lacks."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from starlette.routing import Route

from broker.api.app import create_app
from broker.api.core import Core
from broker.api.openapi import describe
from broker.settings import Settings

METHODS = {"get", "post", "put", "patch", "delete"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in describe()["paths"].items():
        for method, operation in methods.items():
            assert method in METHODS
            yield path, method, operation


async def test_every_route_is_described_and_nothing_else() -> None:
    core = Core(Settings(), "test")
    routes = {
        (route.path.replace(":path}", "}"), method.lower())
        for route in create_app(core).routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    await core.store.close()
    assert {(path, method) for path, method, _ in operations()} == routes


def test_operations_have_names_of_their_own() -> None:
    names = [
        operation["operationId"] for *_, operation in operations() if "operationId" in operation
    ]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("operation", list(operations()), ids=lambda o: f"{o[1]} {o[0]}")
def test_an_operation_says_what_it_takes_and_gives(
    operation: tuple[str, str, dict[str, Any]],
) -> None:
    path, _, description = operation
    assert description["summary"]
    assert description["responses"]
    assert all(re.fullmatch(r"101|[2-5]\d\d", status) for status in description["responses"])
    parameters = description.get("parameters", [])
    named = {p["name"] for p in parameters if p["in"] == "path"}
    assert named == set(re.findall(r"{(\w+)}", path))
    assert all(p["required"] for p in parameters if p["in"] == "path")


def test_every_reference_leads_somewhere() -> None:
    document = describe()
    text = msgspec.json.encode(document).decode()
    references = set(re.findall(r'"\$ref":"#/components/schemas/(\w+)"', text))
    assert references == set(document["components"]["schemas"])


def test_it_is_openapi() -> None:
    document = msgspec.json.decode(msgspec.json.encode(describe()))
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "Streamhold"
    assert document["info"]["version"]
