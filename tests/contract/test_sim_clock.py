"""The simulated provider's clock: tokens that tell when they were written."""

import re
import time

import aiohttp

from sim.server import start


async def test_tokens_tell_when_they_were_written() -> None:
    server = await start()
    begin = time.monotonic()
    body = {
        "model": "tokens=4,interval=10ms,clock=1",
        "stream": True,
        "messages": [{"role": "user", "content": "hello"}],
    }
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{server.base_url}/chat/completions", json=body) as response,
    ):
        text = await response.text()
    await server.close()
    times = [int(digits) / 1e6 for digits in re.findall(r'"content":"(\d{16})"', text)]
    assert len(times) == 4
    assert begin - 1e-6 < times[0] < times[1] < times[2] < times[3] < time.monotonic()
