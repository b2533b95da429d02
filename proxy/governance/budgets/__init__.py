"""Money: what calls may cost is reserved before them, and what they did cost is settled after.

Fails closed: where nobody can say what was spent, nothing is let through (`budgets.on_redis_loss: allow` says otherwise).
"""
