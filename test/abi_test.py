"""What script/abi lets pass: nothing changed, an addition with a higher version, anything with another major version."""
import os
import re
import shutil
import subprocess

import pytest

from conftest import SOURCE

pytestmark = pytest.mark.skipif(shutil.which("abidiff") is None, reason="there is no abidiff (abigail-tools)")


def compare(include):
    done = subprocess.run([SOURCE / "script" / "abi", "--include", include], capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    return done


@pytest.fixture
def include(tmp_path):
    return shutil.copytree(SOURCE / "include", tmp_path / "include")


def replace(include, header, pattern, text):
    path = include / "cir" / header
    changed, n = re.subn(pattern, text, path.read_text(), count=1)
    assert n == 1, pattern
    path.write_text(changed)


def raise_version(include, part):
    replace(include, "version.h", rf"(#define CIR_VERSION_{part}) (\d+)", lambda match: f"{match[1]} {int(match[2]) + 1}")


CHANGES = {
    "function": ("status.h", r"(CIR_API const char \*cir_status_name)", r"CIR_API int cir_status_more(void);\n\1"),
    "member at the end of a struct with its size": ("search.h", r"(typedef struct cir_search_options \{[^}]*)\}", r"\1    int more;\n}"),
}
BREAKS = {
    "function that is gone": ("pool.h", r"CIR_API void cir_pool_free\([^;]*;", ""),
    "type of an argument": ("search.h", r"const cir_query \*query, size_t k,", "const cir_query *query, uint32_t k,"),
    "member at the end of a frozen struct": ("search.h", r"(typedef struct cir_hit \{[^}]*)\}", r"\1    int more;\n}"),
    "member in the middle": ("search.h", r"(typedef struct cir_search_options \{\s*size_t size;)", r"\1\n    int more;"),
}


def test_the_headers_are_those_of_the_dump(include):
    assert compare(include).returncode == 0


@pytest.mark.parametrize("change", CHANGES)
def test_an_addition_needs_a_higher_version(include, change):
    replace(include, *CHANGES[change])
    refused = compare(include)
    assert refused.returncode == 1 and "An addition needs a higher version" in refused.stdout
    raise_version(include, "MINOR")
    assert compare(include).returncode == 0


@pytest.mark.parametrize("change", BREAKS)
def test_a_change_needs_another_major_version(include, change):
    replace(include, *BREAKS[change])
    raise_version(include, "MINOR")
    refused = compare(include)
    assert refused.returncode == 1 and "A change needs another major version" in refused.stdout
    raise_version(include, "MAJOR")
    assert compare(include).returncode == 0
