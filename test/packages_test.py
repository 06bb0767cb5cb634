"""Packages: CMake's, and the list of what a build is linked with."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from conftest import SOURCE

BUILD = pathlib.Path(os.environ["CIR_BUILD"])
PROGRAM = pathlib.Path(os.environ["CIR_PROGRAM"])
LIBRARY = pathlib.Path(os.environ["CIR_LIBRARY"])


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def version():
    header = (SOURCE / "include" / "cir" / "version.h").read_text()
    return ".".join(re.search(rf"#define CIR_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH"))


def test_cmake_finds_both_libraries(tmp_path):
    if not shutil.which("cmake"):
        pytest.skip("there is no cmake")
    root = tmp_path / "root"
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root)
    config, = root.rglob("cirConfig.cmake")
    pkgconfig, = root.rglob("cir-eval.pc")
    text = pkgconfig.read_text()
    prefix = root / re.search(r"^prefix=/(.*)", text, re.MULTILINE)[1]
    pkgconfig.write_text(re.sub(r"^prefix=.*", f"prefix={prefix}", text, flags=re.MULTILINE))
    project = tmp_path / "project"
    project.mkdir()
    (project / "main.c").write_text("#include <stdio.h>\n#include <cir/cir.h>\nint main(void) { puts(cir_version()); return 0; }\n")
    (project / "measure.c").write_text("#include <stdio.h>\n#include <cir/experiment.h>\n"
                                       "int main(void) { puts(cir_ap_form_name(CIR_AP_PAPER)); return 0; }\n")
    (project / "CMakeLists.txt").write_text(f"""cmake_minimum_required(VERSION 3.18)
project(host C)
find_package(cir {version()} REQUIRED COMPONENTS eval)
add_executable(main main.c)
target_link_libraries(main PRIVATE cir::cir)
add_executable(measure measure.c)
target_link_libraries(measure PRIVATE cir::eval)
""")
    built = tmp_path / "built"
    cmake = ["cmake", "-G", "Ninja", "-S", project, "-B", built, f"-Dcir_DIR={config.parent}"]
    run(*cmake)
    run("cmake", "--build", built)
    assert run(built / "main") == f"{version()}\n"
    assert run(built / "measure") == "paper\n"
    major, minor, _ = version().split(".")
    for wanted in [f"{major}.{int(minor) + 1}", f"{int(major) + 1}.0", f"{version()}.1"]:
        (project / "CMakeLists.txt").write_text(f"cmake_minimum_required(VERSION 3.18)\nproject(host C)\nfind_package(cir {wanted} REQUIRED)\n")
        shutil.rmtree(built)
        done = subprocess.run([str(word) for word in cmake], capture_output=True, text=True, timeout=300)
        assert done.returncode != 0 and "requested version" in done.stderr


def test_the_list_of_what_is_linked_is_whole_and_repeats():
    command = [SOURCE / "script" / "sbom", BUILD]
    text = run(*command)
    assert text == run(*command)
    document = json.loads(text)
    assert document["bomFormat"] == "CycloneDX" and document["metadata"]["component"]["version"] == version()
    references = {component["bom-ref"] for component in document["components"]} | {"cir"}
    for entry in document["dependencies"]:
        assert {entry["ref"], *entry["dependsOn"]} <= references
    listed = {entry["value"].split()[0] for component in document["components"] for entry in component.get("properties", [])}
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "-d", LIBRARY) + run("readelf", "-d", PROGRAM)))
    assert needed - listed == set(), needed - listed
    assert len(listed) > 30
