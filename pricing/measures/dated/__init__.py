"""What a valuation date makes of flows: fixings in progress, convexity of futures, payments."""
