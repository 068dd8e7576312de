"""A file for docker compose: every secret fresh, nothing that a person wrote touched."""

import re
from pathlib import Path

import pytest

from devstack.env_file import main, missing_lines, with_secrets

EXAMPLE = (Path(__file__).parents[2] / ".env.example").read_text()


def values(text: str) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


def test_every_secret_is_long_and_no_two_are_alike() -> None:
    made = values(with_secrets(EXAMPLE))
    secret = {name: value for name, value in made.items() if name.endswith(("PASSWORD", "_KEY"))}
    assert len(secret) >= 9
    assert len(set(secret.values())) == len(secret)
    assert all(re.fullmatch(r"[0-9a-f]{48,}", value) for value in secret.values())
    assert len(made["SECRET_KEY"]) >= 50
    plain = values(EXAMPLE).keys() - secret
    assert {name: made[name] for name in plain} == {name: values(EXAMPLE)[name] for name in plain}


def test_two_files_have_no_secret_in_common() -> None:
    one, two = values(with_secrets(EXAMPLE)), values(with_secrets(EXAMPLE))
    assert not {one[name] for name in one if name.endswith("PASSWORD")} & set(two.values())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".env.example").write_text(EXAMPLE)
    return tmp_path


def test_the_file_is_for_its_owner_alone(root: Path) -> None:
    assert main(root) == 0
    assert (root / ".env").stat().st_mode & 0o777 == 0o600


def test_what_stands_there_stays_and_what_a_release_adds_is_added(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / ".env").write_text("SECRET_KEY=mine\nWEB_PORT=9000\n")
    assert main(root) == 0
    found = values((root / ".env").read_text())
    assert (found["SECRET_KEY"], found["WEB_PORT"]) == ("mine", "9000")
    assert set(found) == set(values(EXAMPLE))
    assert "REDIS_WEB_PASSWORD" in capsys.readouterr().out
    before = (root / ".env").read_text()
    main(root)
    assert (root / ".env").read_text() == before
    assert capsys.readouterr().out == ".env was there; added: nothing.\n"


def test_a_comment_that_names_a_variable_is_no_variable() -> None:
    assert not missing_lines("# A=1\n", "")
