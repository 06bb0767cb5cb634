"""Power cuts and full disks at every write: the unit tests' simulation, and its control, which must find what is lost."""
import os
import re
import subprocess

from harness import SOURCE, Counts, print_table

TESTS = os.environ.get("CIR_UNIT_TESTS", str(SOURCE / "build"))


def try_power():
    """Returns whether nothing was lost, and the control saw that something was."""
    rows = []
    for name in ("power", "disk"):
        program = os.path.join(TESTS, f"test_index_faults_{name}")
        done = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1200,
                              env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "STDOUT"})
        for line in re.findall(r"^FAULTS (.*): (\d+) tried, (\d+) lost$", done.stdout, re.M):
            counts = Counts()
            counts["runs"] = int(line[1])
            counts["wrong"] = int(line[2])
            counts["no harm"] = counts["runs"] - counts["wrong"]
            rows.append((line[0], counts))
        if done.returncode != 0:
            rows.append((f"{name}: the tests fail", Counts()))
            rows[-1][1].add("wrong", done.stdout[-1500:])
    print_table("disk", rows)
    return bool(rows) and not any(counts.bad for _, counts in rows)
