"""Which callers are known to make a failed call again by themselves."""

import pytest

from broker.api.retrying import Retrying
from broker.model import Options
from broker.routing import RETRIED
from broker.settings import Server

PLAIN = ("user-agent", "curl/8.5.0")
COUNT = ("x-stainless-retry-count", "0")
KEY = ("idempotency-key", "k")
NONE = Options()


def found(
    *headers: tuple[str, str], options: Options = NONE, server: Server | None = None
) -> Options:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return Retrying(server or Server()).options(options, raw)


@pytest.mark.parametrize(
    "agent",
    [
        "codex_exec/0.171.0 (Debian 12; x86_64) unknown",
        "codex_cli_rs/0.171.0",
        "claude-cli/2.1.332 (external, cli)",
        "opencode/1.3.0 ai-sdk/provider-utils/4.0.0",
        "ai/7.0.1 ai-sdk/openai/4.0.0 runtime/node.js/22",
        "QwenCode/0.9.0 (linux; x64)",
        "litellm/1.106.2",
    ],
)
def test_the_agents_that_were_tried_are_known(agent: str) -> None:
    assert found(("user-agent", agent)) is RETRIED


def test_so_is_all_that_is_built_on_the_official_sdks() -> None:
    assert found(PLAIN, COUNT) is RETRIED
    assert found(("x-stainless-retry-count", "2")) is RETRIED


@pytest.mark.parametrize("agent", ["", "curl/8.5.0", "python-httpx/0.28", "my-codex_exec/1"])
def test_others_are_not(agent: str) -> None:
    assert found(("user-agent", agent)) == NONE


@pytest.mark.parametrize("headers", [(COUNT, KEY), (KEY, COUNT)])
def test_a_call_with_a_key_meets_its_own_job_again(headers: tuple[tuple[str, str], ...]) -> None:
    assert found(*headers) == NONE
    assert found(*headers, server=Server(callers_retry="all")) == NONE


def test_the_other_options_stay() -> None:
    assert found(COUNT, options=Options(attempts=2)) == Options(attempts=2, caller_retries=True)


def test_what_the_caller_says_goes_before() -> None:
    told = Options(caller_retries=False)
    assert found(COUNT, options=told) == told
    assert found(PLAIN, options=RETRIED) == RETRIED


def test_the_operator_may_know_better() -> None:
    assert found(PLAIN, server=Server(callers_retry="all")) == RETRIED
    assert found(COUNT, server=Server(callers_retry="none")) == NONE
    own = Server(retrying_agents=("OurAgent/", ""))
    assert found(("user-agent", "ouragent/1.0"), server=own) == RETRIED
    assert found(PLAIN, server=own) == NONE
    assert found(("user-agent", "\xe9"), server=own) == NONE
