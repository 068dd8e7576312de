"""The least-privilege Kafka ACLs of each account.

    account    yield_curve_ticks  fx_ticks  yield_curve_ticks.dlq  its group
    bridge     READ               READ      WRITE                  READ
    feed       WRITE              WRITE
    operator   WRITE              WRITE     READ

READ and WRITE include DESCRIBE, which lets an account see that a topic exists. An operator lists
dead letters and sends them again. No account here may create topics or grant rights: that is for
an administrator.
"""

from __future__ import annotations

from typing import NamedTuple

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from feedbridge.kafka.topics import FX_TICKS, YIELD_CURVE_TICKS, YIELD_CURVE_TICKS_DLQ

GROUP = "feedbridge"
TOPIC_RIGHTS: dict[str, dict[str, str]] = {
    "bridge": {YIELD_CURVE_TICKS: "READ", FX_TICKS: "READ", YIELD_CURVE_TICKS_DLQ: "WRITE"},
    "feed": {YIELD_CURVE_TICKS: "WRITE", FX_TICKS: "WRITE"},
    "operator": {YIELD_CURVE_TICKS: "WRITE", FX_TICKS: "WRITE", YIELD_CURVE_TICKS_DLQ: "READ"},
}
ROLES_WITH_A_GROUP = ("bridge",)


class Right(NamedTuple):
    """One thing that one account may do."""

    account: str
    operation: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.account}: {self.operation} {self.kind.lower()} {self.name}"

    def acl(self) -> ACL:
        """Return the broker's form of it: from any host, because firewalls restrict addresses."""
        return ACL(
            principal=principal(self.account),
            host="*",
            operation=ACLOperation[self.operation],
            permission_type=ACLPermissionType.ALLOW,
            resource_pattern=ResourcePattern(ResourceType[self.kind], self.name),
        )


def rights_of(role: str, account: str, group: str = GROUP) -> list[Right]:
    """Return the rights that an account of this role needs.

    Args:
        role: A key of TOPIC_RIGHTS.
        account: Its name, as it logs in.
        group: The consumer group of bridges.
    """
    topics = TOPIC_RIGHTS[role].items()
    rights = [Right(account, operation, "TOPIC", name) for name, operation in topics]
    if role in ROLES_WITH_A_GROUP:
        rights.append(Right(account, "READ", "GROUP", group))
    return rights


def all_acls_of(account: str) -> ACLFilter:
    """Return the filter that matches all rights granted to an account by name."""
    return ACLFilter(
        principal=principal(account),
        host=None,
        operation=ACLOperation.ANY,
        permission_type=ACLPermissionType.ANY,
        resource_pattern=ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
    )


def exactly(acl: ACL) -> ACLFilter:
    """Return the filter that matches this right only."""
    pattern = acl.resource_pattern
    return ACLFilter(
        principal=acl.principal,
        host=acl.host,
        operation=acl.operation,
        permission_type=acl.permission_type,
        resource_pattern=ResourcePatternFilter(
            pattern.resource_type, pattern.resource_name, pattern.pattern_type
        ),
    )


def said(acl: ACL) -> str:
    """Return the ACL as a Right; prefixes and single hosts have no Right."""
    pattern = acl.resource_pattern
    words = [
        f"{acl.principal.removeprefix('User:')}: {acl.operation.name}",
        pattern.resource_type.name.lower(),
        pattern.resource_name,
    ]
    if pattern.pattern_type is not ACLResourcePatternType.LITERAL:
        words.append(f"({pattern.pattern_type.name.lower()})")
    if acl.host != "*":
        words.append(f"(from {acl.host})")
    return " ".join(words)


def principal(account: str) -> str:
    """Return the principal name of a SASL account."""
    return f"User:{account}"
