"""The reference in a real browser: python reference.py BASE_URL SCREENSHOTS, with the key in SK_TICKETS_KEY."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.request

from chromium import chromium

BASE, SCREENSHOTS = sys.argv[1], pathlib.Path(sys.argv[2])
KEY = os.environ["SK_TICKETS_KEY"]
CONTRAST = pathlib.Path(__file__).with_name("contrast.js").read_text()
VIEWS = {
    "desktop": {"width": 1280, "height": 900},
    "phone": {"width": 360, "height": 740},
    "desktop-dark": {"width": 1280, "height": 900, "dark": True},
    "phone-dark": {"width": 360, "height": 740, "dark": True},
    "desktop-without-scripts": {"width": 1280, "height": 900, "scripts": False},
    "phone-without-scripts": {"width": 360, "height": 740, "scripts": False},
}
PLACES = {"top": "top", "operation": "op-create_ticket", "object": "schema-Ticket", "errors": "errors"}


def operations():
    with urllib.request.urlopen(f"{BASE}/openapi.json") as answer:
        document = json.load(answer)
    return [operation["operationId"] for path in document["paths"].values() for operation in path.values()]


def judge(page, name):
    """What holds for every page in every view."""
    width, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= inner, f"{name}: {width} px are wider than the window's {inner}"
    contrast = page.evaluate(CONTRAST)
    assert contrast["seen"] > 10, f"{name}: {contrast['seen']} texts"
    assert not contrast["poor"], f"{name}: {contrast['poor']}"
    strangers = [url for url in page.requests() if not url.startswith((f"{BASE}/", "data:", "about:"))]
    assert not strangers, f"{name} asks {strangers}"
    assert not page.complaints(), f"{name}: {page.complaints()}"


def reference(page, name):
    page.open(f"{BASE}/docs")
    missing = page.evaluate(
        f"{json.dumps(operations())}.filter((id) => !document.getElementById(`op-${{id}}`)?.checkVisibility())"
    )
    assert not missing, f"{name}: {missing}"
    judge(page, name)
    for place, anchor in PLACES.items():
        page.evaluate(f"document.getElementById('{anchor}').scrollIntoView()")
        page.screenshot(SCREENSHOTS / f"reference-{name}-{place}.png")


def filter_contents(page):
    """The contents are narrowed down by what is typed."""
    page.evaluate("document.getElementById('filter-text').focus()")
    page.call("Input.insertText", text="another status")
    shown = page.evaluate(
        "[...document.querySelectorAll('#contents li a')].filter((a) => a.checkVisibility()).map((a) => a.hash)"
    )
    assert shown == ["#op-transition_ticket"], shown


def unfold_contents(page):
    """On a phone the contents are folded, open on a tap, and fold again after a choice."""
    page.evaluate("scrollTo(0, 0)")
    is_open = "document.getElementById('contents').open"
    assert not page.evaluate(is_open)
    page.evaluate("document.querySelector('#contents summary').click()")
    assert page.evaluate(is_open)
    page.screenshot(SCREENSHOTS / "reference-phone-contents.png")
    page.evaluate("document.querySelector('#contents a[href=\"#op-get_ticket\"]').click()")
    assert not page.evaluate(is_open)
    top = page.evaluate("document.getElementById('op-get_ticket').getBoundingClientRect().top")
    assert 0 <= top < 200, f"the choice is {top} px from the top"


def paste(page):
    """The first example that makes something works when it is pasted, once the key is set."""
    code = page.evaluate("document.querySelector('#op-create_ticket pre code').textContent")
    answer = subprocess.run(
        ["sh", "-c", code], env={**os.environ, "KEY": KEY}, capture_output=True, text=True, check=True
    )
    assert answer.stdout.startswith("HTTP/1.1 201 "), f"{code}\n{answer.stdout}"


def main():
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for name, view in VIEWS.items():
            page = browser.page(**view)
            reference(page, name)
            if name == "desktop":
                paste(page)
                filter_contents(page)
            if name == "phone":
                unfold_contents(page)
            page.open(f"{BASE}/docs/errors/illegal_transition")
            judge(page, f"{name}, an error")
            page.screenshot(SCREENSHOTS / f"error-{name}.png")
    print(f"{len(operations())} operations in {len(VIEWS)} views")


main()
