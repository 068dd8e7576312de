"""The base class of all risk views: login, role, and the desks that the user may read."""

from __future__ import annotations

from typing import Any, cast

from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from instruments import access
from instruments.api.permissions import ReadsMaster
from riskproject.web.tables.answers import TableAnswers


class RiskView(APIView):
    """Base of the risk views."""

    permission_classes: tuple[type[BasePermission], ...] = (IsAuthenticated, ReadsMaster)

    def desks(self, request: Request) -> frozenset[str] | None:
        """Codes of the desks that the user may read; None for all."""
        return access.desks_seen(cast(Any, request.user))


class TablesView(TableAnswers, RiskView):
    """Base of the risk views whose answers are given as files too."""
