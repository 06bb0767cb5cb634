#!/usr/bin/env python3
"""Makes the archives of tar_test.c, by GNU tar and by Python's tarfile. Usage: make_tar.py FOLDER"""
import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile

folder = pathlib.Path(sys.argv[1])
NAMES = ["short.txt", "deep/" * 28 + "deep.txt", "deeper/" * 45 + "deeper.txt"]


def write(name, style, names):
    with tarfile.open(folder / name, "w", format=style) as archive:
        top = tarfile.TarInfo("folder")
        top.type, top.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(top)
        for path in names:
            data = path.split("/")[-1].encode()
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "short.txt"
        archive.addfile(link)


write("ustar.tar", tarfile.USTAR_FORMAT, NAMES[:2])
write("pax.tar", tarfile.PAX_FORMAT, NAMES)
with tempfile.TemporaryDirectory() as place:
    for path in NAMES:
        file = pathlib.Path(place, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(file.name)
    for style, names in (("gnu", NAMES), ("v7", NAMES[:1])):
        subprocess.run(["tar", f"--format={style}", "--owner=0", "--group=0", "--mtime=@0", "-C", place, "-cf",
                        folder / f"{style}.tar", *names], check=True)
