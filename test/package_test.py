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


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("header", HEADERS, ids=lambda header: header.stem)
def test_a_header_compiles_alone(header, language):
    compiler, flags = LANGUAGES[language]
    run(*compiler, *flags, *WARNINGS, "-I", SOURCE / "include", "-fsyntax-only", "-", input=f"#include <cir/{header.name}>\n")


def declared_functions():
    """By the compiler's own view of the headers: a function, not a type of one."""
    text = run(*LANGUAGES["c"][0], "-E", "-P", "-I", SOURCE / "include", SOURCE / "include" / "cir" / "cir.h")
    visible = r'__attribute__\(\(visibility\("default"\)\)\)'
    return set(re.findall(visible + r"[^;{}]*?\b(cir_\w+)\(", text))


def test_exactly_the_headers_functions_are_exported():
    exported = [line.split() for line in run("nm", "-D", "--defined-only", LIBRARY).splitlines()]
    assert {kind for _, kind, _ in exported} == {"T"}  # functions, no data
    assert {name for _, _, name in exported} == declared_functions()
    assert len(exported) > 100


def test_every_public_function_has_c_names_in_cpp(tmp_path):
    functions = sorted(declared_functions())
    program = tmp_path / "all.cc"
    program.write_text("#include <cir/cir.h>\nvoid *all[] = {" + ", ".join(f"(void *)&{name}" for name in functions) + "};\n")
    run("g++", "-std=c++17", "-c", "-I", SOURCE / "include", program, "-o", tmp_path / "all.o")
    wanted = {line.split()[-1] for line in run("nm", "-u", tmp_path / "all.o").splitlines()}
    assert set(functions) <= wanted


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root)
    pkgconfig, = root.rglob("cir.pc")
    library, = root.rglob("libcir.so")
    return root, pkgconfig, library


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_builds_against_what_is_installed(installed, language, tmp_path):
    root, pkgconfig, library = installed
    compiler, flags = LANGUAGES[language]
    environment = {**os.environ, "PKG_CONFIG_LIBDIR": str(pkgconfig.parent), "PKG_CONFIG_SYSROOT_DIR": str(root)}
    told = shlex.split(run("pkg-config", "--cflags", "--libs", "cir", env=environment))
    source = tmp_path / ("example.c" if language == "c" else "example.cc")
    source.write_bytes((SOURCE / "doc" / "example.c").read_bytes())
    program = tmp_path / "example"
    run(*compiler, flags[0], "-Wall", "-Wpedantic", "-Werror", source, "-o", program, *told)
    photos = SOURCE / "test" / "data" / "image"
    run(os.environ["CIR_PROGRAM"], "index", photos, "-o", tmp_path / "photos.cir", "-q")
    answer = run(program, tmp_path / "photos.cir", photos / "rgb420.jpg", "at night", cwd=tmp_path,
                 env={**os.environ, "LD_LIBRARY_PATH": str(library.parent)})
    found = [line.split(maxsplit=1)[1] for line in answer.splitlines()]
    assert len(set(found)) >= 10 and all(pathlib.Path(path).parent == photos for path in found)
    assert len(source.read_text().splitlines()) <= 25


def test_the_version_is_one(installed):
    _, pkgconfig, library = installed
    header = (SOURCE / "include" / "cir" / "version.h").read_text()
    version = [re.search(rf"#define CIR_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH")]
    assert f"Version: {'.'.join(version)}\n" in pkgconfig.read_text()
    assert f"soname: [libcir.so.{version[0]}]" in run("readelf", "-d", library)
    assert library.resolve().name == f"libcir.so.{'.'.join(version)}"
    assert run(os.environ["CIR_PROGRAM"], "--version") == f"cir {'.'.join(version)}\n"
