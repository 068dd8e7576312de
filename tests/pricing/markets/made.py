"""A made-up currency, as a site would write its file."""

RURITANIA = """\
[sources]
MADE = "Invented for a test"

[currency]
bond_calendar = "TARGET"
bond_discount_curve = "ZZZ-GOVT"
time_zone = "Europe/Prague"
place = "Strelsau"

[currency.sources]
bond_calendar = "MADE"
bond_discount_curve = "MADE"
time_zone = "MADE"

[indices.ZONIA]
kind = "overnight"
tenor = "1D"
fixing_days = 0
calendar = "TARGET"
day_count = "ACT/365F"
business_day_convention = "FOLLOWING"
end_of_month = false
publication_lag = 1
forecast_curve = "ZZZ-ZONIA"

[indices.ZONIA.sources]
tenor = "MADE"
fixing_days = "MADE"
calendar = "MADE"
day_count = "MADE"
business_day_convention = "MADE"
end_of_month = "MADE"
publication_lag = "MADE"
forecast_curve = "MADE"

[curves.ZZZ-GOVT]
quotes = "zero"
interpolation = "log_linear"

[curves.ZZZ-GOVT.sources]
quotes = "MADE"
interpolation = "MADE"

[curves.ZZZ-ZONIA]
quotes = "ois"
index = "ZONIA"
swap_convention = "ZZZ-ZONIA-OIS"
interpolation = "log_linear"

[curves.ZZZ-ZONIA.sources]
quotes = "MADE"
index = "MADE"
swap_convention = "MADE"
interpolation = "MADE"

[swaps.ZZZ-ZONIA-OIS]
index = "ZONIA"
spot_lag = 1
fixed_frequency = "6M"
fixed_day_count = "30/360"
float_frequency = "3M"
float_day_count = "ACT/365F"
payment_lag = 0
calendar = "TARGET"
business_day_convention = "PRECEDING"
end_of_month = false
discount_curve = "ZZZ-ZONIA"

[swaps.ZZZ-ZONIA-OIS.sources]
index = "MADE"
spot_lag = "MADE"
fixed_frequency = "MADE"
fixed_day_count = "MADE"
float_frequency = "MADE"
float_day_count = "MADE"
payment_lag = "MADE"
calendar = "MADE"
business_day_convention = "MADE"
end_of_month = "MADE"
discount_curve = "MADE"

[bonds.ZZZ-BOND]
payment_frequency = "1Y"
day_count = "ACT/ACT ICMA"
settlement_lags = [
  { days = 2, source = "MADE" },
  { valid_from = 2030-01-01, days = 1, source = "MADE" },
]
calendar = "TARGET"
settlement_calendar = "TARGET"
business_day_convention = "FOLLOWING"
end_of_month = false
ex_coupon_days = 0
yield_frequency = "1Y"
last_period_yield = "compounded"
yield_payment_dates = "nominal"
discount_curve = "ZZZ-GOVT"

[bonds.ZZZ-BOND.sources]
payment_frequency = "MADE"
day_count = "MADE"
calendar = "MADE"
settlement_calendar = "MADE"
business_day_convention = "MADE"
end_of_month = "MADE"
ex_coupon_days = "MADE"
yield_frequency = "MADE"
last_period_yield = "MADE"
yield_payment_dates = "MADE"
discount_curve = "MADE"
"""
"""OIS with other legs than any other currency's: what the file says must be what is priced."""
