"""The server keeps to its own OpenAPI file: schemathesis asks every operation, and looks hard.

``REST_DEEP=1 pytest tests/risk/api/test_contract.py`` looks harder: some five thousand cases more,
one for each bound of each field, some minutes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from django.core.management import call_command

from tests.risk.api.conftest import Live, answers, start_web
from tests.waiting import until

DEEP = bool(os.environ.get("REST_DEEP"))
PHASES, EXAMPLES = ("coverage,fuzzing,stateful", "20") if DEEP else ("fuzzing,stateful", "5")
EXCLUDED = {
    # No schema can say that a trade matures after it starts, that a code is of a row that
    # exists, or that a number is within what a convention allows: such calls are refused.
    "positive_data_acceptance",
}


def test_the_schema_is_valid_and_made_without_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "openapi.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(file))
    assert "/api/v1/swaps/bulk/" in file.read_text()


def test_every_answer_of_every_operation_is_as_documented(live: Live, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    # A stream that ends at once: its events are the matter of test_stream.py.
    start_web(live.system, "contract", port, STREAM_SECONDS="0", LOG_LEVEL="ERROR")
    url = f"http://127.0.0.1:{port}"
    until(lambda: answers(url))
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "schemathesis"), "run", f"{url}/api/schema/"),
            *("--header", f"Authorization: Token {live.system.token}"),
            *("--checks", "all", "--exclude-checks", ",".join(sorted(EXCLUDED))),
            *("--phases", PHASES, "--max-examples", EXAMPLES, "--seed", "17"),
            # Two threads of it trip over ast.parse of Python 3.11 (SystemError).
            *("--workers", "1"),
            *("--request-timeout", "20", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout.split("SUMMARY")[-1])
    found = done.stdout.split(" WARNINGS ")[0]  # of the tool about its own data, not ours
    assert done.returncode == 0, found[-12_000:] + done.stderr[-3_000:]
