"""Below a path, behind nginx with the location that docs/deploying.md shows: page, calls, uploads, links, streams."""

import re
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.fleet.test_fleet import NGINX
from tests.web.drawn import draw
from tests.web.served import ROOT, free_port
from tests.web.test_server import running

PREFIX = "/tools/vimix"


def nginx(folder: Path, port: int, upstream: str) -> "subprocess.Popen[bytes]":
    shown = re.search(r"```nginx\n(.*?)```", (ROOT / "docs" / "deploying.md").read_text(), re.DOTALL)
    assert shown
    location = shown[1].replace("http://127.0.0.1:7860", upstream)
    assert upstream in location
    places = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {places} server {{ listen 127.0.0.1:{port}; {location} }} }}\n"
    )
    return subprocess.Popen([str(NGINX), "-c", str(folder / "nginx.conf"), "-p", str(folder)])


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_everything_works_below_the_path_that_the_document_shows(tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    port = free_port()
    root, clip = f"http://127.0.0.1:{port}{PREFIX}", draw(tmp_path / "clip.mp4", seconds=1.0)
    with running(tmp_path, PUBLIC_API_URL=root, VIMIX_TRUSTED_PROXIES="1") as (address, _):
        proxy = nginx(tmp_path, port, address)
        try:
            with httpx.Client(trust_env=False, timeout=60) as http:
                page = http.get(f"{root}/").text
                for path in re.findall(r'(?:src|href)="\.?/?((?:page|assets|static|theme)[^"]*)"', page):
                    assert http.get(f"{root}/{path}").status_code == 200, path
                assert http.get(f"http://127.0.0.1:{port}/config").status_code >= 400  # nothing is asked for beside it
            client = Client(f"{root}/", verbose=False, download_files=str(tmp_path))
            file, card = client.predict(handle_file(clip), model="chroma", width="64", api_name="/remove_background")
            assert card["output"]["bytes"] == Path(file).stat().st_size
            url = client.predict(card["job"], api_name="/result")["url"]
            assert url == f"{root}/r/{card['job']}"
            assert len(httpx.get(url, trust_env=False).content) == card["output"]["bytes"]
            client.close()
        finally:
            proxy.terminate()
            proxy.wait(10)
