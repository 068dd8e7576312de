"""Past days over REST."""
