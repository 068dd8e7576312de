"""Settings of the environment in, running servers out: PostgreSQL, Redis and Kafka as processes."""
