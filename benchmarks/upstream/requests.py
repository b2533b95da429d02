"""Requests as the scripted upstreams read them: a head in lower case, and the body by its Content-Length."""


def next_request(buffer: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Head, body and what is left of `buffer`; None: it is not whole yet."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = buffer[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    whole = end + 4 + (0 if at < 0 else int(head[at + 17 :].split(b"\r\n", 1)[0]))
    return None if len(buffer) < whole else (head, buffer[end + 4 : whole], buffer[whole:])
