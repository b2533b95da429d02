"""`python -m tests.support.served_main LAUNCH_JSON`: what `llm-edge serve` does, for any application."""

import sys

import msgspec

from proxy.serving.launcher import launch
from proxy.serving.options import Launch

if __name__ == "__main__":
    sys.exit(launch(msgspec.json.decode(sys.argv[1], type=Launch)))
