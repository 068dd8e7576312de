"""Clients are generated where their tools are; elsewhere the command says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstack import clients


def test_a_tool_that_is_missing_is_named_with_what_provides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(clients.NotRun, match="npx was not found: apt-get install nodejs npm"):
        clients.typescript(tmp_path / "openapi.yaml", tmp_path / "typescript")


def test_a_registry_that_is_away_is_no_failure_and_another_error_is_one(tmp_path: Path) -> None:
    for word, error in (
        ("getaddrinfo ENOTFOUND registry", clients.NotRun),
        ("bad", clients.Failed),
    ):
        with pytest.raises(error):
            clients.run("sh", "-c", f"echo {word}; exit 1")
    assert clients.run("echo", "fine") == "fine\n"


def test_a_client_that_does_not_build_fails_the_command_and_a_missing_tool_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ends(error: Exception) -> clients.Client:
        def build(schema: Path, place: Path) -> None:
            assert "/api/v1/risk/portfolio/" in schema.read_text()
            raise error

        return clients.Client(type(error).__name__, build)

    monkeypatch.setattr("sys.argv", ["clients", "--to", str(tmp_path)])
    for error, code, said in (
        (clients.NotRun("npx was not found"), 0, "NotRun: not run: npx was not found"),
        (clients.Failed("a type is wrong"), 1, "Failed: does not build: a type is wrong"),
    ):
        monkeypatch.setattr(clients, "CLIENTS", (ends(error),))
        assert clients.main() == code
        assert said in "".join(capsys.readouterr())


def test_the_product_requires_none_of_the_generators() -> None:
    for lock in clients.ROOT.glob("requirements*.txt"):
        assert "openapi-python-client" not in lock.read_text(), lock
    assert clients.OPERATION in clients.USE_OF_TYPESCRIPT
