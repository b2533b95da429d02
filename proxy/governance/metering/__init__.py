"""What a request used and cost, written down. Fails open: metering never refuses a request; what it cannot write is counted and said."""
