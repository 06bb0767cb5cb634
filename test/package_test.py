"""The library as others get it: its headers alone, what it exports, and installed for programs in C and in C++."""
import os
import pathlib
import re
import shlex
import subprocess

import pytest

from conftest import SOURCE

BUILD = pathlib.Path(os.environ["CIR_BUILD"])
LIBRARY = pathlib.Path(os.environ["CIR_LIBRARY"])
HEADERS = sorted((SOURCE / "include" / "cir").glob("*.h"))
LANGUAGES = {"c": (os.environ["CIR_CC"].split(), ["-std=c17", "-x", "c"]), "c++": (["g++"], ["-std=c++17", "-x", "c++"])}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]


def soname_number():
    return re.search(r"#define CIR_VERSION_MAJOR (\d+)", (SOURCE / "include" / "cir" / "version.h").read_text())[1]


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("header", HEADERS, ids=lambda header: header.stem)
def test_a_header_compiles_alone(header, language):
    compiler, flags = LANGUAGES[language]
    run(*compiler, *flags, *WARNINGS, "-I", SOURCE / "include", "-fsyntax-only", "-", input=f"#include <cir/{header.name}>\n")


RESEARCH = ["curate", "experiment", "synthetic"]  # with eval.h, which the first includes: libcir-eval's


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guide_compiles(language):
    """Every piece of code in doc/library.md, one after the other, as one function."""
    compiler, flags = LANGUAGES[language]
    pieces = re.findall(r"^```c\n(.*?)^```$", (SOURCE / "doc" / "library.md").read_text(), re.M | re.S)
    assert len(pieces) > 4
    program = "#include <cir/cir.h>\n#include <stdio.h>\nvoid guide(void);\nvoid guide(void)\n{\ncir_error err;\n" \
              "cir_collection *collection = NULL;\ncir_answer *answer = NULL;\n" + "\n".join(pieces) + "}\n"
    run(*compiler, *flags, *WARNINGS, "-I", SOURCE / "include", "-fsyntax-only", "-", input=program)


def declared_functions(*headers):
    """By the compiler's own view of the headers: a function, not a type of one."""
    text = run(*LANGUAGES["c"][0], "-E", "-P", "-I", SOURCE / "include", "-x", "c", "-",
               input="".join(f"#include <cir/{header}.h>\n" for header in headers))
    visible = r'__attribute__\(\(visibility\("default"\)\)\)'
    return set(re.findall(visible + r"[^;{}]*?\b(cir_\w+)\(", text))


def declarations():
    """All headers as the compiler reads them, without what is of the C library; without curate.h, whose names are not settled."""
    text = run(*LANGUAGES["c"][0], "-E", "-I", SOURCE / "include", "-x", "c", "-",
               input="".join(f"#include <cir/{header}.h>\n" for header in ["cir", *RESEARCH] if header != "curate"))
    kept, ours = [], False
    for line in text.splitlines():
        marker = re.match(r'# \d+ "([^"]+)"', line)
        if marker:
            ours = "/include/cir/" in marker[1]
        elif ours:
            kept.append(line)
    return re.sub(r"__attribute__\(\((?:[^()]|\([^()]*\))*\)\)", "", " ".join(kept))


def test_enumerators_have_their_types_prefix():
    """But for a last word that says what kind of type it is; statuses are the library's own; CIR_N_… counts."""
    enums = re.findall(r"enum (cir_\w+) \{([^}]*)\}", declarations())
    assert len(enums) > 15
    for name, body in enums:
        prefix = "CIR" if name == "cir_status" else re.sub(r"_(kind|state|source|form|type)$", "", name).upper()
        for enumerator in re.findall(r"(CIR_\w+)\s*(?:=[^,]*)?(?:,|$)", body.strip()):
            assert enumerator.startswith((prefix + "_", "CIR_N_")), f"{enumerator} of {name}"


def test_callbacks_are_called_so():
    names = re.findall(r"typedef [\w\s]+?\b(cir_\w+)\(", declarations())
    assert len(names) >= 8 and all(name.endswith("_fn") for name in names), names


def test_what_takes_an_object_is_named_after_it():
    """But for what makes another object of it, whose name it has then."""
    found = 0
    for name, first, rest in re.findall(r"\b(cir_\w+)\((?:const )?cir_(index|model|pool|composer|fit|decoder|collection|answer) \*\w+([^;]*)\);", declarations()):
        makes = re.search(r"\b(cir_\w+) \*\*\w+_out", rest)
        assert name.startswith(f"cir_{first}_") or makes and name.startswith(makes[1]), name
        found += 1
    assert found > 40


def test_the_headers_are_the_two_libraries():
    text = "".join((SOURCE / "include" / "cir" / name).read_text() for name in ["cir.h", "experiment.h"])
    assert {f"{name}.h" for name in re.findall(r'#include "cir/(\w+)\.h"', text)} | {"cir.h", "curate.h", "experiment.h", "synthetic.h"} == {
        header.name for header in HEADERS}


def test_exactly_the_headers_functions_are_exported():
    exported = [line.split() for line in run("nm", "-D", "--defined-only", LIBRARY).splitlines()]
    node = f"CIR_{soname_number()}"
    assert ["A", node] in [words[1:] for words in exported]
    functions = [words for words in exported if words[1:] != ["A", node]]
    assert {kind for _, kind, _ in functions} == {"T"}  # functions, no data
    assert {name for _, _, name in functions} == {f"{name}@@{node}" for name in declared_functions("cir")}
    assert len(functions) > 50


