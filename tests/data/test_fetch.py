"""Fetching panoramas by name, from a server of our own."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from renderih_lib.data import fetch as fetching
from renderih_lib.data.manifest import Downloads

PANORAMA = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 2\n" + bytes(8)
ANSWERS = {
    "/meadow_2k.hdr": (200, PANORAMA, len(PANORAMA)),
    "/harbour_2k.hdr": (200, PANORAMA, len(PANORAMA)),
    "/page_2k.hdr": (200, b"<html>moved</html>", 18),
    "/short_2k.hdr": (200, PANORAMA[:-4], len(PANORAMA)),
}


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, body, length = ANSWERS.get(self.path, (404, b"", 0))
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/{{name}}_2k.hdr", asked
        running.shutdown()
        thread.join()


def listed(url, *names):
    return Downloads(url=url, names=list(names))


def test_whole_files_are_fetched_once(server, tmp_path):
    url, asked = server
    both = listed(url, "meadow", "harbour")
    assert fetching.fetch(both, tmp_path) == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["harbour_2k.hdr", "meadow_2k.hdr"]
    assert (tmp_path / "meadow_2k.hdr").read_bytes() == PANORAMA
    (tmp_path / "harbour_2k.hdr").write_bytes(b"")  # as after a crash of the machine
    assert fetching.fetch(both, tmp_path) == {}
    assert asked.count("/meadow_2k.hdr") == 1 and asked.count("/harbour_2k.hdr") == 2


@pytest.mark.parametrize(
    ("name", "reason"), [("missing", "404"), ("page", "did not answer with a panorama"), ("short", "4")]
)
def test_what_fails_is_named_and_the_rest_goes_on(server, tmp_path, name, reason):
    failed = fetching.fetch(listed(server[0], name, "meadow"), tmp_path)
    assert list(failed) == [name] and reason in failed[name]
    assert [path.name for path in tmp_path.iterdir()] == ["meadow_2k.hdr"]


def test_a_server_that_is_not_there_is_a_reason(tmp_path):
    assert list(fetching.fetch(listed("http://127.0.0.1:9/{name}.hdr", "meadow"), tmp_path)) == ["meadow"]


def test_an_unlisted_name_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not in the list.*dune"):
        fetching.fetch(listed("http://127.0.0.1:9/{name}.hdr", "meadow"), tmp_path, ["dune"])


def test_the_command_ends_with_1_and_the_names_that_failed(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(fetching, "fetch", lambda *_: {"venice_sunset": "no route"})
    assert fetching.main(["--out", str(tmp_path), "--name", "venice_sunset"]) == 1
    assert "venice_sunset" in capsys.readouterr().err
