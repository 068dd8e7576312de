"""Market data in, pricing tasks out: feeds, replay and the bridge between Kafka and workers."""
