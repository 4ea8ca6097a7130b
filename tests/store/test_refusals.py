"""Error replies of the server: what each means, what is logged, rights taken and given back."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from broker.errors import StoreAway, StoreFull, StoreRefused
from broker.frames import parse_message
from broker.model import JobState, job_key
from broker.settings import Secret, Settings
from broker.store import Store, open_store, refusals
from broker.store.scripts import ReplyError, translate
from broker.store.streams import Verdict
from rig.store_server import StoreServer
from tests.conftest import STORES
from tests.store.samples import append, batch, frames, listening, new_job, rescue, running

KEY = job_key("acme", "r1")
AWAY = ("LOADING", "BUSY", "READONLY", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "MISCONF")
MORE_AWAY = ("TRYAGAIN", "UNBLOCKED", "UNKILLABLE", "NOSCRIPT", "MOVED", "ASK")
WRONG = ("NOPERM", "WRONGTYPE", "NOAUTH", "WRONGPASS", "NOPROTO", "CROSSSLOT", "DENIED")
UNKNOWN = ("NEWWORD", "ERR", "XX_9", "NOTREADY")


@pytest.fixture(autouse=True)
def nothing_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "_reported", {})


def said(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(r)["fields"] for r in caplog.records if r.message == "store.refused"]


@pytest.mark.parametrize("word", AWAY + MORE_AWAY)
def test_a_server_that_can_t_just_now_is_away(word: str, caplog: pytest.LogCaptureFixture) -> None:
    assert type(translate(ReplyError(f"{word} and why"))) is StoreAway
    assert said(caplog) == []


@pytest.mark.parametrize("word", WRONG + UNKNOWN)
def test_any_other_word_is_a_refusal(word: str, caplog: pytest.LogCaptureFixture) -> None:
    error = translate(ReplyError(f"{word} secret words"), "append")
    assert (type(error), error.detail) == (StoreRefused, word)
    kind = "configuration" if word in WRONG else "unknown"
    (line,) = said(caplog)
    assert (line["word"], line["operation"], line["kind"]) == (word, "append", kind)
    assert "secret" not in str(line)


@pytest.mark.parametrize("text", ["unknown command 'secret'", "", "lower Case", "S3cret: x"])
def test_a_reply_without_a_word_says_nothing_of_its_text(text: str) -> None:
    assert translate(ReplyError(text)).detail == "ERR"


@pytest.mark.parametrize("text", ["OOM", "OOM command", "ERR x: OOM command not allowed when"])
def test_a_full_store_is_full(text: str) -> None:
    assert type(translate(ReplyError(text))) is StoreFull


def test_each_word_is_logged_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("broker.store.refusals.time.monotonic", lambda: now)
    for _ in range(3):
        translate(ReplyError("NOPERM x"), "append")
    translate(ReplyError("NOPERM x"), "renew")
    assert len(said(caplog)) == 2
    now += 60
    translate(ReplyError("NOPERM x"), "append")
    assert len(said(caplog)) == 3


class Owner:
    """Another user, who takes rights from the one that the store is used as."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def let(self, *rules: str) -> None:
        await self._client.execute_command("ACL", "SETUSER", "default", *rules)


@pytest.fixture(params=STORES)
async def owned(
    request: pytest.FixtureRequest, make_store: Callable[..., StoreServer]
) -> AsyncIterator[tuple[Store, Owner]]:
    server = make_store(request.param)
    store = open_store(Settings(store_url=Secret(server.url)), "test")
    await store.client.execute_command("ACL", "SETUSER", "owner", "on", ">pw", "~*", "&*", "+@all")  # type: ignore[no-untyped-call]
    client = Redis(unix_socket_path=str(server.socket), username="owner", password="pw")
    yield store, Owner(client)
    await client.aclose()
    await store.close()


RIGHTS = ("evalsha", "xadd", "hset", "hmget", "publish", "zadd", "expire")


@pytest.mark.parametrize("right", RIGHTS)
async def test_what_was_refused_is_done_once_it_may_be(
    owned: tuple[Store, Owner], right: str
) -> None:
    store, owner = owned
    claim = await running(store)
    prefix = store.keys.partitions[0].prefix
    async with listening(store, store.keys.channel(KEY)) as heard:
        await owner.let(f"-{right}")
        sent = batch(claim, 1, b"data: a")
        if right != "expire":
            with pytest.raises(StoreRefused):
                await append(store, sent)
        await owner.let("+@all")
        assert (await append(store, sent))[0] >= Verdict.APPENDED
        assert parse_message(await heard()).first == 1
        await append(store, batch(claim, 2, final=JobState.COMPLETED))
    assert list(await frames(store, KEY)) == [1, 2]
    assert (await store.jobs.get(KEY)).state is JobState.COMPLETED
    assert await store.client.hlen(prefix + "busy") == 0  # type: ignore[misc]
    assert (await rescue(store)).damaged == [], "nobody damaged anything"


@pytest.mark.parametrize("right", ["publish", "xadd", "evalsha", "hset"])
async def test_a_cancel_that_was_refused_can_be_made_again(
    owned: tuple[Store, Owner], right: str
) -> None:
    store, owner = owned
    await running(store)
    async with listening(store, store.keys.channel(KEY)) as heard:
        await owner.let(f"-{right}")
        with pytest.raises(StoreRefused):
            await store.jobs.cancel(KEY)
        await owner.let("+@all")
        assert await store.jobs.cancel(KEY) is JobState.CANCELLED
        assert parse_message(await heard()).last == 1
    assert list(await frames(store, KEY)) == [1]


async def test_a_store_whose_key_was_changed_is_away_and_told_of(
    owned: tuple[Store, Owner], caplog: pytest.LogCaptureFixture
) -> None:
    store, owner = owned
    await owner.let("resetpass", ">other")
    url = store.settings.store_url.reveal()
    late = open_store(Settings(store_url=Secret(url)), "late")
    with pytest.raises(StoreAway):
        await late.jobs.create(new_job())
    assert {line["word"] for line in said(caplog)} <= {"NOAUTH"}
    assert said(caplog)
    with pytest.raises(StoreAway):
        await late.ping()
    await late.close()
