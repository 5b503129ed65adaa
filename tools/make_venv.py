"""Make the project's virtual environment; whatever goes wrong is one clear line, with pip's own words in a log.

Needs nothing but the standard library: it runs before anything is installed.
"""

import argparse
import shlex
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

NEEDED_GB = 5.0  # about 3 GB installed, and pip's temporary files
EXPECTED_MINUTES = 4

_CAUSES = {
    "there is no space left on the disk": ("No space left on device", "Errno 28", "Disk quota exceeded"),
    "the package registry cannot be reached; check the network, or point pip to a mirror": (
        "NameResolutionError",
        "name resolution",
        "NewConnectionError",
        "Network is unreachable",
        "Connection refused",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "ProxyError",
        "Connection broken",
        "connection broken",
        "Could not fetch URL",
        "SSLError",
    ),
    "pip finds no build of a package for this Python or system": ("No matching distribution found",),
}


class SetupError(RuntimeError):
    """The environment could not be made; the message is one line for the user."""


def make_venv(folder: Path, torch: str, *, needed_gb: float = NEEDED_GB) -> None:
    """Create `folder` if needed and install torch (pip's arguments, in one text) and the project into it."""
    parent = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(parent).free / 1e9
    if free < needed_gb:
        raise SetupError(
            f"{needed_gb:g} GB of disk are needed for the environment and {free:.1f} GB are free: make room"
        )
    python = folder / "bin" / "python"
    if not python.exists():
        try:
            venv.create(folder, with_pip=True)
        except (subprocess.CalledProcessError, OSError) as error:
            raise SetupError(
                f"no virtual environment could be made ({error}); is python3.11-venv installed?"
            ) from None
    log = folder / "pip.log"
    log.unlink(missing_ok=True)
    pip = [str(python), "-m", "pip", "install"]
    install([*pip, *shlex.split(torch)], log, "torch")
    install([*pip, "-e", ".[notebooks,dev]"], log, f"the other packages, about {EXPECTED_MINUTES} minutes")


def install(command: list[str], log: Path, what: str) -> None:
    """Run pip, its output into `log`; SetupError with the cause in one line."""
    print(f"installing {what} (log: {log})", flush=True)
    begin = time.monotonic()
    with open(log, "a") as file:
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    if code:
        raise SetupError(f"pip failed: {cause(log.read_text(errors='replace'))}; its log is {log}")
    print(f"installed in {time.monotonic() - begin:.0f} s", flush=True)


def cause(text: str) -> str:
    """What went wrong, from pip's output."""
    for sentence, signs in _CAUSES.items():
        if any(sign in text for sign in signs):
            return sentence
    errors = [line for line in text.splitlines() if line.lower().startswith("error")]
    return errors[-1].strip() if errors else "the reason is not one that is known here"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", type=Path, default=Path(".venv"))
    parser.add_argument(
        "--torch", default="torch", help="what pip installs as torch, with options if need be"
    )
    options = parser.parse_args()
    try:
        make_venv(options.venv, options.torch)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
