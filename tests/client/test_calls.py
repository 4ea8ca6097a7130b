"""Which call an attempt belongs to, without an SDK. With them: ``test_transport``."""

import asyncio
import threading

from streamhold_client.calls import Calls

URL = "http://broker.test/v1/chat/completions"


def test_a_retry_in_the_same_context() -> None:
    calls = Calls()
    first = calls.begin(URL, b"{}", "0")
    assert calls.begin(URL, b"{}", "1").key == first.key
    assert calls.begin(URL, b"{}", "2").key == first.key
    assert calls.begin(URL, b"{}", "0").key != first.key
    assert calls.begin(URL, b"{}", None).key != first.key


def test_another_body_url_number_or_transport_is_another_call() -> None:
    calls = Calls()
    keys = [calls.begin(URL, b"{}", "0").key]
    keys.append(calls.begin(URL, b"[]", "1").key)
    keys.append(calls.begin(URL + "2", b"[]", "2").key)
    keys.append(calls.begin(URL + "2", b"[]", "4").key)
    keys.append(Calls().begin(URL + "2", b"[]", "5").key)
    keys.append(Calls().begin(URL, b"{}", "not a number").key)
    assert len(set(keys)) == len(keys)


async def test_tasks_do_not_take_each_others_calls() -> None:
    calls = Calls()
    parent = calls.begin(URL, b"{}", "0")

    async def call() -> list[str]:
        keys = []
        for count in ("0", "1", "2"):
            keys.append(calls.begin(URL, b"{}", count).key)
            await asyncio.sleep(0)
        return keys

    found = await asyncio.gather(*(call() for _ in range(10)))
    assert all(len(set(keys)) == 1 for keys in found)
    assert len({keys[0] for keys in found} | {parent.key}) == 11


async def test_an_attempt_in_a_task_of_its_own() -> None:
    """As ``asyncio.wait_for`` ran it before Python 3.12."""
    calls = Calls()

    async def attempt(count: str) -> str:
        one = calls.begin(URL, b"{}", count)
        calls.failed(one)
        return one.key

    keys = [await asyncio.create_task(attempt(count)) for count in ("0", "1", "2")]
    assert len(set(keys)) == 1


def test_a_context_that_forgot() -> None:
    calls = Calls()
    found: list[str] = []

    def attempt(count: str) -> None:
        one = calls.begin(URL, b"{}", count)
        found.append(one.key)
        calls.failed(one)

    for count in ("0", "1", "1", "2"):  # each in a thread of its own: nothing is inherited
        thread = threading.Thread(target=attempt, args=(count,))
        thread.start()
        thread.join()
    assert found[0] == found[1]
    assert found[2] not in found[:2]
    assert found[3] == found[2]


def test_failed_attempts_are_forgotten() -> None:
    now = 0.0
    calls = Calls(lambda: now)
    attempts = [calls.begin(URL, b"%d" % n, "0") for n in range(2000)]
    for one in attempts:
        calls.failed(one)
    assert len(calls._failed) == 1024
    assert calls.begin(URL, b"1990", "1").key == attempts[1990].key
    assert calls.begin(URL, b"3", "1").key != attempts[3].key
    now = 200.0
    assert calls.begin(URL, b"1991", "1").key != attempts[1991].key
