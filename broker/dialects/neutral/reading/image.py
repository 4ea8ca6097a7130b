"""Images as chat and responses give them: a URL, which may hold the data itself."""

import re

from broker.dialects.neutral.fields import Fields, malformed
from broker.dialects.neutral.request import Image

_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,", re.ASCII | re.IGNORECASE)


def image_at(url: str, detail: str | None, fields: Fields, key: str) -> Image:
    """The image at a URL, which stands in this field.

    Raises:
        BadRequest: it is a data URL without a media type or not in base64.
    """
    detail = None if detail == "auto" else detail  # the default
    if url[:5].lower() != "data:":
        return Image(url=url, detail=detail, at=fields.path)
    found = _DATA.match(url)
    if found is None:
        raise malformed(fields.where(key), "a URL, or base64 data with its media type")
    return Image(data=url[found.end() :], media_type=found[1], detail=detail, at=fields.path)
