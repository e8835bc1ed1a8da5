"""Adds up JUnit reports and ends with `N passed, N failed`: count_tests.py FAILED_STEPS REPORT…"""

import sys
import xml.etree.ElementTree as ElementTree


def main(failed_steps: int, reports: list[str]) -> int:
    passed = failed = skipped = 0
    for report in reports:
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            tests = int(suite.get("tests", 0))
            bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            left_out = int(suite.get("skipped", 0))
            passed += tests - bad - left_out
            failed += bad
            skipped += left_out
    # A step that failed without a failed test (lint, types, a crash) must not read as success.
    if failed_steps and not failed:
        failed = 1
    print(f"\n{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
