"""Pure ASGI wrappers around every route, and the pure policies behind them. `stack.py` is the ordered list."""
