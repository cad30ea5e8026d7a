"""The page behind nginx: a proxy that cuts streams after 5 s costs the stream, not the page."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, Serve
from tests.browser.page_parts import expect_snapshot
from tests.browser.shop_snapshots import InventedShop
from tests.nginx import HOST, nginx

CUTS = "location / {{ proxy_pass http://127.0.0.1:{port}; proxy_read_timeout 5s; }}"
CUT = "the network cuts streams, so the page asks every 5 s$"


def test_a_page_whose_streams_a_proxy_cuts_asks_instead_and_misses_nothing(
    serve: Serve, open_page: OpenPage, tmp_path: Path
) -> None:
    shop = InventedShop()
    served = serve(*shop.history(5))
    with nginx(tmp_path, CUTS.format(port=served.port)) as port:
        page = open_page(f"http://{HOST}:{port}/", is_away=True)
        expect_snapshot(page, 5)
        expect(page.locator("#trust-why")).to_have_text(re.compile(CUT))
        served.emit(shop.snapshot())
        expect_snapshot(page, 6)
