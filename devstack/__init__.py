"""Run PostgreSQL, Redis and Kafka as local processes for the demo and the tests."""
