"""A bridge with a name of its own in; its place in the group given back at a clean end, out.

The group keeps a named member's partitions for it until its session is over (KIP-345), so that one
that died and is started again has them at once. One that ends for good must say so, which
kafka-python's consumer does for members without a name only.
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
        log.warning("the group waits for %s until its session is over: %s", instance, error)
