"""Leave the consumer group at a clean shutdown of a bridge with static membership.

The group keeps a static member's partitions until its session expires (KIP-345), so a member that
crashed and restarted has them at once. A member that ends for good must leave explicitly;
kafka-python's consumer does so for dynamic members only.
"""

from __future__ import annotations

import logging

from kafka.admin import MemberToRemove
from kafka.errors import KafkaError

from feedbridge.kafka.connection import AccessRefused, BrokerUnreachable, Options
from feedbridge.kafka.topics import connect_admin

log = logging.getLogger(__name__)


def leave(servers: str, access: Options, group: str, instance: str) -> None:
    """Take a named member out of its group; without it the others wait for its session."""
    if not instance:
        return
    try:
        admin = connect_admin(servers, access)
        try:
            admin.remove_group_members(group, [MemberToRemove(group_instance_id=instance)])
        finally:
            admin.close()
    except (KafkaError, BrokerUnreachable, AccessRefused) as error:
        log.warning(
            "the group keeps the partitions of %s until its session expires: %s", instance, error
        )
