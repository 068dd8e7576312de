"""Stored responses to writes that carried an Idempotency-Key."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Reply(models.Model):
    """The first answer to a user's key; the same request gets it again, another is refused."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    request_digest = models.CharField(max_length=64, help_text="SHA-256 of method, path and body")
    status = models.PositiveSmallIntegerField(
        null=True, help_text=("empty while the request is in progress")
    )
    body = models.JSONField(null=True)
    created = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("user", "key"), name="a_key_is_used_once_by_a_user"),
        )
        verbose_name_plural = "replies"

    def __str__(self) -> str:
        return self.key
