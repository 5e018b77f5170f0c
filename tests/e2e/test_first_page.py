"""What a link to us looks like elsewhere, and what the first visit costs."""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.e2e.browsing import visiting
from vimix.web.ui.sharing import SIZE

pytestmark = pytest.mark.browser
MOST = 500_000
"""Bytes of a first visit, less the films, which are fetched once the page can be used."""


def tags(page: Page, address: str) -> dict[str, list[str]]:
    """The Open Graph tags of a page as a crawler finds them, which runs no scripts."""
    found: dict[str, list[str]] = {}
    text = page.context.request.get(address).text()
    for name, value in re.findall(r'<meta\s+property="(og:[\w:]+)"\s+content="([^"]*)"', text):
        found.setdefault(name, []).append(value)
    return found


def test_a_shared_link_has_our_title_and_a_picture_of_the_result(browser: Browser, root: str, clip: object) -> None:
    with visiting(browser, root) as visit:
        page = visit.open()
        page.click(".vx-tile >> nth=2")
        visit.finish()
        job = page.url.split("job=")[1]
        for address, title in ((root, "any video"), (f"{root}j/{job}", "cup.mp4")):
            found = tags(page, address)
            assert all(len(values) == 1 for values in found.values()), "a placeholder of Gradio's is left"
            assert title in found["og:title"][0]
            assert found["og:url"] == [address]
        picture = page.context.request.get(found["og:image"][0])
        assert picture.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(picture.body())).size == SIZE
        assert len(set(tags(page, f"{root}j/{'0' * 32}")["og:title"])) == 1


def test_the_first_visit_is_small_and_the_second_nearly_nothing(browser: Browser, root: str) -> None:
    with visiting(browser, root, width=390) as visit:
        line = visit.page.context.new_cdp_session(visit.page)
        line.send("Network.enable")
        heads: dict[str, dict[str, str]] = {}
        bytes_of: dict[str, float] = {}
        cached: list[str] = []

        def answered(event: dict) -> None:  # type: ignore[type-arg]
            answer = event["response"]
            heads[event["requestId"]] = {"url": answer["url"], **{k.lower(): v for k, v in answer["headers"].items()}}

        line.on("Network.responseReceived", answered)
        line.on("Network.requestServedFromCache", lambda event: cached.append(event["requestId"]))
        line.on(
            "Network.loadingFinished", lambda event: bytes_of.update({event["requestId"]: event["encodedDataLength"]})
        )
        page = visit.open()
        page.wait_for_load_state("networkidle")
        whole = {heads[key]["url"]: size for key, size in bytes_of.items() if key in heads}
        assert heads[next(key for key, head in heads.items() if head["url"] == root)]["content-encoding"] == "gzip"
        assert sum(size for url, size in whole.items() if not url.endswith(".mp4")) < MOST
        hashed = [head for head in heads.values() if "/assets/" in head["url"] or "/page/" in head["url"]]
        hashed = [head for head in hashed if not head["url"].endswith(".svg")]  # named in a style sheet, without hash
        assert len(hashed) > 20
        assert {head["cache-control"] for head in hashed} == {"public, max-age=31536000, immutable"}
        page.reload()
        page.wait_for_selector("body[data-vx]", state="attached")
        assert len(cached) > 10
