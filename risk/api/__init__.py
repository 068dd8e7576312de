"""The risk side of the REST API: published frames as JSON and as an event stream."""
