"""`llm-edge serve` with a configuration file, in processes of its own."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.support.gateway import KEY
from tests.support.serving import ROOT, ServedProcess


class EdgeProcess(ServedProcess):
    """`values`: sections of the configuration; those that every test wants are added. The log is in `lines`."""

    def __init__(self, config: Path, **values: Any) -> None:
        self.config = config
        self.configure(**values)
        self.lines = []
        self._changed = threading.Condition()
        env = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "proxy", "serve", "--config", str(config)],
            stdout=subprocess.PIPE,
            cwd=config.parent,
            env={**env, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def configure(self, **values: Any) -> None:
        """Writes the file (JSON is YAML); a signal makes the gateway read it."""
        server = {"host": "127.0.0.1", "port": 0, "metrics_port": 0, "drain_delay_s": 0, "grace_s": 2, **values.pop("server", {})}
        stores = {"records": f"sqlite:///{self.config.parent}/records.db", **values.pop("stores", {})}
        whole = {"server": server, "auth": {"static_keys": [KEY]}, "stores": stores, **values}
        self.config.write_text(json.dumps(whole))
