"""What is measured: us, nginx, the bare upstream, and the peers that are installed."""
