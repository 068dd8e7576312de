"""Feeds, replay and the bridge that turns Kafka ticks into pricing tasks."""
