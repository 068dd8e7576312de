"""Read trades of FpML 5 as rows of the tables of swaps and of basis swaps."""

from instruments.loading.fpml.reader import KINDS, is_fpml, read

__all__ = ("KINDS", "is_fpml", "read")
