"""The protocol matrix: five client dialects at five providers, whole and streamed, in seven cases.

A module for each client dialect writes its requests by hand (`ask`, `go_on`) and reads answers by the rules of its own dialect (`whole`,
`streamed`, `fault`); the providers are tests/support/scripted. `cells.py` has the list of cells and the reasons why one may be empty.
"""
