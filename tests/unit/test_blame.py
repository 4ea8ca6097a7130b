"""Whose fault a refusal is: by its code, by who wrote the body and who chose the model."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from broker.blame import SIGNS, Asked, Sign, about, fetches, judged
from broker.error_body import said_by
from broker.model import Failure
from broker.refusal import AUTH_MESSAGE, refused
from workers.blaming import shown
from workers.providers import failures
from workers.providers.failures import word_of

NOW = 1_700_000_000.0
MODEL = "tide-9"
CALLERS = Asked(MODEL, fields=("model", "messages", "temperature"))
ROUTED = CALLERS._replace(routed=True, named=True)
PATTERN = ROUTED._replace(named=False)
WRITTEN = ROUTED._replace(rewritten=True)


def openai(message: str = "No.", **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


def judge(status: int, body: Any, asked: Asked) -> Failure:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return judged(refused(status, text, None, NOW), asked)


def verdict(failure: Failure) -> tuple[str | None, str, str]:
    word = word_of(failure)
    if failure.code == "previous_response_not_found":  # ours too, where nobody was called
        assert word == "nothing"
        word = "good"
    return failure.fault, failure.remedy, word


FINAL = ("caller", "final", "good")
NEXT = ("broker", "next", "good")
OPERATORS = ("operator", "next", "bad")


# ── A body that somebody wrote ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize(
    "body",
    [
        openai(type="invalid_request_error", param="messages", code=None),
        {"type": "error", "error": {"type": "invalid_request_error", "message": "messages.0: no"}},
        [{"error": {"code": 400, "message": "No.", "status": "INVALID_ARGUMENT"}}],
        {"detail": [{"loc": ["body", "messages"], "msg": "No."}]},
        b"Bad Request",
        b"<html><title>400 Bad Request</title>",
        b"",
    ],
)
def test_a_refusal_is_final_for_who_wrote_the_body(status: int, body: Any) -> None:
    for asked in (CALLERS, ROUTED, PATTERN):
        assert verdict(judge(status, body, asked)) == FINAL
    for asked in (WRITTEN, CALLERS._replace(rewritten=True)):
        failure = judge(status, body, asked)
        assert verdict(failure) == NEXT
        assert (failure.status, failure.provider_status) == (status, status)


@pytest.mark.parametrize("param", ["stream_options", "stream_options.include_usage", "background"])
def test_a_field_that_the_broker_added_is_its_own(param: str) -> None:
    body = openai(param=param)
    assert verdict(judge(400, body, ROUTED)) == NEXT
    own = ROUTED._replace(fields=(*ROUTED.fields, param.partition(".")[0]))
    assert verdict(judge(400, body, own)) == FINAL


def test_what_an_answer_goes_on_from_is_the_brokers() -> None:
    """See ``workers.joining``: the next target has its turn already."""
    failure = replace(refused(400, b"", None, NOW), remedy="next")
    assert verdict(judged(failure, ROUTED)) == NEXT


# ── A model that somebody chose ────────────────────────────────────────────────────────

MISSING: dict[str, Any] = {
    "openai": openai("The model does not exist.", code="model_not_found"),
    "openai, no code": openai(f"The model `{MODEL}` does not exist", type="invalid_request_error"),
    "openrouter": openai("No endpoints found for maker/tide-9.", code=404),
    "openrouter, another name": openai("No endpoints found for maker/other.", code=404),
    "anthropic": {"type": "error", "error": {"type": "not_found_error", "message": "model: tide"}},
    "google": [{"error": {"code": 404, "message": "models/tide is not found for API version v1beta",
                          "status": "NOT_FOUND"}}],
    "vllm": {"object": "error", "message": "No.", "type": "NotFoundError", "param": "model",
             "code": 404},
    "ollama": {"error": "model 'tide-9' not found"},
    "azure": openai("The API deployment does not exist.", code="DeploymentNotFound"),
    "fastapi": {"detail": "Not Found"},
    "nginx": b"<html><head><title>404 Not Found</title></head><body>nginx</body></html>",
    "go": b"404 page not found",
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("body", MISSING.values(), ids=MISSING)
def test_a_model_that_is_not_there_is_the_operators_in_a_route(status: int, body: Any) -> None:
    for asked in (ROUTED, WRITTEN):
        failure = judge(status, body, asked)
        assert verdict(failure) == OPERATORS
        assert (failure.status, failure.provider_status) == (404, status)
        assert failure.type == "invalid_request_error"


@pytest.mark.parametrize("body", MISSING.values(), ids=MISSING)
def test_a_model_that_the_caller_chose_is_the_callers(body: Any) -> None:
    assert verdict(judge(404, body, CALLERS)) == FINAL
    assert verdict(judge(404, body, PATTERN)) == ("caller", "next", "good")


@pytest.mark.parametrize(
    "body",
    [
        openai("Item with id 'rs_1' not found.", param="messages"),
        openai("Previous response not found.", code="previous_response_not_found"),
    ],
)
def test_what_else_is_not_there_is_the_callers(body: Any) -> None:
    assert verdict(judge(404, body, ROUTED)) == FINAL


def test_of_a_request_that_names_other_things_the_model_must_be_meant() -> None:
    asked = ROUTED._replace(names=lambda: True)
    assert verdict(judge(404, openai("File not found: file_1"), asked)) == FINAL
    assert verdict(judge(404, openai(f"There is no {MODEL}."), asked)) == OPERATORS
    assert verdict(judge(404, openai(code="model_not_found"), asked)) == OPERATORS
    assert verdict(judge(404, b"<html>", asked)) == OPERATORS


@pytest.mark.parametrize(
    "more",
    [
        {"fetches": lambda: True},
        {"fields": ("model", "messages", "provider")},
        {"fields": ("model", "messages", "models")},
    ],
)
def test_what_may_be_missing_elsewhere_is_held_against_nobody(more: dict[str, Any]) -> None:
    """Else a caller could shut a target for all others, by what he asks to be fetched or found."""
    body = openai("No allowed providers are available for the selected model.", code=404)
    assert verdict(judge(404, body, ROUTED._replace(**more))) == (None, "next", "good")
    assert verdict(judge(404, body, CALLERS._replace(**more))) == FINAL
    gone = openai(code="model_not_found")
    assert verdict(judge(404, gone, ROUTED._replace(**more))) == OPERATORS


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_complaint_about_the_model_is_one_whatever_its_status(status: int) -> None:
    for body in (openai(param="model"), {"detail": [{"loc": ["body", "model"], "msg": "unknown"}]}):
        assert verdict(judge(status, body, ROUTED)) == OPERATORS
        assert verdict(judge(status, body, CALLERS)) == FINAL


# ── The table ──────────────────────────────────────────────────────────────────────────


def bodies_of(sign: Sign) -> list[Any]:
    """The ways in which a sign may come."""
    if sign.text is not None:
        text = f"{sign.text}, whatever follows."
        return [openai(text), {"message": text}, [{"error": {"message": text}}], {"detail": text}]
    word = sign.word
    return [
        openai(code=word),
        openai(type=word, code=None),
        openai(code=str(word).upper()),
        {"__type": f"com.x#{word}", "message": "No."},
        {"error": {"message": "No.", "code": 400, "innererror": {"code": word}}},
        openai("Provider returned error", metadata={"raw": json.dumps(openai(code=word))}),
    ]


def ids(sign: Sign) -> str:
    return sign.word or str(sign.text)


# By hand, and whole: what a row says is not taken from the row.
KNOWN = {
    "request": """context_length_exceeded exceed_context_size_error flagged_input invalid_prompt
        model_max_prompt_tokens_exceeded previous_response_not_found content_policy_violation
        image_content_policy_violation content_filter ResponsibleAIPolicyViolation
        data_inspection_failed DataInspectionFailed""",
    "model": """model_not_found model_decommissioned invalid_model model_not_available
        unknown_model model_not_supported unsupported_api_for_model DeploymentNotFound
        OperationNotSupported""",
    "account": """invalid_api_key account_deactivated billing_not_active UNAUTHENTICATED
        billing_hard_limit_reached authentication_error permission_error billing_error
        PERMISSION_DENIED API_KEY_INVALID API_KEY_SERVICE_BLOCKED SERVICE_DISABLED
        UnrecognizedClientException InvalidSignatureException ExpiredTokenException
        AccessDeniedException Arrearage""",
}
SENTENCES = {
    "Model Not Exist": "model",
    "The provided model identifier is invalid.": "model",
    "This model version has reached the end of its life. Please refer to the docs.": "model",
    'No endpoints found that support tool use. Try disabling "tide".': "ability",
    "No endpoints found that can handle the requested parameters.": "ability",
    "Your credit balance is too low to access the Anthropic API.": "account",
    "API key not valid. Please pass a valid API key.": "account",
    "User location is not supported for the API use.": "account",
    "Incorrect API key provided: xa***el.": "account",
}


def test_what_vendors_say_is_known() -> None:
    told = {word: kind for kind, words in KNOWN.items() for word in words.split()}
    for word, kind in told.items():
        assert about(said_by(openai(code=word))) == kind, word
        assert about(said_by({"message": "No.", "type": word})) == kind, word
    for text, kind in SENTENCES.items():
        assert about(said_by({"error": text})) == kind, text
    assert len(told) + len(SENTENCES) == len(SIGNS)


def test_no_sign_hides_another() -> None:
    """Each row is the one that tells: without it none does."""
    assert len({(sign.word, sign.text) for sign in SIGNS}) == len(SIGNS)
    for sign in SIGNS:
        others = [each for each in SIGNS if each is not sign]
        for body in bodies_of(sign):
            assert about(said_by(body)) == sign.about
            same = {sign.word, (sign.word or "").lower()} & {each.word for each in others}
            assert same or about(said_by(body), others) is None


@pytest.mark.parametrize("sign", SIGNS, ids=ids)
@pytest.mark.parametrize("status", [400, 404, 422])
def test_each_sign_is_heeded(sign: Sign, status: int) -> None:
    for body in bodies_of(sign):
        for asked in (ROUTED, WRITTEN):
            failure = judge(status, body, asked)
            if sign.about == "request":
                assert verdict(failure) == FINAL
            elif sign.about == "model":
                assert verdict(failure) == OPERATORS
                assert failure.status == status
            elif sign.about == "ability":
                assert verdict(failure) == NEXT
            else:
                assert verdict(failure) == OPERATORS
                assert (failure.type, failure.status) == ("provider_auth", 502)
                assert (failure.message, failure.code) == (AUTH_MESSAGE, None)


@pytest.mark.parametrize("sign", [each for each in SIGNS if each.about == "request"], ids=ids)
def test_a_moderation_is_not_the_operators(sign: Sign) -> None:
    """Else a caller could shut a target for all others."""
    for body in bodies_of(sign):
        failure = judge(403, body, ROUTED)
        assert verdict(failure) == FINAL
        assert (failure.status, failure.provider_status) == (400, 403)


def test_a_sentence_counts_by_its_beginning() -> None:
    """What a provider repeats of a request can stand anywhere else."""
    for sign in SIGNS:
        if sign.text is not None:
            assert about(said_by(openai(f"Invalid value: '{sign.text}'"))) is None


@pytest.mark.parametrize("status", [401, 402, 403])
def test_the_operators_account(status: int) -> None:
    failure = judge(status, openai("sk-secret", code="sk-secret"), ROUTED)
    assert verdict(failure) == OPERATORS
    assert "sk-" not in repr(failure)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_what_is_no_refusal_is_left_as_it_is(status: int) -> None:
    failure = refused(status, json.dumps(openai(code="model_not_found")).encode(), None, NOW)
    assert judged(failure, WRITTEN) == failure
    assert failure.fault is None


def test_what_the_broker_says_itself_is_left_as_it_is() -> None:
    for failure in (
        Failure("replay_diverged", "It differs.", remedy="final"),
        Failure("provider_stream_error", "Too long.", status=400, remedy="final"),
        Failure("invalid_request_error", "No.", status=400, remedy="next", code="unexpressible"),
    ):
        assert judged(failure, WRITTEN) == failure


# ── Within an answer ───────────────────────────────────────────────────────────────────


def test_an_error_within_an_answer_is_judged_alike() -> None:
    of_body = failures.stream_error({"type": "invalid_request_error", "message": "No."})
    assert verdict(judged(of_body, ROUTED)) == FINAL
    assert verdict(judged(of_body, WRITTEN)) == NEXT
    of_model = failures.stream_error({"code": "model_not_found", "message": "No."})
    assert verdict(judged(of_model, ROUTED)) == OPERATORS
    assert verdict(judged(of_model, CALLERS)) == FINAL
    too_long = failures.stream_error({"code": "context_length_exceeded", "message": "No."})
    assert verdict(judged(too_long, WRITTEN)) == FINAL
    assert judged(of_body, WRITTEN).type == "provider_stream_error"


# ── What is shown of it ────────────────────────────────────────────────────────────────


def test_only_words_about_the_operators_model_are_shown_to_all() -> None:
    gone = judge(404, openai("It is retired.", code="model_not_found"), ROUTED)
    assert shown(gone).message == "It is retired."
    limited = shown(
        refused(429, json.dumps(openai("org-1 said so", code="quota")).encode(), "5", NOW)
    )
    assert (limited.message, limited.code) == ("The provider answered with status 429.", "quota")
    odd = shown(failures.stream_error({"message": "secret", "code": "a secret sentence"}))
    assert "secret" not in repr(odd)
    assert shown(failures.unreachable()) == failures.unreachable()


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        ({"messages": [{"content": "see http://a"}]}, False),
        (
            {"messages": [{"content": [{"type": "image_url", "image_url": {"url": "http://a"}}]}]},
            True,
        ),
        ({"messages": [{"content": [{"image_url": {"url": "data:image/png;base64,x"}}]}]}, False),
        ({"input": [{"content": [{"type": "input_file", "file_url": "https://a"}]}]}, True),
    ],
)
def test_what_a_provider_would_fetch(request_: dict[str, Any], found: bool) -> None:
    assert fetches(request_) is found
