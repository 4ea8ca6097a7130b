"""What is passed on to a provider, in ``/openapi.json``."""

from typing import Any

_Schema = dict[str, Any]

_ERRORS = {
    400: "Malformed, or the model's providers speak another dialect",
    404: "No such model",
    413: "Too large",
    415: "Not JSON, or in an unknown content encoding",
    422: "The provider refused it",
    429: "The provider's limit, or the account's",
    502: "No provider answered",
    503: "Not now; see Retry-After",
    504: "The provider took too long",
}
_CALLS = {
    "/v1/embeddings": ("createEmbedding", "OpenAI's embeddings"),
    "/v1/completions": ("createCompletion", "OpenAI's completions of before chat"),
    "/v1/responses/input_tokens": ("countInputTokens", "OpenAI's count of a request's tokens"),
    "/v1/responses/compact": ("compactResponse", "OpenAI's compaction of a conversation"),
}


def paths() -> _Schema:
    """The paths."""
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/ChatError"}}}
    errors = {str(at): {"description": text, "content": error} for at, text in _ERRORS.items()}
    answer = {
        "description": "The provider's answer, as it came",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/event-stream": {"schema": {"type": "string"}},
        },
    }
    body = {"application/json": {"schema": {"$ref": "#/components/schemas/PassedRequest"}}}
    return {
        path: {
            "post": {
                "operationId": name,
                "summary": f"{text}, passed on to the provider",
                "requestBody": {"required": True, "content": body},
                "responses": {"200": answer, **errors},
            }
        }
        for path, (name, text) in _CALLS.items()
    }


def schemas() -> _Schema:
    """The schema that they refer to."""
    model = {"type": "string", "minLength": 1, "maxLength": 256}
    return {
        "PassedRequest": {
            "type": "object",
            "required": ["model"],
            "properties": {"model": model},
            "minProperties": 2,
            "additionalProperties": True,
        }
    }
