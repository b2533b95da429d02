"""Upstreams that cost next to nothing: nginx for whole answers, a program in C (or asyncio) for streams. Their CPU is not counted."""