def test_nothing_is_left_undefined():
    assert "undefined symbol" not in subprocess.run(["ldd", "-r", LIBRARY], capture_output=True, text=True).stdout


def test_the_research_headers_functions_are_in_the_research_library_alone():
    def defined(name):
        lines = run("nm", "--defined-only", BUILD / name).splitlines()
        return {words[2] for words in map(str.split, lines) if len(words) == 3 and words[1] == "T" and re.match(r"cir_[a-z]", words[2])}
    core = declared_functions("cir")
    assert defined("libcir.a") == core
    assert defined("libcir-eval.a") == declared_functions("cir", *RESEARCH) - core


def test_every_public_function_has_c_names_in_cpp(tmp_path):
    functions = sorted(declared_functions("cir", *RESEARCH))
    program = tmp_path / "all.cc"
    includes = "".join(f"#include <cir/{header}.h>\n" for header in ["cir", *RESEARCH])
    program.write_text(includes + "void *all[] = {" + ", ".join(f"(void *)&{name}" for name in functions) + "};\n")
    run("g++", "-std=c++17", "-c", "-I", SOURCE / "include", program, "-o", tmp_path / "all.o")
    wanted = {line.split()[-1] for line in run("nm", "-u", tmp_path / "all.o").splitlines()}
    assert set(functions) <= wanted


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root)
    pkgconfig, = root.rglob("cir.pc")
    library, = root.rglob("libcir.so")
    # As if that were the prefix: what a package says of its own place, moved.
    for file in pkgconfig.parent.glob("*.pc"):
        file.write_text(re.sub(r"^prefix=(.*)", lambda match: f"prefix={root}{match[1]}", file.read_text(), flags=re.MULTILINE))
    return root, pkgconfig, library


def told_by_pkgconfig(pkgconfig, *words):
    return shlex.split(run("pkg-config", "--cflags", "--libs", *words, env={**os.environ, "PKG_CONFIG_PATH": str(pkgconfig.parent)}))


@pytest.mark.parametrize("linking", ["shared", "static"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_builds_against_what_is_installed(installed, language, linking, tmp_path):
    _, pkgconfig, library = installed
    compiler, flags = LANGUAGES[language]
    told = told_by_pkgconfig(pkgconfig, *(["--static"] if linking == "static" else []), "cir")
    if linking == "static":  # libcir alone: of what it needs, Debian has some as shared libraries only
        told = [word if word != "-lcir" else "-l:libcir.a" for word in told]
    source = tmp_path / ("example.c" if language == "c" else "example.cc")
    source.write_bytes((SOURCE / "doc" / "example.c").read_bytes())
    program = tmp_path / "example"
    run(*compiler, flags[0], "-Wall", "-Wpedantic", "-Werror", source, "-o", program, *told)
    photos = SOURCE / "test" / "data" / "image"
    run(os.environ["CIR_PROGRAM"], "index", photos, "-o", tmp_path / "photos.cir", "-q")
    answer = run(program, tmp_path / "photos.cir", photos / "rgb420.jpg", "at night", cwd=tmp_path,
                 env={**os.environ, "LD_LIBRARY_PATH": str(library.parent)})
    assert ("libcir.so" in run("readelf", "-d", program)) == (linking == "shared")
    found = [line.split(maxsplit=1)[1] for line in answer.splitlines()]
    assert len(set(found)) >= 10 and all(pathlib.Path(path).parent == photos for path in found)
    assert len(source.read_text().splitlines()) <= 25


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_program_evaluates_with_the_research_library(installed, language, tmp_path):
    _, pkgconfig, _ = installed
    compiler, flags = LANGUAGES[language]
    told = told_by_pkgconfig(pkgconfig, "cir-eval")
    source = tmp_path / ("measure.c" if language == "c" else "measure.cc")
    source.write_text("""
#include <stdio.h>
#include <cir/cir.h>
#include <cir/experiment.h>
#include <cir/synthetic.h>
int main(int argc, char **argv)
{
    cir_error err;
    cir_index *index = NULL;
    cir_dataset *dataset = NULL;
    if (argc != 2 || cir_index_make_synthetic(argv[1], 30, 8, 1, NULL, NULL, &err) != CIR_OK || cir_index_open(argv[1], NULL, &index, &err) != CIR_OK)
        return 1;
    printf("%zu\\n", cir_index_get_info(index)->n_ready);
    cir_index_close(index);
    cir_status status = cir_dataset_open_features("missing", NULL, &dataset, &err);
    printf("%s\\n", cir_status_name(status));
    return 0;
}
""")
    program = tmp_path / "measure"
    run(*compiler, flags[0], "-Wall", "-Werror", source, "-o", program, *told)
    assert run(program, tmp_path / "measured.cir") == "30\nnot_found\n"
    assert "libcir" not in run("readelf", "-d", program)


def test_the_version_is_one(installed):
    _, pkgconfig, library = installed
    header = (SOURCE / "include" / "cir" / "version.h").read_text()
    version = [re.search(rf"#define CIR_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH")]
    assert f"Version: {'.'.join(version)}\n" in pkgconfig.read_text()
    assert f"soname: [libcir.so.{version[0]}]" in run("readelf", "-d", library)
    assert library.resolve().name == f"libcir.so.{'.'.join(version)}"
    assert run(os.environ["CIR_PROGRAM"], "--version") == f"cir {'.'.join(version)}\n"
