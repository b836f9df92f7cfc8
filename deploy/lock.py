"""Renew the lock and prove that every supported machine can install it; run by ``make lock``.

The lock is one file of exact versions with hashes and universal markers, which plain pip installs.
It names no registry host, so it works behind any mirror. pip's own configuration plays no part.
"""

import argparse
import itertools
import re
import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
PYTHON_VERSIONS = ("3.11", "3.12", "3.13", "3.14")
#: What a reader calls the platform, and what uv calls it. uv takes macOS as 13 or newer.
PLATFORMS = {
    "Linux x86-64, glibc 2.28": "x86_64-manylinux_2_28",
    "Linux arm64, glibc 2.28": "aarch64-manylinux_2_28",
    "macOS arm64": "aarch64-apple-darwin",
    "macOS x86-64": "x86_64-apple-darwin",
}
PIN = re.compile(r"^[A-Za-z0-9._-]+(?:\[[^]]+\])?==[^\s;]+(?: ; [^\\\n]+)?", re.MULTILINE)


def main() -> int:
    """Write the lock unless only a check was asked for, then check it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="only check the lock that is there")
    mode.add_argument("--upgrade", action="store_true", help="take the newest versions allowed")
    options = parser.parse_args()
    if not options.check:
        write_lock(upgrade=options.upgrade)
    lock = LOCK.read_text()
    if "://" in lock:
        print(f"{LOCK.name} names a host; it must install from whichever registry pip is given")
        return 1
    targets = itertools.product(PYTHON_VERSIONS, PLATFORMS)
    installable = [check_target(lock, *target) for target in targets]
    return 0 if all(installable) else 1


def write_lock(*, upgrade: bool) -> None:
    """Resolve pyproject.toml for all platforms at once, keeping present versions where allowed."""
    command = ["--universal", "--generate-hashes", "--python-version", PYTHON_VERSIONS[0]]
    command += ["--extra", "dev", "--custom-compile-command", "make lock"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--output-file", LOCK.name]
    command += ["--upgrade"] if upgrade else []
    resolved = compile_requirements([*command, "pyproject.toml"])
    if resolved.returncode != 0:
        sys.exit(resolved.stderr)


def check_target(lock: str, python_version: str, platform: str) -> bool:
    """Print how one Python on one platform installs the lock, and whether it can at all."""
    print(f"Python {python_version}, {platform}: ", end="", flush=True)
    target = ["--python-version", python_version, "--python-platform", PLATFORMS[platform]]
    if resolves(lock, *target, "--only-binary", ":all:"):
        print("all from wheels")
        return True
    pins = PIN.findall(lock)
    without_wheel = [pin for pin in pins if not resolves(pin, *target, "--only-binary", ":all:")]
    print("exceptions")
    installable = True
    for pin in without_wheel:
        from_source = resolves(pin, *target)
        installable &= from_source
        fallback = "built from its source, needs a compiler" if from_source else "NOT INSTALLABLE"
        print(f"  {pin}: {fallback}")
    return installable


def resolves(requirements: str, *arguments: str) -> bool:
    """Say whether these pins, without what they depend on, can be had under the arguments."""
    command = [*arguments, "--no-deps", "--quiet", "--output-file", "/dev/null", "-"]
    return compile_requirements(command, requirements).returncode == 0


def compile_requirements(
    arguments: list[str], requirements: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run uv's resolver from the repository's root, untouched by the machine's uv settings.

    It resolves for other Pythons with this one: it must not fetch interpreters.
    """
    command = [find_uv_bin(), "pip", "compile", "--no-config", "--no-python-downloads"]
    command += ["--python", sys.executable, *arguments]
    return subprocess.run(
        command, cwd=ROOT, input=requirements, capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    sys.exit(main())
