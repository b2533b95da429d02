"""What the gateway says about itself: metrics, logs, event-loop lag."""
