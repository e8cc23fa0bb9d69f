"""`make demo`: one correct and one broken integration, through the unmodified simple-salesforce client."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SFMOCK = [sys.executable, "-m", "mock_server.cli"]


def prove(title: str, subject: str, scenario: str) -> int:
    command = f"{sys.executable} {HERE / 'subjects' / subject}"
    print(f"\n=== {title}\n$ sfmock prove {scenario} --run 'python tests/subjects/{subject}'\n", flush=True)
    return subprocess.run([*SFMOCK, "prove", scenario, "--run", command], cwd=HERE.parent, check=False).returncode


def main() -> int:
    correct = prove(
        "An integration that retries what is transient and dead-letters the rest", "correct.py", "row-locks"
    )
    broken = prove("The same, but it takes HTTP 200 for success", "swallows_row_errors.py", "row-locks")
    print(
        "\nThe first one held all that was tried (exit 0). The second lost records without noticing (exit 1): the lines above "
        "name the requests that prove it."
    )
    return 0 if (correct, broken) == (0, 1) else 1


if __name__ == "__main__":
    sys.exit(main())
