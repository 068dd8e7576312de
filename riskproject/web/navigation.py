"""Build the admin's menu from what the user may see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.urls import reverse

Item = dict[str, Any]
Page = tuple[str, str, str]

GROUPS: tuple[tuple[str, tuple[Page, ...]], ...] = (
    (
        "Trades",
        (
            ("Swaps", "instruments.swap", "swap_horiz"),
            ("Basis swaps", "instruments.basisswap", "swap_calls"),
            ("Zero-coupon swaps", "instruments.zerocouponswap", "exposure_zero"),
            ("Forward rate agreements", "instruments.forwardrateagreement", "event"),
            ("Interest-rate futures", "instruments.interestratefuture", "show_chart"),
            ("Bond futures", "instruments.bondfuture", "candlestick_chart"),
            ("Bond positions", "instruments.bondposition", "account_balance_wallet"),
            ("Quarantine", "instruments.quarantine", "block"),
        ),
    ),
    (
        "Instruments",
        (
            ("Bonds", "instruments.bond", "receipt_long"),
            ("Deliverable bonds", "instruments.deliverable", "inventory_2"),
            ("Issuers", "instruments.issuer", "account_balance"),
            ("Counterparties", "instruments.counterparty", "handshake"),
        ),
    ),
    (
        "Organisation",
        (
            ("Desks", "instruments.desk", "groups"),
            ("Books", "instruments.book", "menu_book"),
        ),
    ),
    (
        "Market data",
        (
            ("Fixings", "instruments.fixing", "push_pin"),
            ("Exchange rates", "instruments.fxrate", "currency_exchange"),
            ("Scenarios", "instruments.scenarioshock", "query_stats"),
        ),
    ),
    (
        "Control",
        (
            ("Limits", "instruments.limit", "speed"),
            ("Temporary limits", "instruments.temporarylimit", "more_time"),
            ("Reviews of breaches", "risk.limitreview", "rate_review"),
        ),
    ),
    (
        "Audit",
        (
            ("Swaps", "instruments.historicalswap", "history"),
            ("Basis swaps", "instruments.historicalbasisswap", "history"),
            ("Zero-coupon swaps", "instruments.historicalzerocouponswap", "history"),
            (
                "Forward rate agreements",
                "instruments.historicalforwardrateagreement",
                "history",
            ),
            ("Interest-rate futures", "instruments.historicalinterestratefuture", "history"),
            ("Bond positions", "instruments.historicalbondposition", "history"),
            ("Bonds", "instruments.historicalbond", "history"),
            ("Quarantine", "instruments.historicalquarantine", "history"),
            ("Limits", "instruments.historicallimit", "history"),
            ("Temporary limits", "instruments.historicaltemporarylimit", "history"),
        ),
    ),
    (
        "Access",
        (
            ("Users", "auth.user", "person"),
            ("Roles", "auth.group", "badge"),
            ("Tokens", "knox.authtoken", "key"),
            ("Failed logins", "axes.accessattempt", "lock"),
        ),
    ),
)
"""Title, model and icon of each page, by group."""

VIEW_ALL_DESKS = "instruments.view_all_desks"
SUPERUSERS_ONLY = ("knox.authtoken", "axes.accessattempt")


TRADES, AUDIT = "Trades", "Audit"


def menu(request: HttpRequest) -> list[Item]:
    """Groups that have a page for this user."""
    found = (
        {
            "title": title,
            "separator": True,
            "items": [_item(p) for p in (*pages, *_other_trades(title)) if _may(request, p)],
        }
        for title, pages in GROUPS
    )
    return [group for group in found if group["items"]]


def _other_trades(group: str) -> Iterator[Page]:
    """Pages of the tables of trades that ``GROUPS`` does not list, as tables of new products."""
    if group not in (TRADES, AUDIT):
        return
    listed = {model for _, pages in GROUPS for _, model, _ in pages}
    prefix, icon = ("historical", "history") if group == AUDIT else ("", "payments")
    for model in apps.get_app_config("instruments").get_models():
        name = f"instruments.{prefix}{model._meta.model_name}"
        if hasattr(model, "product") and name not in listed:
            yield str(model._meta.verbose_name_plural).capitalize(), name, icon


def _item(page: Page) -> Item:
    title, model, icon = page
    link = reverse("admin:{}_{}_changelist".format(*model.split(".")))
    return {"title": title, "icon": icon, "link": link}


def _may(request: HttpRequest, page: Page) -> bool:
    app, model = page[1].split(".")
    user = request.user
    if page[1] in SUPERUSERS_ONLY:
        return bool(getattr(user, "is_superuser", False))
    if model.startswith("historical") and not user.has_perm(VIEW_ALL_DESKS):
        return False
    return user.has_perm(f"{app}.view_{model}") or user.has_perm(f"{app}.change_{model}")
