"""The risk side of the REST API: published frames in Redis in, JSON out."""
