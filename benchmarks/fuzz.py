"""Ten thousand mutated files and as many payloads: each ends in a load, a rejection or a clear error.

    python -m benchmarks fuzz
    python -m benchmarks fuzz --mutations 50000

Runs tests/integration/test_fuzz_files.py and test_fuzz_payloads.py, which try a thousand of each otherwise.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import pytest


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutations", type=int, default=10_000)
    asked = parser.parse_args()
    os.environ["HEADROOM_FUZZ"] = str(asked.mutations)
    tests = Path(__file__).parents[1] / "tests" / "integration"
    files = [str(tests / name) for name in ("test_fuzz_files.py", "test_fuzz_payloads.py")]
    return int(pytest.main(["-q", "--timeout", "1200", "--durations", "5", *files]))


if __name__ == "__main__":
    sys.exit(main())
