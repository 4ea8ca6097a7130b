"""A store that is none: it greets as it is told, and answers every other command with one error."""

import asyncio

import hiredis

PRIMARY = "role:master\r\n"
REPLICA = "role:slave\r\nslave_read_only:1\r\n"
LOADING = "role:master\r\nloading:1\r\n"


class ScriptedServer:
    """``refusal``: the error reply to all but the greeting; "" for OK."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.says = PRIMARY
        self.refusal = ""
        self.tells = True  # INFO may be asked
        self.port = 0
        self.names: list[str] = []  # of the connections that are open
        self.served = 0  # commands beside the greeting
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> "ScriptedServer":
        self._server = await asyncio.start_server(self._serve, host, port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        parser = hiredis.Reader()
        name: list[str] = []
        try:
            while data := await reader.read(65536):
                parser.feed(data)
                while (command := parser.gets()) is not False:
                    writer.write(self._reply([word.decode() for word in command], name))
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            for each in name:
                self.names.remove(each)
            writer.transport.abort()

    def _reply(self, words: list[str], name: list[str]) -> bytes:
        first = words[0].upper()
        if first == "CLIENT":
            if words[1].upper() == "SETNAME":
                name.append(words[2])
                self.names.append(words[2])
            return b"+OK\r\n"
        if first == "HELLO":
            return b"%1\r\n+proto\r\n:3\r\n"
        if first == "INFO":
            if not self.tells:
                return b"-NOPERM no permissions to run the 'info' command\r\n"
            text = f"run_id:{self.run_id}\r\n{self.says}"
            return f"${len(text)}\r\n{text}\r\n".encode()
        self.served += 1
        if self.refusal:
            return f"-{self.refusal}\r\n".encode()
        if first == "SUBSCRIBE":
            return f">3\r\n+subscribe\r\n+{words[1]}\r\n:1\r\n".encode()
        return b"+OK\r\n"
