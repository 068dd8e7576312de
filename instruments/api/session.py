"""Report the logged-in user and the desks whose risk the user may read; used by the dashboard."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from instruments import access
from instruments.api.permissions import ReadsMaster


class Session(serializers.Serializer[Any]):
    """Only the schema is made from it."""

    user = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    desks = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Codes of the desks whose risk the user reads; null: all",
    )


class SessionView(APIView):
    """Return the logged-in user.

    Calls with a login are not throttled: the dashboard asks for each user every few seconds, and a
    user who has reached the limit must not lose the dashboard. Calls without a login are throttled.
    """

    permission_classes = (IsAuthenticated, ReadsMaster)
    throttle_classes = ()

    @extend_schema(operation_id="session", responses=Session)
    def get(self, request: Request) -> Response:
        """Name, roles and desks of the caller; refused to who may not read risk."""
        user = cast(Any, request.user)
        desks = access.desks_seen(user)
        found = {
            "user": user.get_username(),
            "roles": access.roles_of(user),
            "desks": None if desks is None else sorted(desks),
        }
        return Response(found, headers={"Cache-Control": "no-store"})
