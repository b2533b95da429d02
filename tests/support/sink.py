"""A sink that keeps what is written."""


class KeptLines:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)

    def close(self) -> None:
        """Nothing to close."""
