"""A connection ends when its client has left, and not when it has been idle for long enough.

hypercorn lets a connection go once its idle timer is over, whether or not anybody is at the other
end: each client that closes an idle connection, as all do sooner or later, would leave the task,
its buffers and an open file behind for as long as idle connections are kept. A process that is
called by many that come once would have no files left.
"""

from hypercorn.asyncio.tcp_server import TCPServer

_read = TCPServer._read_data
_idle = TCPServer._idle_timeout


async def _read_data(self: TCPServer) -> None:
    """Read until the client leaves; it need not be waited for any more then."""
    await _read(self)
    await self.idle_task.stop()


async def _idle_timeout(self: TCPServer) -> None:
    """The wait for the next call, of a client that can still make one."""
    if self.reader.at_eof():  # it left while it was answered
        await self._initiate_server_close()
    else:
        await _idle(self)


def notice_leaving() -> None:
    """For this process: let go of connections whose clients have left."""
    TCPServer._read_data = _read_data  # type: ignore[method-assign]
    TCPServer._idle_timeout = _idle_timeout  # type: ignore[method-assign]
