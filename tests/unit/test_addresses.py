"""Models that are part of an address: what a caller chooses leads to a model and nowhere else."""

import re
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from broker.errors import UnknownModel
from broker.routing import Target, policy_for, targets_for
from broker.settings import Provider, Settings
from workers.providers.base import Call
from workers.providers.gemini import GeminiProvider

ADDRESSED = Settings(
    providers={
        "g": Provider(base_url="http://g/v1beta", dialect="gemini"),
        "b": Provider(library="litellm", vendor="bedrock"),
        "c": Provider(base_url="http://c/v1"),
    }
)


@pytest.mark.parametrize(
    "model",
    [
        *("g/gemini-2.5-pro", "g/tunedModels/mine", "g/models/m", "g/tokens=12,interval=1ms"),
        *("b/anthropic.claude-v2:0", "b/us/anthropic.claude", "c/a/b:free", "c/../x", "c/%2e"),
    ],
)
def test_a_name_that_leads_to_a_model(model: str) -> None:
    provider, _, rest = model.partition("/")
    assert targets_for(ADDRESSED, model) == (Target(provider, rest),)


@pytest.mark.parametrize(
    "rest",
    [
        *(".", "..", "../files/x", "a/..", "a/../b", "models/..", "models/../files/x", "%2e%2e"),
        *("a?b", "a#b", "a%2fb", "a\\b", "a\nb", "a b", "a:countTokens", "a;b", "\0", "\x7f"),
        *("/a", "a/", "models//a", "models/a/b", "files/x", "cachedContents/x", "corpora/x"),
    ],
)
def test_a_name_that_leads_elsewhere(rest: str) -> None:
    """Under the operator's key no caller chooses the path, but for the model's own segment."""
    with pytest.raises(UnknownModel):
        targets_for(ADDRESSED, f"g/{rest}")


@pytest.mark.parametrize("rest", ["..", "a/../b", "a?b", "a%2fb", "a\\b", "a b", "a//b"])
def test_a_library_is_given_no_path_either(rest: str) -> None:
    with pytest.raises(UnknownModel):
        targets_for(ADDRESSED, f"b/{rest}")


@given(st.text(max_size=20))
def test_what_is_taken_stays_below_models(model: str) -> None:
    """As the client that sends it reads the address."""
    try:
        ((_, taken),) = targets_for(ADDRESSED, f"g/{model}")
    except UnknownModel:
        return
    call = Call(request_id="r", model=taken, request={})
    session: Any = None
    provider = GeminiProvider("g", ADDRESSED.providers["g"], None, session)
    path = URL(provider._url(call, streams=False)).raw_path
    found = re.fullmatch(r"/v1beta/(models|tunedModels)/([^/]+):generateContent", path)
    assert found
    assert "/" not in unquote(found[2])
    assert ":" not in unquote(found[2])


def test_long_names_are_not_kept() -> None:
    settings = Settings(providers=ADDRESSED.providers)
    for number in range(5):
        policy_for(settings, f"c/{number}" + "x" * 100_000)
    assert len(settings._derived) == 0
    policy_for(settings, "c/x")
    assert len(settings._derived) == 1
