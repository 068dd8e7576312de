"""Find a Java installation new enough for Kafka."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import StackError

OLDEST = 17  # Kafka 4 demands it of brokers
FIX = "install a JDK 17 or newer and Maven, or set KAFKA_BOOTSTRAP_SERVERS"


@dataclass(frozen=True)
class Java:
    """A Java runtime."""

    binary: str
    major: int


def find_java() -> Java:
    """Java of JAVA_HOME, else of PATH.

    Raises:
        StackError: There is none, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    binary = shutil.which("java", path=Path(home) / "bin") if home else None
    binary = binary or shutil.which("java")
    if binary is None:
        raise StackError(f"no Java was found: {FIX}")
    major = major_version(binary)
    if major < OLDEST:
        raise StackError(f"Java {major} is too old for Kafka 4, which needs {OLDEST}: {FIX}")
    return Java(binary, major)


def major_version(binary: str) -> int:
    """17 for ``openjdk version "17.0.15"``, 8 for ``"1.8.0_392"``, 0 when it does not say."""
    try:
        said = subprocess.run(
            [binary, "-version"], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', said.stderr + said.stdout)
    return int(found.group(1)) if found else 0
