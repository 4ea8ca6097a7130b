"""What messages are about: the settings first, then a task, and a reply to each."""

from typing import Any

import msgspec

from broker.offload.tasks import Failed, Task
from broker.settings import Secret, Settings


class Reply(msgspec.Struct, frozen=True):
    """A task's outcome: a result, or why there is none. ``leaving``: the child ends now."""

    result: msgspec.Raw
    failed: Failed | None = None
    leaving: bool = False


def _reveal(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(type(value).__name__)


def _hide(kind: type[Any], value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError(kind.__name__)


def encode_settings(settings: Settings) -> bytes:
    """The settings, without the keys of providers: nothing is sent to one from there."""
    bare = msgspec.structs.replace(settings, api_keys={}, ticket_keys=())
    return msgspec.msgpack.encode(bare, enc_hook=_reveal)


def decode_settings(data: bytes) -> Settings:
    """What ``encode_settings`` made."""
    return msgspec.msgpack.decode(data, type=Settings, dec_hook=_hide)


encode_task = msgspec.msgpack.Encoder().encode
encode_reply = msgspec.msgpack.Encoder().encode
_task: msgspec.msgpack.Decoder[Task] = msgspec.msgpack.Decoder(Task)
_reply = msgspec.msgpack.Decoder(Reply)
decode_task = _task.decode
decode_reply = _reply.decode
