"""Replace the API tokens, which were stored as they are, by their hashes.

Clients keep their tokens: a hash is made of each, as knox makes it. It cannot be turned back.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import migrations

OLD_TABLE = "authtoken_token"
BEGINNING_CHARACTERS = 15  # of a token that knox keeps beside its hash, to find it by


def hash_tokens(apps: Any, schema_editor: Any) -> None:
    connection = schema_editor.connection
    if OLD_TABLE not in connection.introspection.table_names():
        return
    tokens = apps.get_model("knox", "AuthToken").objects
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, user_id, created FROM authtoken_token")
        for key, user_id, created in cursor.fetchall():
            digest = hashlib.sha512(key.encode()).hexdigest()
            tokens.create(digest=digest, token_key=key[:BEGINNING_CHARACTERS], user_id=user_id)
            tokens.filter(digest=digest).update(created=created)
        cursor.execute("DROP TABLE authtoken_token")


class Migration(migrations.Migration):
    dependencies = (
        ("instruments", "0006_see_all_desks"),
        ("knox", "0009_extend_authtoken_field"),
    )
    operations = (migrations.RunPython(hash_tokens, migrations.RunPython.noop),)
