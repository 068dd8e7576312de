"""What runs can write rows and nothing else: each right and each refusal, on a real PostgreSQL."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from psycopg import errors

from instruments.models import Book, Quarantine, Swap
from ops.access.postgres.rights import APP, READONLY
from ops.access.postgres.urls import url_as
from tests import not_run
from tests.e2e.system import ROOT, System, _with_path, running_system
from tests.instruments.test_admin import form_of
from tests.instruments.test_api import SWAP
from tests.redis_databases import RedisDatabase
from tests.security.conftest import by_token
from tests.servers import BASE

VARIABLES = {APP: "DATABASE_APP_PASSWORD", READONLY: "DATABASE_READONLY_PASSWORD"}
pytestmark = not_run.unless(
    all(os.environ.get(name) for name in VARIABLES.values()), not_run.OWN_DATABASE
)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A database with tables, roles and a book; its environment is that of `risk_app`.

    It is a copy of another one, as those of most tests: what holds here holds there.
    """
    base: Path = tmp_path_factory.mktemp("roles")
    with running_system(base, os.environ, redis_db=RedisDatabase.DATABASE_ROLES) as migrated:
        migrated.migrate()
    with running_system(base, os.environ, redis_db=RedisDatabase.DATABASE_ROLES) as made:
        made.migrate()
        made.manage("seed_book", "--trades", "200")
        yield made


def url_of(system: System, role: str = "") -> str:
    """The URL of that role; of the owner without one."""
    if role:
        return url_as(system.environment["DATABASE_URL"], role, os.environ[VARIABLES[role]])
    return _with_path(os.environ["DATABASE_URL"], system.environment["E2E_GROUP"])


def ask(system: System, role: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url_of(system, role), autocommit=True) as link:
        cursor = link.execute(query)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def working_as(system: System, role: str) -> Iterator[None]:
    """Django in this process on the database of this module, logged in as that role."""
    parts = urlsplit(url_of(system, role))
    login = {"USER": parts.username, "PASSWORD": parts.password, "NAME": parts.path[1:]}
    kept = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict.update(login)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(kept)


@pytest.fixture
def as_app(system: System, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), working_as(system, APP):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == (APP,)
        yield


@pytest.fixture
def roles(system: System, settings: Any, django_db_blocker: Any) -> Callable[..., list[str]]:
    """`manage.py database_roles` by the owner, unless said otherwise; the lines that it prints."""
    passwords = {role: os.environ[name] for role, name in VARIABLES.items()}

    def run(by: str = "", **changed: str) -> list[str]:
        settings.DATABASE_ROLE_PASSWORDS = passwords | changed
        with django_db_blocker.unblock(), working_as(system, by):
            return said("database_roles")

    return run


def said(command: str, *words: str) -> list[str]:
    output = io.StringIO()
    call_command(command, *words, stdout=output)
    return output.getvalue().splitlines()


# --- Refusals ------------------------------------------------------------------------------------

HISTORY = "instruments_historicalswap"
NOBODY_MAY = [
    "DROP TABLE instruments_swap",
    "TRUNCATE instruments_swap",
    "ALTER TABLE instruments_swap ADD COLUMN x int",
    "CREATE INDEX ON instruments_swap (notional)",
    "CREATE TABLE mine (x int)",
    "CREATE TEMPORARY TABLE mine (x int)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION instruments_history_stays() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NEW; END'",
    f"DROP TABLE {HISTORY}",
    f"TRUNCATE {HISTORY}",
    f"UPDATE {HISTORY} SET notional = 1",
    f"DELETE FROM {HISTORY}",
    f"ALTER TABLE {HISTORY} DISABLE TRIGGER history_stays",
    f"DROP TRIGGER history_stays ON {HISTORY}",
    "DROP FUNCTION instruments_history_stays() CASCADE",
    "SET session_replication_role = replica",  # would switch triggers off
    "INSERT INTO django_migrations (app, name, applied) VALUES ('x', 'y', now())",
    "DELETE FROM django_migrations",
    "SELECT setval('feedbridge_epoch', 1)",
    "SELECT rolpassword FROM pg_authid",
    "SELECT * FROM pg_read_file('postgresql.conf')",
    "COPY instruments_swap TO PROGRAM 'true'",
    "CREATE ROLE friend",
    "ALTER ROLE risk_app SUPERUSER",
    "SET ROLE risk",
    "UPDATE risk_limitreview SET comment = 'x'",
    "DELETE FROM risk_limitreview",
    "DROP TRIGGER reviews_stay ON risk_limitreview",
    "SELECT risk_framewithin_partition('2024-03-05')",
    "DROP TABLE risk_framewithin",
]
LOOKING_MAY_NOT = [
    "INSERT INTO instruments_bookversion SELECT * FROM instruments_bookversion",
    "UPDATE instruments_swap SET notional = 1",
    "DELETE FROM instruments_swap",
    "SELECT nextval('feedbridge_epoch')",
    "SELECT * FROM knox_authtoken",
    "SELECT * FROM django_session",
    "SELECT * FROM auth_user",
    "SELECT password FROM auth_user",
    "SELECT email FROM auth_user",
    "SELECT * FROM instruments_reply",
    "SELECT * FROM axes_accessattempt",
    "SELECT * FROM axes_accesslog",
    "SELECT * FROM django_admin_log",
    "SELECT risk_framewithin_open(current_date)",
    "SELECT risk_framewithin_drop(current_date)",
]


