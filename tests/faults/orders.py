"""Where orders to the tampered workers stand in Redis, and where these say what they do."""

ORDERS, RUNNING = "faults:orders", "faults:running"
