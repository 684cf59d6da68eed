"""Step: llama.cpp, built once from the source that the pinned llama-cpp-python carries."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from installer.errors import SourceChanged
from installer.host import Command, Host
from installer.places import ENGINE_VERSION, Site

SDIST = f"llama_cpp_python-{ENGINE_VERSION}.tar.gz"
SDIST_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    # Shared libraries: the same build serves llama-server and the Python binding.
    "-DBUILD_SHARED_LIBS=ON",
    "-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON",
    "-DCMAKE_INSTALL_RPATH=$ORIGIN",
    # Portable to every x86-64 processor with AVX2, so that a cached build can move.
    "-DGGML_NATIVE=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_CURL=OFF",
)
TARGETS = ("llama-server", "llama-quantize", "mtmd")


@dataclass(frozen=True, slots=True)
class EngineBuild:
    """llama-server, llama-quantize and the libraries of the binding, in the cache by version."""

    site: Site

    name = "engine"
    title = f"推理引擎 inference engine (llama.cpp {ENGINE_VERSION})"

    def needed(self) -> bool:
        """True until the engine is built and the environment has its binding."""
        return not (self._built() and self._bound())

    def apply(self, host: Host) -> None:
        """Fetch, verify, unpack, build, place, and install the binding without a second build."""
        work = self.site.cache / "build"
        if not self._built():
            self._fetch(host, work)
            self._build(host, work)
            self._place(host, work)
        if not self._bound():
            self._fetch(host, work)
            self._bind(host, work)
        host.remove(work)

    def undo(self, host: Host) -> None:
        """The engine is a cache shared by boxes of this version: it stays."""

    def _built(self) -> bool:
        return (self.site.engine / "built.json").exists()

    def _bound(self) -> bool:
        pattern = f"lib/python*/site-packages/llama_cpp_python-{ENGINE_VERSION}.dist-info"
        return any(self.site.environment.glob(pattern))

    def _fetch(self, host: Host, work: Path) -> None:
        source = work / SDIST
        if not source.exists():
            host.make_directory(work)
            shipped = self.site.wheels / SDIST
            if shipped.exists():
                host.run(Command(("cp", str(shipped), str(source))))
            else:
                host.run(
                    Command(
                        (
                            str(self.site.python),
                            "-m",
                            "pip",
                            "download",
                            "--no-deps",
                            "--no-binary",
                            "llama-cpp-python",
                            "--dest",
                            str(work),
                            f"llama-cpp-python=={ENGINE_VERSION}",
                        )
                    )
                )
        host.perform(f"校验 verify sha256 {SDIST}", lambda: _verify(source))
        host.run(Command(("tar", "--extract", "--gzip", "--file", str(source), "-C", str(work))))

    def _build(self, host: Host, work: Path) -> None:
        source = work / SDIST.removesuffix(".tar.gz") / "vendor" / "llama.cpp"
        build = work / "llama.cpp"
        host.run(Command(("cmake", "-S", str(source), "-B", str(build), "-G", "Ninja", *OPTIONS)))
        host.run(
            Command(
                ("cmake", "--build", str(build), "--target", *TARGETS),
                progress=_ninja_progress(host),
            )
        )

    def _place(self, host: Host, work: Path) -> None:
        built = work / "llama.cpp" / "bin"
        fresh = self.site.engine.with_suffix(".fresh")
        host.remove(fresh)
        host.make_directory(fresh)
        host.run(Command(("cp", "--archive", f"{built}/.", str(fresh))))
        host.write(
            fresh / "built.json",
            json.dumps({"version": ENGINE_VERSION, "sdist": SDIST_SHA256, "options": OPTIONS}),
        )
        host.remove(self.site.engine)
        host.run(Command(("mv", str(fresh), str(self.site.engine))))

    def _bind(self, host: Host, work: Path) -> None:
        host.run(
            Command(
                (
                    str(self.site.python),
                    "-m",
                    "pip",
                    "install",
                    "--no-deps",
                    *(("--find-links", str(self.site.wheels)) if self.site.wheels.is_dir() else ()),
                    str(work / SDIST),
                ),
                environment={"CMAKE_ARGS": "-DLLAMA_BUILD=OFF -DLLAVA_BUILD=OFF"},
            )
        )


def _verify(source: Path) -> None:
    with source.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != SDIST_SHA256:
        raise SourceChanged(name=source.name, path=source)


def _ninja_progress(host: Host) -> Callable[[str], None]:
    """Say every tenth part of a ninja build, from its `[n/m]` marks."""
    told = [-1]

    def show(line: str) -> None:
        mark, bracket, _ = line.partition("]")
        done, slash, total = mark.lstrip("[").partition("/")
        if not (bracket and slash and done.isdigit() and total.isdigit()):
            return
        tenth = int(done) * 10 // max(int(total), 1)
        if tenth > told[0]:
            told[0] = tenth
            host.say(f"      编译 compiling {tenth * 10} %")

    return show
