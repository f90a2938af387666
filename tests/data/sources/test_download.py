import contextlib
import gzip
import hashlib
import itertools
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from genlab.data.sources import download as module
from genlab.data.sources.download import check_file, download, keep_checksum
from genlab.errors import GenlabError

BODY = bytes(range(256)) * 4000  # about a megabyte
SHA256 = "sha256:" + hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """One file; how well it is served is said by the attributes."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.etag = BODY, '"first"'
        self.ranges = True  # whether parts can be asked for
        self.breaks = []  # after how many bytes each of the next answers breaks off
        self.errors = []  # statuses of the next answers, None for a good one
        self.shift = 0  # how far a part begins from where it should
        self.asked = []  # the Range header of every request
        self.headers = {}  # further ones; None leaves one out
        self.lie = None  # what is sent in place of the body

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/set.zip"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        if server.errors and (error := server.errors.pop(0)):
            self.send_error(error)
            return
        start = 0
        if server.ranges and wanted and self.headers.get("If-Range") == server.etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(server.body):
            self.send_error(416)
            return
        start += server.shift if start else 0
        body = server.body[start:]
        self.send_response(206 if start else 200)
        headers = {"Content-Length": str(len(body)), "ETag": server.etag or None}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(server.body) - 1}/{len(server.body)}"
        for name, value in {**headers, **server.headers}.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if server.lie is None:
            self.wfile.write(body[: server.breaks.pop(0)] if server.breaks else body)
            return
        with contextlib.suppress(OSError):
            for piece in server.lie:
                self.wfile.write(piece)


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", 100_000)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_once_and_whole(server, tmp_path):
    path = download([server.address], tmp_path / "new" / "set.zip", SHA256)
    assert path.read_bytes() == BODY
    assert names(path.parent) == ["set.zip"]
    download([server.address], path, SHA256)
    assert len(server.asked) == 1


def test_a_dropped_connection_goes_on_where_it_stopped(server, tmp_path):
    server.breaks = [300_000, 200_000]
    path = download([server.address], tmp_path / "set.zip", SHA256)
    assert path.read_bytes() == BODY
    assert server.asked == [None, "bytes=300000-", "bytes=500000-"]


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(server, tmp_path):
    server.breaks, server.errors = [400_000], [None, *[503] * module.ATTEMPTS]
    path = tmp_path / "set.zip"
    with pytest.raises(GenlabError, match="cannot download"):
        download([server.address], path, SHA256)
    assert names(tmp_path) == ["set.zip.part", "set.zip.part.json"]
    assert (tmp_path / "set.zip.part").stat().st_size == 400_000
    server.asked.clear()
    download([server.address], path, SHA256)
    assert server.asked == ["bytes=400000-"]
    assert path.read_bytes() == BODY
    assert names(tmp_path) == ["set.zip"]


def test_a_server_without_parts_starts_over(server, tmp_path):
    server.ranges, server.breaks = False, [300_000]
    path = download([server.address], tmp_path / "set.zip", SHA256)
    assert path.read_bytes() == BODY
    assert len(server.asked) == 2


def test_a_server_that_always_breaks_at_the_same_place_is_given_up(server, tmp_path):
    server.ranges, server.breaks = False, [300_000] * 100
    with pytest.raises(GenlabError, match="cannot download"):
        download([server.address], tmp_path / "set.zip", SHA256)
    assert len(server.asked) == 1 + module.ATTEMPTS


def test_a_file_that_changed_meanwhile_starts_over(server, tmp_path):
    server.breaks = [300_000]
    real = module._attempt

    def changing(*arguments):
        try:
            real(*arguments)
        finally:
            server.etag, server.body = '"second"', BODY[::-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_attempt", changing)
        path = download([server.address], tmp_path / "set.zip")
    assert path.read_bytes() == BODY[::-1]


def test_a_server_without_a_validator_starts_over(server, tmp_path):
    server.etag, server.breaks = "", [300_000]
    path = download([server.address], tmp_path / "set.zip", SHA256)
    assert path.read_bytes() == BODY
    assert server.asked == [None, None]


def test_a_part_that_was_complete_is_only_renamed(server, tmp_path):
    path = download([server.address], tmp_path / "set.zip", SHA256)
    path.rename(tmp_path / "set.zip.part")
    (tmp_path / "set.zip.part.json").write_text(
        f'{{"address": "{server.address}", "validator": "\\"first\\"", "size": {len(BODY)}}}'
    )
    assert download([server.address], path, SHA256).read_bytes() == BODY
    assert server.asked[1:] == [f"bytes={len(BODY)}-"]


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(server, tmp_path):
    server.errors = [503, 503]
    assert download([server.address], tmp_path / "set.zip", SHA256).read_bytes() == BODY
    server.errors = [404] * 10
    server.asked.clear()
    with pytest.raises(GenlabError, match="HTTP 404"):
        download([server.address], tmp_path / "other.zip", SHA256)
    assert len(server.asked) == 1


def test_the_second_address_is_tried(server, tmp_path):
    server.errors = [404]
    assert download([server.address, server.address], tmp_path / "set.zip", SHA256).read_bytes() == BODY


def test_a_wrong_checksum_leaves_nothing(server, tmp_path):
    server.body = BODY + b"?"
    with pytest.raises(GenlabError, match=r"cannot download set\.zip .*has the sha256 .*published is .*put it at"):
        download([server.address], tmp_path / "set.zip", SHA256)
    assert names(tmp_path) == []


def test_the_first_checksum_holds_for_later_downloads(server, tmp_path):
    path = download([server.address], tmp_path / "set.zip")
    assert names(tmp_path) == ["set.zip"], "nothing is a standard before it was read"
    keep_checksum(path)
    record = tmp_path / "set.zip.sha256"
    assert record.read_text() == f"{SHA256.removeprefix('sha256:')}  set.zip\n"
    path.unlink()
    server.body = BODY[::-1]
    with pytest.raises(GenlabError, match=r"set\.zip\.sha256; if the publisher has renewed it"):
        download([server.address], path)
    assert names(tmp_path) == ["set.zip.sha256"]


def test_a_file_on_disk_is_checked(tmp_path):
    path = tmp_path / "set.zip"
    path.write_bytes(BODY)
    check_file(path, SHA256)
    check_file(path, "md5:" + hashlib.md5(BODY).hexdigest())
    path.write_bytes(BODY[1:])
    with pytest.raises(GenlabError, match=r"set\.zip has the sha256 .*Delete"):
        check_file(path, SHA256)


def test_without_a_network_the_message_says_what_to_fetch_and_where_to_put_it(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(GenlabError) as error:
        download([server.address], tmp_path / "set.zip", SHA256)
    assert "no connection to the server" in str(error.value)
    assert f"fetch {server.address} by hand" in str(error.value)
    assert f"put it at {tmp_path / 'set.zip'}" in str(error.value)


def test_a_full_disk_is_said_and_what_came_stays(server, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fsync", full)
        with pytest.raises(GenlabError, match="No space left on device"):
            download([server.address], tmp_path / "set.zip", SHA256)
    assert not (tmp_path / "set.zip").exists()
    assert download([server.address], tmp_path / "set.zip", SHA256).read_bytes() == BODY


def test_a_part_that_is_not_the_one_asked_for_starts_over(server, tmp_path):
    server.breaks, server.shift = [300_000], 5
    path = download([server.address], tmp_path / "set.zip", SHA256)
    assert path.read_bytes() == BODY
    assert server.asked == [None, "bytes=300000-", None]


def chunks(pieces):
    return (b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


def drops(seconds):
    while True:
        time.sleep(seconds)
        yield b"x"


CHUNKED = {"Content-Length": None, "Transfer-Encoding": "chunked"}


@pytest.mark.parametrize(
    ("headers", "lie", "reason"),
    [
        (CHUNKED, lambda: chunks(itertools.repeat(bytes(50_000))), "more than 3000000 bytes came"),
        ({"Content-Length": None}, lambda: itertools.repeat(bytes(50_000)), "does not say where the file ends"),
        ({"Content-Length": "abc"}, lambda: [BODY], r"does not say where the file ends \(Content-Length: abc\)"),
        ({"Content-Length": "-1"}, lambda: [BODY], "does not say where the file ends"),
        ({}, lambda: drops(0.02), "only .* bytes came in 0 s"),
        (CHUNKED, lambda: chunks(drops(0.02)), "only .* bytes came in 0 s"),
        (
            {"Content-Type": "text/html; charset=utf-8"},
            lambda: [b"<html>Log in"],
            "a web page came in place of the file",
        ),
    ],
)
def test_a_server_that_lies_is_given_up(server, tmp_path, monkeypatch, headers, lie, reason):
    monkeypatch.setattr(module, "MOST_BYTES", 3_000_000)
    monkeypatch.setattr(module, "SLOW_SECONDS", 0.3)
    server.headers, server.lie = headers, lie()
    with pytest.raises(GenlabError, match=f"cannot download set.zip .*{reason}"):
        download([server.address], tmp_path / "set.zip")
    assert "set.zip" not in names(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 3_200_000


def test_a_body_that_is_packed_on_the_way_is_not_unpacked(server, tmp_path):
    packed = gzip.compress(bytes(50_000_000))
    server.headers = {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}
    server.lie = [packed]
    assert download([server.address], tmp_path / "set.zip").read_bytes() == packed


@pytest.mark.parametrize("notes", ["[]", "{}", "null", "{", '{"address": "http', '{"size": 3}'])
def test_damaged_notes_of_a_part_start_over(server, tmp_path, notes):
    (tmp_path / "set.zip.part").write_bytes(b"half")
    (tmp_path / "set.zip.part.json").write_text(notes)
    assert download([server.address], tmp_path / "set.zip", SHA256).read_bytes() == BODY
    assert server.asked == [None]
