"""A real browser's EventSource, from a page of another origin, under a ticket."""

import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from rig.cluster import Cluster, ask
from tests.browser import Page
from tests.conftest import require
from tests.contract.cutting import cutting
from tests.contract.raw import data_of, events_of, fetch, ids_of
from tests.deployment import account
from tests.fault.conftest import Make
from tests.soak.proxy import Link

KEY = "key-of-the-backend"
HEADERS = {"authorization": f"Bearer {KEY}"}
TOKENS = 150
MODEL = f"sim/tokens={TOKENS},interval=30ms,obfuscation=1"

FOLLOW = """
const seen = []
let opened = 0
const source = new EventSource(%s)
source.onopen = () => { opened += 1 }
source.onerror = () => { if (source.readyState === EventSource.CLOSED) tell("refused", seen) }
const note = (event) => {
  seen.push([Number(event.lastEventId), event.type, event.data])
  if (seen.length === 20) tell("twenty", null)
  if (event.type === "end") { source.close(); tell("end", {seen, opened}) }
}
for (const type of ["message", "attempt", "end"]) source.addEventListener(type, note)
"""

CALL = """
const call = async (path, method, headers, body) => {
  try {
    const response = await fetch(%s + path, {method, headers, body})
    const shown = await response.json()
    return [response.status, response.headers.get("x-request-id"), shown.code || shown.object]
  } catch (error) { return [0, null, error.name] }
}
(async () => {
  const json = {"content-type": "application/json"}
  const key = {"authorization": %s, "x-streamhold-priority": "batch", "last-event-id": "0"}
  await tell("answers", [
    await call("/v1/jobs", "POST", {...json, ...key, "idempotency-key": "by-page"}, %s),
    await call("/v1/jobs/by-page/tickets", "POST", key),
    await call("/v1/jobs/by-page/events?ticket=forged", "GET", {}),
    await call("/v1/jobs/nobody", "DELETE", {"x-api-key": "wrong"}),
  ])
})()
"""


SDK = """
const base = %s, apiKey = %s, prompt = %s
const messages = [{role: "user", content: prompt}]
const browser = {apiKey, dangerouslyAllowBrowser: true, maxRetries: 0}
const openai = async (fetch) => {
  const {default: OpenAI} = await import("/js/node_modules/openai/index.mjs")
  const client = new OpenAI({...browser, baseURL: base + "/v1", fetch})
  const call = {model: "sim/tokens=60,interval=30ms", messages, stream: true}
  let text = "", count = 0
  for await (const chunk of await client.chat.completions.create(call)) {
    text += chunk.choices[0]?.delta.content ?? ""
    if (++count === 20) await tell("twenty", null)
  }
  return text
}
const anthropic = async (fetch) => { // its SDK needs a bundler; these are its headers
  const headers = {"content-type": "application/json", "x-api-key": apiKey,
    "anthropic-version": "2023-06-01", "anthropic-beta": "b", "x-stainless-os": "Unknown",
    "anthropic-dangerous-direct-browser-access": "true"}
  const call = {model: "sim-messages/tokens=5,interval=0", max_tokens: 100, messages}
  const response = await fetch(base + "/v1/messages", {
    method: "POST", headers, body: JSON.stringify(call)})
  const {content} = await response.json()
  return [content[0].text.trim().split(" ").length, response.headers.get("request-id") !== null]
}
(async () => {
  const {resumingFetch} = await import("/js/src/index.js")
  const fetch = resumingFetch()
  await tell("done", [await openai(fetch), await anthropic(fetch)])
})()
"""


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    page = Page(tmp_path, require("chromium"))
    await page.start()
    yield page
    await page.close()


async def start(make_cluster: Make, page: Page, server: str = "") -> Cluster:
    origins = f'[server]\nallowed_origins = ["{page.origin("app")}"]\n{server}'
    return await make_cluster(apis=2, workers=1, config=origins + account("backend", KEY))


async def ticket(cluster: Cluster, prompt: str, model: str) -> str:
    """The address of a new job's events, as a backend gets it."""
    body = {"request_id": prompt, "request": ask(model, prompt)}
    async with aiohttp.ClientSession(cluster.urls[0], headers=HEADERS) as backend:
        async with backend.post("/v1/jobs", json=body) as response:
            assert response.status == 202
        async with backend.post(f"/v1/jobs/{prompt}/tickets") as response:
            assert response.status == 201
            return str((await response.json())["url"])


