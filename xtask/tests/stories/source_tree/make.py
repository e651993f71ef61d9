"""Stands for FreeBSD's tools/build/make.py: leaves on disk what each target would, and writes down that it ran."""

import os
import pathlib
import shutil
import sys

tree = pathlib.Path.cwd()
beside = tree.parent
arguments = sys.argv[1:]
target = arguments[-1]
variables = dict(argument.split("=", 1) for argument in arguments[:-1] if "=" in argument)
kernel = variables.get("KERNCONF", "")
objects = pathlib.Path(os.environ["MAKEOBJDIRPREFIX"] + str(tree)) / "i386.i386"

with open(beside / "steps", "a") as steps:
    print(target, kernel, file=steps)


def compile(folder):
    """Adds an object to those that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ("object-%d" % len(list(folder.glob("object-*"))))).touch()


def install(name):
    """Installs the template `name`: a METALOG and what it lists."""
    template = beside / name
    root = pathlib.Path(variables["DESTDIR"])
    shutil.copytree(template / "root", root, symlinks=True, dirs_exist_ok=True)
    # Installing the world begins METALOG anew.
    with open(variables["METALOG"], "w" if target == "installworld" else "a") as metalog:
        metalog.write((template / "METALOG").read_text())


if target == "buildworld":
    compile(objects / "world")
    shutil.copytree(beside / "sysroot", objects / "tmp", dirs_exist_ok=True)
elif target == "buildkernel":
    compile(objects / "sys" / kernel)
elif target == "installkernel":
    if not (objects / "sys" / kernel / "object-0").exists():
        sys.exit("*** no kernel %s was built" % kernel)
    install("kernel")
    (pathlib.Path(variables["DESTDIR"]) / "boot/kernel/kernel").write_text("@(#)FreeBSD 13.2-RELEASE %s\n" % kernel)
elif target == "installworld":
    if not (objects / "world" / "object-0").exists():
        sys.exit("*** no world was built")
    install("world")
elif target != "distribution":
    sys.exit("*** don't know how to make " + target)
