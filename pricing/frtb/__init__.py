"""Standard sensitivities and charges of the Basel market risk standard (MAR)."""
