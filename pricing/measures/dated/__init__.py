"""What a date makes of trades: fixings in progress, convexity of futures, payments, quotes."""