@pytest.mark.parametrize("role", [APP, READONLY])
@pytest.mark.parametrize("statement", NOBODY_MAY)
def test_neither_role_may(system: System, role: str, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        ask(system, role, statement)


@pytest.mark.parametrize("statement", LOOKING_MAY_NOT)
def test_who_only_looks_may_not(system: System, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        ask(system, READONLY, statement)


def test_partitions_of_frames_are_opened_and_dropped_by_what_runs_and_read_through_their_table(
    system: System,
) -> None:
    partition = ask(system, APP, "SELECT 'risk_framewithin_' || to_char(current_date, 'YYYYMMDD')")
    name = str(partition[0][0])
    ask(system, APP, "SELECT risk_framewithin_open(current_date)")
    ask(system, APP, "SELECT risk_framewithin_open(current_date)")  # twice is safe
    for role in (APP, READONLY):
        ask(system, role, "SELECT count(*) FROM risk_framewithin")
        with pytest.raises(errors.InsufficientPrivilege):
            ask(system, role, f"SELECT count(*) FROM {name}")
    assert ask(system, APP, "SELECT risk_framewithin_drop(current_date)") == []
    for asked in ("open(current_date + 9)", "open(current_date - 9)", "drop(current_date + 1)"):
        with pytest.raises(errors.RaiseException, match="frames within a day"):
            ask(system, APP, f"SELECT risk_framewithin_{asked}")


def test_a_right_that_a_role_gives_away_reaches_nobody(system: System) -> None:
    ask(system, APP, f"GRANT UPDATE, DELETE ON {HISTORY} TO PUBLIC")  # a warning, no error
    for role in (APP, READONLY):
        with pytest.raises(errors.InsufficientPrivilege):
            ask(system, role, f"DELETE FROM {HISTORY}")


def test_the_one_column_of_a_history_that_may_be_emptied_takes_no_other_name(
    system: System,
) -> None:
    with pytest.raises(errors.RaiseException, match="only ever added to"):
        ask(system, APP, f"UPDATE {HISTORY} SET history_user_id = 1")


# --- Rights --------------------------------------------------------------------------------------

READABLE = {
    "auth_user.id",
    "auth_user.username",
    "django_migrations",
    "market_history_curvefile",
    "market_history_curvequote",
    *(
        f"instruments_{prefix}{name}"
        for prefix in ("", "historical")
        for name in (
            "whatifset",
            *("bond", "bondposition", "book", "counterparty", "desk", "desk_traders"),
            *("fixing", "fxrate", "issuer", "quarantine", "swap"),
            *("basisswap", "floatingratenote", "forwardrateagreement", "interestratefuture"),
            *("scenarioshock", "zerocouponswap", "bondfuture", "deliverable"),
            *("limit", "temporarylimit"),
        )
    ),
    "instruments_bookchange",
    "instruments_bookversion",
    "risk_attributionrun",
    "risk_backtestrun",
    "risk_dayreport",
    "risk_frameclose",
    "risk_frameclosedetail",
    "risk_framecloseexplain",
    "risk_framewithin",
    "risk_replay",
    *(
        f"risk_limit{name}"
        for name in ("breach", "delivery", "event", "gap", "input", "position", "review", "state")
    ),
}
ADDED_TO = ("market_history_", "instruments_bookchange", "risk_limitreview")
ALL_RIGHTS = """
    SELECT c.relname::text, p FROM pg_class c,
    unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p
    WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
    AND has_table_privilege(c.oid, p)
"""
COLUMNS = """
    SELECT c.relname::text || '.' || attname::text, p FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped,
    unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) p
    WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
    AND has_column_privilege(c.oid, a.attnum, p) AND NOT has_table_privilege(c.oid, p)
"""


def rights_by_table(system: System, role: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for table, privilege in ask(system, role, ALL_RIGHTS):
        found.setdefault(table, set()).add(privilege)
    return found


def test_what_runs_writes_every_table_but_histories_and_what_migrate_makes(
    system: System,
) -> None:
    found = rights_by_table(system, APP)
    read_alone = {"django_migrations", "django_content_type", "auth_permission"}
    assert len(found) > 30
    for table, privileges in found.items():
        if table in read_alone:
            assert privileges == {"SELECT"}, table
        elif "historical" in table or table.startswith(ADDED_TO):
            assert privileges == {"SELECT", "INSERT"}, table
        else:
            assert privileges == {"SELECT", "INSERT", "UPDATE", "DELETE"}, table
    columns = ask(system, APP, COLUMNS)
    assert {privilege for _, privilege in columns} == {"UPDATE"}
    assert {name.partition(".")[2] for name, _ in columns} == {
        "history_user_id",
        "loaded_by_id",
        "superseded_by_id",
        "user_id",
    }


def test_who_only_looks_reads_the_master_its_histories_and_the_names_of_users(
    system: System,
) -> None:
    found = rights_by_table(system, READONLY)
    assert all(privileges == {"SELECT"} for privileges in found.values())
    columns = ask(system, READONLY, COLUMNS)
    assert {privilege for _, privilege in columns} == {"SELECT"}
    assert {*found, *(name for name, _ in columns)} == READABLE
    assert ask(system, READONLY, "SELECT count(*) FROM instruments_swap")[0][0] > 0


def test_everybody_else_may_connect_and_nothing_more(system: System) -> None:
    acl = "SELECT privilege_type FROM {}, aclexplode({}) e WHERE e.grantee = 0 AND {}"
    database = acl.format("pg_database", "datacl", "datname = current_database()")
    schema = acl.format("pg_namespace", "nspacl", "nspname = 'public'")
    assert ask(system, "", database) == [("CONNECT",)]
    assert ask(system, "", schema) == []


# --- The command ---------------------------------------------------------------------------------

STATE = """
    SELECT 'table', oid::bigint, xmin::text, relacl::text FROM pg_class WHERE relacl IS NOT NULL
    UNION ALL SELECT 'role', oid::bigint, xmin::text, rolpassword FROM pg_authid
    UNION ALL SELECT 'database', oid::bigint, xmin::text, datacl::text FROM pg_database
    UNION ALL SELECT 'default', oid::bigint, xmin::text, defaclacl::text FROM pg_default_acl
    ORDER BY 1, 2
"""


def test_running_it_again_changes_nothing_and_says_so(
    system: System, roles: Callable[..., list[str]]
) -> None:
    before = ask(system, "", STATE)
    assert roles() == ["risk_app: unchanged", "risk_readonly: unchanged", "rights: unchanged"]
    assert ask(system, "", STATE) == before


def test_rights_that_somebody_gave_by_hand_are_taken_and_lost_ones_come_back(
    system: System, roles: Callable[..., list[str]]
) -> None:
    ask(system, "", f"GRANT ALL ON {HISTORY} TO risk_app")
    ask(system, "", "GRANT SELECT ON auth_user TO risk_readonly, PUBLIC")
    ask(system, "", "REVOKE INSERT ON instruments_swap FROM risk_app")
    assert "given" in roles()[-1]
    assert roles()[-1] == "rights: unchanged"
    for statement in (f"TRUNCATE {HISTORY}", f"DELETE FROM {HISTORY}"):
        with pytest.raises(errors.InsufficientPrivilege):
            ask(system, APP, statement)
    with pytest.raises(errors.InsufficientPrivilege):
        ask(system, READONLY, "SELECT password FROM auth_user")
    ask(system, READONLY, "SELECT id, username FROM auth_user")
    assert "INSERT" in rights_by_table(system, APP)["instruments_swap"]


def test_a_right_that_another_than_the_owner_gave_is_told_and_nothing_changes(
    system: System, roles: Callable[..., list[str]]
) -> None:
    """Revoking it takes the one who gave it, so its owner's word alone does not."""
    ask(system, "", "GRANT SELECT ON knox_authtoken TO risk_app WITH GRANT OPTION")
    ask(system, APP, "GRANT SELECT ON knox_authtoken TO risk_readonly")
    try:
        with pytest.raises(CommandError, match=r"^1 rights differ from .* Nothing was changed"):
            roles()
    finally:
        ask(system, "", "REVOKE GRANT OPTION FOR SELECT ON knox_authtoken FROM risk_app CASCADE")
    assert roles()[-1] == "rights: unchanged"


def test_a_later_migration_s_tables_have_the_least_rights_until_it_runs_again(
    system: System, roles: Callable[..., list[str]]
) -> None:
    for table in ("instruments_later", "instruments_historicallater"):
        ask(system, "", f"CREATE TABLE {table} (id serial PRIMARY KEY, x int)")
        ask(system, APP, f"INSERT INTO {table} (x) VALUES (1)")
        assert ask(system, APP, f"SELECT x FROM {table}") == [(1,)]
        with pytest.raises(errors.InsufficientPrivilege):
            ask(system, APP, f"UPDATE {table} SET x = 2")
        with pytest.raises(errors.InsufficientPrivilege):
            ask(system, READONLY, f"SELECT x FROM {table}")
    roles()
    ask(system, APP, "UPDATE instruments_later SET x = 2")
    assert ask(system, READONLY, "SELECT x FROM instruments_later") == [(2,)]
    with pytest.raises(errors.InsufficientPrivilege):
        ask(system, APP, "UPDATE instruments_historicallater SET x = 2")
    ask(system, "", "DROP TABLE instruments_later, instruments_historicallater")


def test_who_does_not_own_the_tables_gets_one_sentence(system: System) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "database_roles"],
        env=system.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "CommandError: DATABASE_URL logs in as risk_app, and only risk, who owns database and "
        "tables, may give rights: run this with the owner's URL.\n"
    )


def test_a_role_without_a_password_is_left_out_and_said_so(
    roles: Callable[..., list[str]],
) -> None:
    assert roles(risk_readonly="") == [
        "risk_app: unchanged",
        "risk_readonly: left out, DATABASE_READONLY_PASSWORD is not set",
        "rights: unchanged",
    ]


def test_a_role_that_is_a_member_of_another_is_refused(
    system: System, roles: Callable[..., list[str]]
) -> None:
    ask(system, "", "GRANT pg_read_all_data TO risk_readonly")
    try:
        with pytest.raises(CommandError, match="risk_readonly is a member of pg_read_all_data"):
            roles()
    finally:
        ask(system, "", "REVOKE pg_read_all_data FROM risk_readonly")


def test_special_powers_of_a_role_are_taken(
    system: System, roles: Callable[..., list[str]]
) -> None:
    ask(system, "", "ALTER ROLE risk_readonly CREATEDB BYPASSRLS")
    assert "risk_readonly: special powers taken" in roles()
    assert "risk_readonly: unchanged" in roles()


def test_a_new_password_is_set_without_the_server_seeing_it(
    system: System, roles: Callable[..., list[str]]
) -> None:
    secret = "a-password-that-no-log-has"
    ask(system, "", "ALTER ROLE risk SET log_statement = 'all'")
    try:
        assert "risk_readonly: password set" in roles(risk_readonly=secret)
        psycopg.connect(url_as(url_of(system), READONLY, secret)).close()
    finally:
        ask(system, "", "ALTER ROLE risk RESET log_statement")
        assert "risk_readonly: password set" in roles()
    log = (BASE / "log" / "postgres.log").read_text()
    assert """ALTER ROLE "risk_readonly" PASSWORD 'SCRAM-SHA-256$""" in log
    assert secret not in log


def test_an_owner_who_is_no_superuser_can_do_all_of_it(system: System) -> None:
    name = system.environment["E2E_GROUP"] + "_plain"
    ask(system, "", f"CREATE ROLE {name} LOGIN PASSWORD 'plain-password'")
    ask(system, "", f"CREATE DATABASE {name} OWNER {name}")
    url = url_as(_with_path(url_of(system), name), name, "plain-password")
    passwords = {variable: os.environ[variable] for variable in VARIABLES.values()}
    plain = System({**system.environment, **passwords, "DATABASE_URL": url}, system.log)
    try:
        plain.manage("migrate", "--verbosity", "0")
        assert "given" in plain.manage("database_roles")
        assert plain.manage("database_roles").splitlines()[-1] == "rights: unchanged"
    finally:
        ask(system, "", f"DROP DATABASE {name} WITH (FORCE)")
        ask(system, "", f"DROP ROLE {name}")


# --- The product as risk_app -------------------------------------------------------------------


@pytest.fixture
def admin(as_app: None) -> Iterator[Any]:
    user = get_user_model().objects.create_superuser("roles", "r@example.com", "right-horse-1")
    yield user
    get_user_model().objects.filter(pk=user.pk).delete()


def test_an_edit_in_the_admin_writes_history_and_a_deleted_editor_leaves_it_without_a_name(
    admin: Any,
) -> None:
    client, swap = Client(), Swap.objects.order_by("pk")[0]
    login = {"username": "roles", "password": "right-horse-1"}
    assert client.post("/admin/login/", login).status_code == 302
    address = f"/admin/instruments/swap/{swap.pk}/change/"
    page = client.post(address, {**form_of(client, address), "fixed_rate": "0.0417"})
    assert page.status_code == 302
    assert (swap.history.latest().fixed_rate, swap.history.latest().history_user) == (
        Swap.objects.get(pk=swap.pk).fixed_rate,
        admin,
    )
    removed = client.post("/admin/instruments/swap/", selection(swap))
    assert removed.status_code == 302
    assert not Swap.objects.filter(pk=swap.pk).exists()
    admin.delete()
    lines = Swap.history.filter(trade_id=swap.trade_id)
    assert lines.count() == 3
    assert not lines.filter(history_user__isnull=False).exists()


def selection(swap: Swap) -> dict[str, Any]:
    return {"action": "delete_selected", "_selected_action": [swap.pk], "post": "yes"}


def test_rest_writes_single_rows_and_thousands_and_keeps_its_answers(admin: Any) -> None:
    api, book = by_token(admin), Book.objects.order_by("pk")[0].code
    row = {**SWAP, "book": book, "trade_id": "ROLES-1"}
    made = [api.post("/api/v1/swaps/", row, HTTP_IDEMPOTENCY_KEY="once") for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    changed = api.patch("/api/v1/swaps/ROLES-1/", {"notional": 5, "version": 1})
    assert changed.json()["version"] == 2
    rows = [{**SWAP, "book": book, "trade_id": f"ROLES-B{n}"} for n in range(3000)]
    answer = api.post("/api/v1/swaps/bulk/", rows)
    assert answer.json()["counts"]["new"] == 3000
    assert Swap.history.filter(trade_id__startswith="ROLES-B").count() == 3000


@pytest.mark.parametrize(
    "command",
    [
        "seed_book --trades 25",
        "seed_fixings",
        "create_admin",
        "create_token feed --role viewer --renew",
        "quarantine",
        "mark_matured --on 2090-01-01",
        "clearsessions",
        "axes_reset",
        "migrate --check",
        "check --database default",
    ],
)
def test_commands_that_people_run_by_hand_work(as_app: None, command: str) -> None:
    said(*command.split())


def test_a_file_is_loaded_by_hand_and_its_history_written(as_app: None, tmp_path: Path) -> None:
    file = tmp_path / "swaps.csv"
    said("export_instruments", "swaps", "--out", str(file))
    header, first, *_ = file.read_text().splitlines()
    known = Swap.objects.order_by("trade_id")[0].trade_id
    assert known in first
    file.write_text(f"{header}\n{first.replace(known, 'BY-HAND')}\n")
    said("load_instruments", str(file))
    assert Swap.history.filter(trade_id="BY-HAND", history_type="+").count() == 1


def test_a_quarantined_trade_is_released_by_hand(as_app: None) -> None:
    trade = Swap.objects.order_by("pk")[0].trade_id
    Quarantine.objects.create(trade_id=trade, currency="USD", frame=1, reason="ends its worker")
    assert f"{trade} is released and will be in the next book" in said(
        "quarantine", "--release", trade
    )
    assert not Quarantine.objects.exists()
