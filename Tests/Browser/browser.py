"""A headless Chromium that tells of everything a page asks for and complains of."""

import importlib.resources
import io
import json
import shutil

import numpy
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

AXE = importlib.resources.files("axe_core_python").joinpath("axe.min.js").read_text()


class Browser:
    def __init__(self, downloads, width=1400, height=1000, dark=False, scripts=True):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"]:
            options.add_argument(argument)
        settings = {"download.default_directory": str(downloads)}
        if not scripts:
            settings["profile.managed_default_content_settings.javascript"] = 2
        options.add_experimental_option("prefs", settings)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        self.resize(width, height)
        if dark:
            self.emulate("prefers-color-scheme", "dark")

    def resize(self, width, height):
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def emulate(self, name, value):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": name, "value": value}]})

    def open(self, path, fragment=""):
        # A new fragment alone would not load the page again.
        self.driver.get("about:blank")
        self.driver.get(path.resolve().as_uri() + fragment)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def shown(self, selector):
        return [element for element in self.all(selector) if element.is_displayed()]

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, condition, what):
        WebDriverWait(self.driver, 20, 0.05).until(lambda _: condition(), f"waited in vain for {what}")

    def actions(self):
        return ActionChains(self.driver, duration=20)

    def keys(self, keys):
        self.actions().send_keys(keys).perform()

    def pixels(self, element):
        """What an element looks like, `[height, width, 3]`."""
        picture = Image.open(io.BytesIO(element.screenshot_as_png)).convert("RGB")
        return numpy.asarray(picture).astype(int)

    def screenshot(self, path):
        height = self.run("return document.documentElement.scrollHeight")
        width = self.run("return innerWidth")
        before = self.run("return innerHeight")
        self.resize(width, min(height, 6000))
        self.driver.save_screenshot(str(path))
        self.resize(width, before)

    def violations(self):
        """What axe-core finds serious or critical, in words."""
        self.run(AXE)
        found = self.driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
        return [
            f"{violation['id']} ({violation['impact']}): {node['html'][:160]}"
            for violation in found["violations"] if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]

    def collect(self):
        """What the pages complained of and asked for since the last call."""
        complaints = [
            entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        requests = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                requests.append(message["params"]["request"]["url"])
        return complaints, requests

    def quit(self):
        self.driver.quit()
