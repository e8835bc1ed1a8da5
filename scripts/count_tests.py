"""Says again what failed, since that stands far above the end of a long run, adds up JUnit reports and the documents of
faults and benchmarks, and ends with `N passed, N failed`: count_tests.py FAILED_STEPS REPORT…
"""

import json
import sys
import xml.etree.ElementTree as ElementTree

# Of a failure's text: the message and where it was thrown, not a whole tree that was compared.
SHOWN_LINES = 25


def count_document(report: str) -> tuple[int, int, int]:
    """What passed, failed and was left out; names what failed."""
    try:
        with open(report) as file:
            document = json.load(file)
    except ValueError:
        print(f"failed: {report} is not whole")
        return 0, 1, 0
    faults = document["faults"]
    measured = document.get("shapes", document.get("tasks"))
    if measured is not None:
        # Of a benchmark's shapes a fault is a run that broke off; of tasks on nine nodes one that did not spread.
        for fault in faults:
            print(f"failed: {fault}")
        return len(measured), len(faults), 0
    skipped = [fault for fault in faults if fault.get("skipped")]
    bad = [fault for fault in faults if not fault.get("skipped") and not fault["passed"]]
    for fault in bad:
        print(f"failed: {json.dumps(fault)}")
    return len(faults) - len(skipped) - len(bad), len(bad), len(skipped)


def name_failures(suite: ElementTree.Element) -> None:
    """Prints each failed test's file, name and the beginning of what it said."""
    for case in suite.findall("testcase"):
        for failure in [*case.findall("failure"), *case.findall("error")]:
            print(f"\nfailed: {case.get('classname', '')} > {case.get('name', '')}")
            said = (failure.text or failure.get("message") or "").strip().splitlines()
            for line in said[:SHOWN_LINES]:
                print(f"  {line}")
            if len(said) > SHOWN_LINES:
                print(f"  ({len(said) - SHOWN_LINES} more lines above)")


def main(failed_steps: int, reports: list[str]) -> int:
    passed = failed = skipped = 0
    for report in (name for name in reports if name.endswith(".json")):
        good, bad, left_out = count_document(report)
        passed += good
        failed += bad
        skipped += left_out
    for report in (name for name in reports if name.endswith(".xml")):
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            tests = int(suite.get("tests", 0))
            bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            left_out = int(suite.get("skipped", 0))
            passed += tests - bad - left_out
            failed += bad
            skipped += left_out
            name_failures(suite)
    # A step that failed without a failed test (lint, types, a crash) must not read as success.
    if failed_steps and not failed:
        print("\nfailed: a step without a failed test; look for FAILED above")
        failed = 1
    print(f"\n{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
