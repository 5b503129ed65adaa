"""Downloads the openly licensed files that data_manifest.yaml lists by name: `python -m renderih_lib.data.fetch --out DIR`.

What is there and whole is kept, so the command can be repeated after a broken connection.
"""

import argparse
import http.client
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path

from renderih_lib.data.manifest import Downloads, load_manifest
from renderih_lib.render.environments import check_panorama
from renderih_lib.repro import exit_code, replacing

TIMEOUT = 60.0  # seconds without an answer


def fetch(downloads: Downloads, out: Path, names: list[str] | None = None) -> dict[str, str]:
    """Download panoramas into a folder; name -> reason of those that could not be had.

    Raises:
        ValueError: if a name is not in the list.
    """
    if unknown := set(names or ()) - set(downloads.names):
        raise ValueError(f"not in the list of the manifest: {', '.join(sorted(unknown))}")
    out.mkdir(parents=True, exist_ok=True)
    failed = {}
    for name in names or downloads.names:
        url = downloads.url.format(name=name)
        path = out / url.rsplit("/", 1)[-1]
        try:
            if not _is_whole(path):
                _download(url, path)
        except (
            ValueError,
            http.client.HTTPException,
            urllib.error.URLError,
            TimeoutError,
            ConnectionError,
        ) as error:
            failed[name] = str(error)
        print(f"{name}: {failed.get(name, path)}", flush=True)
    return failed


def _is_whole(path: Path) -> bool:
    try:
        check_panorama(path)
        return True
    except (ValueError, FileNotFoundError):
        return False


def _download(url: str, path: Path) -> None:
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, replacing(path) as temporary:
        with open(temporary, "wb") as file:
            shutil.copyfileobj(answer, file)
        expected = answer.headers.get("Content-Length")
        if expected and temporary.stat().st_size != int(expected):
            raise ValueError(
                f"{url} broke off after {temporary.stat().st_size} of {expected} bytes; try again"
            )
        whole = temporary.with_suffix(path.suffix)  # the check goes by the ending
        temporary.rename(whole)
        try:
            check_panorama(whole)
        except ValueError:
            raise ValueError(f"{url} did not answer with a panorama") from None
        finally:
            whole.rename(temporary)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m renderih_lib.data.fetch", description=__doc__.splitlines()[0])
    assets = {asset.id: asset.downloads for asset in load_manifest().assets if asset.downloads}
    parser.add_argument("--asset", choices=assets, default="polyhaven_hdris")
    parser.add_argument("--name", nargs="+", help="only these of the list")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)

    def run():
        if failed := fetch(assets[options.asset], options.out, options.name):
            raise ValueError(
                f"{len(failed)} could not be fetched: {', '.join(failed)}; run the same command again"
            )

    return exit_code(run, options.out)


if __name__ == "__main__":
    sys.exit(main())
