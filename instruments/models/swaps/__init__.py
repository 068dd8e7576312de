"""Tables of swaps beside the fixed-floating one, one module per table."""

from instruments.models.swaps.basis_swap import BasisSwap
from instruments.models.swaps.forward_rate_agreement import ForwardRateAgreement
from instruments.models.swaps.zero_coupon_swap import ZeroCouponSwap

__all__ = ("BasisSwap", "ForwardRateAgreement", "ZeroCouponSwap")
