"""The ids of a request's tool calls, and of their results, in order."""

from typing import Any

from tests.vendors.rule import Body, objects


def calls_and_results(dialect: str, body: Body) -> tuple[list[str], list[str]]:
    """As a vendor of this dialect is told them."""
    calls: list[Any] = []
    results: list[Any] = []
    key = {"responses": "input", "gemini": "contents"}.get(dialect, "messages")
    for _, turn in objects(body.get(key), ""):
        match dialect:
            case "chat":
                calls += [call["id"] for _, call in objects(turn.get("tool_calls"), "")]
                results += [turn["tool_call_id"]] if turn.get("role") == "tool" else []
            case "responses":
                calls += [turn["call_id"]] if turn.get("type") == "function_call" else []
                results += [turn["call_id"]] if turn.get("type") == "function_call_output" else []
            case "messages":
                for _, block in objects(turn.get("content"), ""):
                    calls += [block["id"]] if block.get("type") == "tool_use" else []
                    if block.get("type") == "tool_result":
                        results.append(block["tool_use_id"])
            case _:
                for _, part in objects(turn.get("parts"), ""):
                    if "functionCall" in part:
                        calls.append(part["functionCall"].get("id", ""))
                    if "functionResponse" in part:
                        results.append(part["functionResponse"].get("id", ""))
    return calls, results