async def replay(cluster: Cluster, prompt: str) -> list[list[Any]]:
    """Every event of the stream as an EventSource should tell of it."""
    _, body = await fetch("GET", f"{cluster.urls[1]}/v1/jobs/{prompt}/events", headers=HEADERS)
    events = events_of(body)
    return [
        [number, _field(event, "event") or "message", _field(event, "data")]
        for number, event in zip(ids_of(events), events, strict=True)
    ]


def _field(event: bytes, name: str) -> str:
    found = [line for line in event.decode().split("\n") if line.startswith(f"{name}: ")]
    return found[0].removeprefix(f"{name}: ") if found else ""


async def test_a_page_misses_nothing_of_a_killed_api_s_stream(
    make_cluster: Make, page: Page
) -> None:
    cluster = await start(make_cluster, page)
    link = await Link("api").start()
    dies, lives = (int(url.rpartition(":")[2]) for url in cluster.urls)
    link.upstream = ("127.0.0.1", dies)
    address = await ticket(cluster, "watched", MODEL)
    await page.open("app", FOLLOW % json.dumps(f"http://127.0.0.1:{link.port}{address}"))

    await page.told("twenty")
    link.upstream = ("127.0.0.1", lives)
    cluster.signal_api(0, signal.SIGKILL)
    told = await page.told("end")

    assert told["opened"] == link.carried == 2
    whole = await replay(cluster, "watched")
    assert told["seen"] == whole
    assert len(whole) > TOKENS
    assert whole[-1][1] == "end"
    assert data_of(f"data: {whole[-1][2]}".encode())["state"] == "completed"
    assert await cluster.sim_calls("watched") == 1
    logs = "".join(log.read_text() for log in cluster.logs())
    assert address.partition("=")[2] not in logs
    await link.close()


async def test_a_page_misses_nothing_of_a_cut_of_silences_and_of_a_drain(
    make_cluster: Make, page: Page
) -> None:
    cluster = await start(make_cluster, page, "ping = 0.2\ndrain = 0.3\n")
    async with cutting(cluster.urls[0], after=5, cuts=1) as proxy:
        address = await ticket(cluster, "watched", "sim/tokens=25,interval=300ms")
        await page.open("app", FOLLOW % json.dumps(proxy.url + address))
        await page.told("twenty")
        proxy.point(cluster.urls[1])
        cluster.signal_api(0, signal.SIGTERM)
        told = await page.told("end")
    assert (told["opened"], proxy.carried, proxy.cuts) == (3, 3, 1)
    assert proxy.pings > 0
    assert told["seen"] == await replay(cluster, "watched")
    assert await cluster.sim_calls("watched") == 1


async def test_a_listed_page_calls_and_reads(make_cluster: Make, page: Page) -> None:
    cluster = await start(make_cluster, page)
    body = json.dumps({"request": ask("sim/tokens=3,interval=0", "by-page")})
    words = (cluster.urls[0], f"Bearer {KEY}", body)
    await page.open("app", CALL % tuple(map(json.dumps, words)))
    assert await page.told("answers") == [
        [202, "by-page", "job"],
        [201, "by-page", "ticket"],
        [401, "by-page", "invalid_ticket"],
        [401, "nobody", "invalid_api_key"],
    ]


@pytest.mark.usefixtures("npm_packages")
async def test_an_official_sdk_runs_in_a_page(make_cluster: Make, page: Page) -> None:
    """Its own headers make browsers ask first; with the resuming fetch it outlives an API."""
    cluster = await start(make_cluster, page)
    link = await Link("api").start()
    dies, lives = (int(url.rpartition(":")[2]) for url in cluster.urls)
    link.upstream = ("127.0.0.1", dies)
    words = (f"http://127.0.0.1:{link.port}", KEY, "by-sdk")
    await page.open("app", SDK % tuple(map(json.dumps, words)))

    await page.told("twenty")
    link.upstream = ("127.0.0.1", lives)
    cluster.signal_api(0, signal.SIGKILL)
    text, (count, named) = await page.told("done")

    assert len(text.split()) == 60
    assert (count, named) == (5, True)
    assert await cluster.sim_calls("by-sdk") == 2
    await link.close()


async def test_another_page_reads_nothing(make_cluster: Make, page: Page) -> None:
    cluster = await start(make_cluster, page)
    address = await ticket(cluster, "watched", "sim/tokens=3,interval=0")
    await page.open("other", FOLLOW % json.dumps(cluster.urls[0] + address))
    assert await page.told("refused") == []
