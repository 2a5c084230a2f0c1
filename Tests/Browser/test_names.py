"""Names and files that nobody expects, through the pages and back into the index.

NORMA is the program, NORMA_MODEL a model of one channel, NORMA_PATIENTS a study of folders of slices.
"""

import csv
import io
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

import numpy
from PIL import Image
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

import hostile
from browser import Browser

NORMA = os.path.abspath(os.environ["NORMA"])


class NameTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        hostile.make(cls.folder / "study", os.environ["NORMA_PATIENTS"])
        cls.analyzed = cls.norma("analyze", "study", "--model", os.path.abspath(os.environ["NORMA_MODEL"]), "--output", "report")
        cls.report = cls.folder / "report"
        cls.browser = Browser(cls.folder)
        cls.index = sqlite3.connect(f"file:{cls.report / 'cases.sqlite'}?mode=ro", uri=True)

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()
        cls.index.close()
        shutil.rmtree(cls.folder)

    def tearDown(self):
        complaints, requests = self.browser.collect()
        self.assertEqual(complaints, [])
        self.assertEqual(
            [url for url in requests if not url.startswith(("file:", "data:", "blob:", "about:", "chrome:"))], [])

    @classmethod
    def norma(cls, *arguments):
        return subprocess.run([NORMA, *arguments], cwd=cls.folder, capture_output=True, text=True)

    def row(self, name):
        row = self.index.execute("SELECT report_path, scan_count FROM cases WHERE name = ?", [name]).fetchone()
        self.assertIsNotNone(row, name)
        return row

    def wait_for_pictures(self):
        self.browser.wait(lambda: self.browser.shown("canvas.heat"), "the heatmap's values")
        self.browser.wait(
            lambda: self.browser.run(
                "return [...document.images].filter(image => image.offsetParent && image.src)"
                ".every(image => image.complete && image.naturalWidth)"), "the pictures")

    def test_every_file_is_accounted_for(self):
        self.assertEqual(self.analyzed.returncode, 1)
        self.assertRegex(self.analyzed.stderr, r"failed: .*cut\.tif: ")
        names = {name for name, in self.index.execute("SELECT name FROM cases")}
        self.assertEqual(names, {*hostile.NAMES, "broken", "stack", "slide"})
        self.assertEqual(sorted(os.listdir(self.folder)), ["report", "study"])

    def test_the_study_page_shows_names_as_they_are(self):
        self.browser.open(self.report / "index.html")
        shown = {row.get_attribute("data-name") for row in self.browser.all("tbody tr")}
        self.assertEqual(shown, {*hostile.NAMES, "broken", "stack", "slide"})
        self.assertEqual(self.browser.run("return document.querySelectorAll('main script, main b').length"), 0)
        self.assertIn("cut.tif", self.browser.one(".banner.failure").text)

    def test_every_case_opens_from_the_study_page_with_its_pictures(self):
        for name in hostile.NAMES:
            with self.subTest(name=name):
                self.browser.open(self.report / "index.html")
                row = next(row for row in self.browser.all("tbody tr") if row.get_attribute("data-name") == name)
                row.find_element("css selector", ".name a").click()
                self.assertEqual(self.browser.run("return document.body.dataset.case"), name)
                self.wait_for_pictures()
                self.assertEqual(
                    self.browser.run("return document.querySelector('header .study').textContent"), name)

    def test_reviews_of_any_name_go_into_the_index(self):
        for name in hostile.NAMES:
            self.browser.open(self.report / self.row(name)[0])
            self.browser.one(".review [value=unsure]").click()
        self.browser.one(".review .download").click()
        self.browser.wait(lambda: list(self.folder.glob("*.review.json")), "the download")
        [path] = self.folder.glob("*.review.json")
        imported = self.norma("review", "import", "report", path.name)
        path.unlink()
        self.assertEqual((imported.returncode, imported.stderr), (0, ""))
        listed = self.norma("cases", "report", "--reviewed", "--format", "csv").stdout
        rows = list(csv.DictReader(io.StringIO(listed, newline="")))
        self.assertEqual({row["name"] for row in rows}, set(hostile.NAMES))
        # On the pages too, for who has another browser.
        self.browser.run("localStorage.clear()")
        self.browser.open(self.report / "index.html")
        verdicts = [cell.text for cell in self.browser.shown("td.reviewed")]
        self.assertEqual(verdicts.count("unsure"), len(hostile.NAMES))

    def test_a_stack_of_16_bits_shows_its_pixel_size_and_is_small(self):
        path, count = self.row("stack")
        self.assertEqual(count, 20)
        self.browser.open(self.report / path)
        self.wait_for_pictures()
        self.assertIn("256 × 256 px, 666.67 µm per pixel", self.browser.shown("section.scan .hint")[0].text)
        self.assertRegex(self.browser.shown(".scale-bar")[0].text, r"^\d+ (mm|cm)$")
        self.assertEqual(len(self.browser.all(".along a")), 20)
        pages = [file for file in (self.report / path).parent.iterdir() if file.suffix != ".tif"]
        self.assertLess(sum(file.stat().st_size for file in pages), 2e6)

    def test_a_slide_is_zoomed_into_by_tiles(self):
        path, _ = self.row("slide")
        self.browser.open(self.report / path)
        self.wait_for_pictures()
        self.assertEqual(self.browser.shown(".tiles img"), [])
        base = self.report / path
        [description] = base.parent.glob("*.scan.dzi")
        size = xml.etree.ElementTree.parse(description).getroot()[0].attrib
        [width, height] = int(size["Width"]), int(size["Height"])
        frame = self.browser.shown(".main .frame")[0]
        self.browser.run("arguments[0].scrollIntoView({block: 'center'})", frame)
        x, y = (round((share - 0.5) * frame.rect["width"]) for share in hostile.TISSUE)
        self.browser.actions().scroll_from_origin(ScrollOrigin.from_element(frame, x, y), 0, -2400).perform()
        self.browser.wait(lambda: self.browser.shown(".tiles img"), "tiles")
        self.browser.wait(
            lambda: self.browser.run(
                "return [...document.querySelectorAll('.tiles img')].every(tile => tile.complete && tile.naturalWidth)"),
            "the tiles' pictures")
        # The finest level is asked for where the screen shows more than its pixels.
        levels = {int(re.search(r"_files/(\d+)/", tile.get_attribute("src"))[1]) for tile in self.browser.all(".tiles img")}
        self.assertEqual(max(levels), numpy.ceil(numpy.log2(max(width, height))))
        self.assertEqual(len(self.browser.all("canvas.heat.covered")), 1)
        self.browser.keys("0")
        self.browser.wait(lambda: not self.browser.all(".tiles img"), "the whole")
        # Another reader puts the finest tiles together to the slide.
        tile = next((base.parent / (description.name[:-4] + "_files") / str(max(levels))).iterdir())
        with Image.open(tile) as picture:
            self.assertEqual(picture.mode, "L")

    def test_the_report_is_made_again_without_the_scans(self):
        before = (self.report / "index.html").read_text()
        for file in self.report.rglob("*.html"):
            file.unlink()
        made = self.norma("report", "report")
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        self.assertEqual((self.report / "index.html").read_text(), before)

    def test_exports_stay_in_their_folder(self):
        for form in ["geojson", "csv", "coco", "mask", "imagej"]:
            made = self.norma("export", "report", "--format", form, "--output", f"out/{form}")
            self.assertEqual(made.returncode, 0, made.stderr)
            self.assertNotIn("left out", made.stderr)
        shutil.rmtree(self.folder / "out")


if __name__ == "__main__":
    unittest.main()
