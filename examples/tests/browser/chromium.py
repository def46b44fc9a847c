"""A headless Chromium, driven by the DevTools protocol: as little as the tests need."""

import base64
import itertools
import json
import re
import subprocess
import tempfile
from contextlib import contextmanager

from websockets.sync.client import connect

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
]
PATIENCE = 30


class Browser:
    """A connection to a browser; commands are answered in order, what it tells meanwhile is kept."""

    def __init__(self, address):
        self._socket = connect(address, max_size=None)
        self._numbers = itertools.count(1)
        self.events = []

    def call(self, method, session=None, **parameters):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self._socket.send(json.dumps(message))
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def wait(self, method, session):
        """Waits for an event that has not been waited for yet."""
        while True:
            for event in self.events:
                if event["method"] == method and event["sessionId"] == session and not event.get("seen"):
                    event["seen"] = True
                    return event["params"]
            self._receive()

    def _receive(self):
        message = json.loads(self._socket.recv(timeout=PATIENCE))
        if "method" in message:
            self.events.append(message)
        return message

    def page(self, width, height, dark=False, scripts=True):
        return Page(self, width, height, dark, scripts)


class Page:
    """A tab as wide and high as wanted, that notes whom it asks and what it complains of."""

    def __init__(self, browser, width, height, dark, scripts):
        self._browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Network", "Log"]:
            self.call(f"{domain}.enable")
        mobile = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)

    def call(self, method, **parameters):
        return self._browser.call(method, self._session, **parameters)

    def open(self, url):
        self.call("Page.navigate", url=url)
        self._browser.wait("Page.loadEventFired", self._session)

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def screenshot(self, path):
        image = self.call("Page.captureScreenshot")["data"]
        path.write_bytes(base64.b64decode(image))

    def _told(self, method):
        events = self._browser.events
        return [one["params"] for one in events if one["method"] == method and one.get("sessionId") == self._session]

    def requests(self):
        """Every URL that was asked for."""
        return [one["request"]["url"] for one in self._told("Network.requestWillBeSent")]

    def complaints(self):
        """Errors in the console, exceptions, and what the security policy refused."""
        console = [one for one in self._told("Runtime.consoleAPICalled") if one["type"] in ("error", "warning")]
        logged = [one["entry"] for one in self._told("Log.entryAdded") if one["entry"]["level"] in ("error", "warning")]
        return console + logged + self._told("Runtime.exceptionThrown")


@contextmanager
def chromium():
    """A browser with a fresh profile, that ends with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = ["chromium", *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            for line in process.stderr:
                if found := re.search(r"DevTools listening on (\S+)", line):
                    break
            else:
                raise RuntimeError("Chromium did not start")
            yield Browser(found[1])
        finally:
            process.terminate()
            process.communicate()
