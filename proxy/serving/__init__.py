"""The process side: HTTP/1.1 protocol, server with its drain, workers and their supervisor, metrics port."""
