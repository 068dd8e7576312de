"""P&L over REST: why it moved, now and on past days, by group and by trade, and how well."""
