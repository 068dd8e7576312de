"""The pricing library: values and risk of trades on a market, as pure functions."""
