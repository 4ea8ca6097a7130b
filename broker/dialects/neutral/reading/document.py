"""Documents: files within a message, as each dialect gives them."""

import binascii
import mimetypes
import re
from base64 import b64decode

import msgspec

from broker.dialects.neutral.fields import Fields, malformed
from broker.dialects.neutral.request import Document

_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w.+-]+=[\w.+\"-]+)*;base64,", re.ASCII | re.I)
_PDF = "application/pdf"
_TEXTS = ("application/json", "application/xml", "application/yaml")


def document_in(data: str, name: str | None, fields: Fields, key: str) -> Document:
    """The file in a field of chat or responses: a data URL, or base64 by itself.

    Raises:
        BadRequest: it is a URL of data without a media type, or not in base64.
    """
    if data[:5].lower() != "data:":
        kind = mimetypes.guess_type(name or "")[0] or _PDF
        return decoded(Document(data=data, media_type=kind, name=name, at=fields.path))
    found = _DATA.match(data)
    if found is None:
        raise malformed(fields.where(key), "a URL of base64 data with its media type")
    document = Document(
        data=data[found.end() :], media_type=found[1].lower(), name=name, at=fields.path
    )
    return decoded(document)


def decoded(document: Document) -> Document:
    """The document, as text if it is one."""
    kind = document.media_type
    if not document.data or not (kind.startswith("text/") or kind in _TEXTS):
        return document
    try:
        text = b64decode(document.data, validate=True).decode()
    except (binascii.Error, ValueError):
        return document
    return msgspec.structs.replace(document, text=text, data="")
