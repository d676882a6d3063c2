"""What bytes begin like. What a server calls them counts for nothing."""

BEGINNING = 16  # so many bytes tell the kinds of pictures apart
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")


def is_picture(beginning: bytes) -> bool:
    """Say whether bytes begin like a PNG, JPEG, WebP or GIF. Whether they are one, only the decoder finds out."""
    return beginning.startswith(_MAGIC) or (beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP")
