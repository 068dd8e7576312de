"""Bond futures: the choice of the cheapest bond, the sums of positions, price and basis."""
