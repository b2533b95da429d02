"""Commands. Each module has `add_arguments(parser)` and `run(args) -> exit code`; it is imported only when its command is called."""
