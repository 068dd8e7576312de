"""Market conventions as data: one TOML file per currency, its loader and its checks."""
