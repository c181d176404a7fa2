"""The C half of the build: one static library, and one thin module per .pyx that links it.

FASTFORK_BUILD = release | debug | asan | crash | coverage; each keeps its own objects under build/.
"""

import os
import shutil
import sys
from glob import glob
from pathlib import Path
from sysconfig import get_config_var, get_path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# No -march: a wheel runs on every machine of its kind. _GNU_SOURCE is empty so that a unit may say it too.
COMMON = ["-std=c11", "-D_GNU_SOURCE=", "-fno-strict-aliasing", "-fvisibility=hidden", "-fPIC"]
FLAVOURS = {  # compile, link
    # Names of functions stay, for profilers; lines, three quarters of the octets, do not.
    "release": (["-O3", "-g0"], []),
    "debug": (["-O0", "-g3", "-UNDEBUG"], []),
    "asan": (
        ["-O1", "-g3", "-UNDEBUG", "-fno-omit-frame-pointer", "-fsanitize=address,undefined"],
        ["-fsanitize=address,undefined"],
    ),
    # dies by chance between the stores of the connection protocol: FASTFORK_CRASH=n, 1 of n times
    "crash": (["-O2", "-g", "-DFF_CRASH_POINTS"], []),
    "coverage": (["-O0", "-g3", "--coverage"], ["--coverage"]),
}

flavour = os.environ.get("FASTFORK_BUILD", "release")
if flavour not in FLAVOURS:
    sys.exit(f"FASTFORK_BUILD={flavour}: not one of {', '.join(FLAVOURS)}")
cflags, ldflags = FLAVOURS[flavour]

headers = ["setup.py", *sorted(glob("ext/core/*.h"))]  # and the flags: what every object hangs on
core = sorted(glob("ext/core/*.c"))
bindings = sorted(glob("ext/bind/*.pyx"))


def check_machine() -> None:
    """Exit with what is missing, before Cython works and the compiler speaks."""
    compiler = (os.environ.get("CC") or get_config_var("CC") or "cc").split()[0]
    if not sys.platform.startswith("linux"):
        sys.exit(f"fastfork needs Linux (epoll, SCM_RIGHTS, pidfd), and this is {sys.platform}")
    if not shutil.which(compiler):
        sys.exit(
            f"fastfork is compiled here, and there is no C compiler ({compiler}): install one"
            " (Debian: apt install gcc libc6-dev, Alpine: apk add gcc musl-dev), or name it by CC="
        )
    if not Path(get_path("include"), "Python.h").exists():
        sys.exit(
            f"fastfork is compiled here, and there is no {get_path('include')}/Python.h: install the headers"
            " of this Python (Debian: apt install python3-dev)"
        )


# Whoever only wants to know the metadata, to lock dependencies for another machine, is let through.
if {"build_clib", "build_ext", "build", "bdist_wheel", "editable_wheel"} & set(sys.argv):
    check_machine()


class BuildBindings(build_ext):
    """Builds ffcore first, which plain `build_ext --inplace` would forget."""

    def run(self) -> None:
        """Build the library, then the modules."""
        self.run_command("build_clib")
        super().run()

    def copy_extensions_to_source(self) -> None:
        """Replace even a newer module: it may be of another flavour."""
        self.force = True
        super().copy_extensions_to_source()


ffcore = {
    "sources": core,
    "include_dirs": ["ext/core"],
    "cflags": [*COMMON, *cflags, "-Wall", "-Wextra"],
    "obj_deps": {"": headers},  # a changed header rebuilds every object
}
extensions = [
    Extension(
        f"fastfork._native.{Path(pyx).stem}",
        [pyx],
        include_dirs=["ext/core", "ext/bind"],
        libraries=["ffcore"],
        extra_compile_args=[*COMMON, *cflags],
        extra_link_args=ldflags,
        depends=[*headers, *core, *sorted(glob("ext/bind/*.px[di]"))],
    )
    for pyx in bindings
]
setup(
    libraries=[("ffcore", ffcore)],
    ext_modules=cythonize(
        extensions,
        build_dir="build/cython",
        language_level=3,
        compiler_directives={
            "boundscheck": False,
            "wraparound": False,
            "embedsignature": True,
            "freethreading_compatible": True,
        },
    ),
    cmdclass={"build_ext": BuildBindings},
    options={"build": {"build_base": f"build/{flavour}"}},
)
