"""Texts that providers cut anywhere, even between the two halves of a character."""


def joined(text: str) -> str:
    """The text with halves of a character that met as one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def is_text(text: str) -> bool:
    """Whether it is whole characters: UTF-8 has no half ones."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
