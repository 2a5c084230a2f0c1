"""What a reader does with a report, done in a real browser, on pages opened from files.

NORMA_REPORT is a report, made by `norma analyze` or `norma demo`, with a flagged case of several scans. NORMA_SCREENSHOTS, a
folder, takes pictures of the pages.
"""

import base64
import io
import json
import os
import pathlib
import re
import shutil
import sqlite3
import tempfile
import unittest
import urllib.parse
import urllib.request

import numpy
import tifffile
from PIL import Image
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.keys import Keys

from browser import Browser

REPORT = pathlib.Path(os.environ["NORMA_REPORT"])
SCREENSHOTS = os.environ.get("NORMA_SCREENSHOTS")


class PageTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        # Spaces and signs in a path must not matter, nor that the report was copied away.
        cls.report = cls.folder / "a copy, 100 % #1?" / "report"
        shutil.copytree(REPORT, cls.report)
        # High enough for the large picture: what lies beyond the window is not on a screenshot.
        cls.browser = Browser(cls.folder, height=1300)
        cls.index = sqlite3.connect(f"file:{REPORT / 'cases.sqlite'}?mode=ro", uri=True)
        cls.cases = cls.index.execute(
            "SELECT id, name, score, report_path, scan_count FROM cases WHERE status = 'done' ORDER BY score DESC"
        ).fetchall()
        cls.worst = cls.index.execute(
            """SELECT cases.report_path, scans.name, scans.heatmap_path, regions.x, regions.y, regions.width,
                 regions.height, regions.rank, regions.peak FROM cases JOIN scans ON scans.case_id = cases.id
                 JOIN regions ON regions.scan_id = scans.id WHERE cases.flagged = 1
               ORDER BY cases.score DESC, scans.score DESC, regions.rank LIMIT 1""").fetchone()

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()
        cls.index.close()
        shutil.rmtree(cls.folder)

    def tearDown(self):
        complaints, requests = self.browser.collect()
        self.assertEqual(complaints, [])
        outside = [url for url in requests if not url.startswith(("file:", "data:", "blob:", "about:"))]
        self.assertEqual(outside, [])
        self.browser.run("localStorage.clear()")

    # MARK: the study

    def open_study(self, fragment=""):
        self.browser.open(self.report / "index.html", fragment)

    def names(self):
        return [element.text for element in self.browser.shown("table.cases .name a")]

    def test_the_verdict_comes_first_and_the_worst_case_leads_the_table(self):
        self.open_study()
        heading = self.browser.one("h1").text
        self.assertRegex(heading, r"^(Not examined: .*\. Of the others: )?\d+ of \d+ scans? flagged in \d+ of \d+ cases? at a false-positive rate of [\d.]+ %")
        self.assertEqual(self.names()[0], self.cases[0][1])
        self.assertEqual(len(self.names()), self.index.execute("SELECT count(*) FROM cases").fetchone()[0])

    def test_columns_sort_both_ways_and_the_address_keeps_it(self):
        self.open_study()
        score = self.browser.one("th:nth-child(3) button")
        score.click()
        ascending = [float(cell.get_attribute("data-value")) for cell in self.browser.shown("tbody td:nth-child(3)")
                     if cell.get_attribute("data-value")]
        self.assertEqual(ascending, sorted(ascending))
        self.browser.one("th:nth-child(2) button").send_keys(Keys.ENTER)
        by_name = self.names()
        self.assertEqual(self.browser.one("th[aria-sort]").text, "Case")
        self.browser.driver.refresh()
        self.assertEqual(self.names(), by_name)
        self.assertEqual(self.browser.one("th[aria-sort]").text, "Case")

    def test_filters_hide_rows_and_a_colleague_sees_the_same(self):
        self.open_study()
        everything = len(self.names())
        self.browser.one("#only-flagged").click()
        flagged = self.index.execute("SELECT count(*) FROM cases WHERE flagged = 1").fetchone()[0]
        self.assertEqual(len(self.names()), flagged)
        address = self.browser.driver.current_url
        self.browser.one("#only-flagged").click()
        self.assertEqual(len(self.names()), everything)
        self.browser.driver.get("about:blank")
        self.browser.driver.get(address)
        self.assertEqual(len(self.names()), flagged)
        self.browser.one("#only-flagged").click()

        middle = self.cases[len(self.cases) // 2][2]
        self.browser.one("#least-score").send_keys(f"{middle:.6f}")
        expected = sum(1 for case in self.cases if case[2] >= float(f"{middle:.6f}"))
        self.assertEqual(len(self.names()), expected)
        self.browser.one("#least-score").clear()
        self.browser.one("#filter").send_keys(self.cases[0][1][:12])
        self.assertIn(self.cases[0][1], self.names())
        self.assertIn("of", self.browser.one("#shown").text)

    def test_a_point_of_the_plot_opens_its_case(self):
        self.open_study()
        point = self.browser.one(".plot a[href]:last-of-type")
        name = point.get_attribute("aria-label").rsplit(", score", 1)[0]
        self.browser.run("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", point)
        self.browser.wait(lambda: self.browser.all("body.case"), "the case's page")
        self.assertEqual(self.browser.one("header .study").text, name)

    def test_the_keyboard_reaches_the_cases(self):
        self.open_study()
        self.browser.keys(Keys.TAB)
        self.assertEqual(self.browser.run("return document.activeElement.className"), "skip")
        self.browser.one("th:nth-child(3) button").send_keys("")
        self.browser.run("document.querySelector('.cases tbody .name a').focus()")
        self.browser.keys(Keys.ENTER)
        self.browser.wait(lambda: self.browser.all("body.case"), "the case's page")

    def test_next_and_previous_follow_the_table(self):
        if len(self.cases) < 3:
            self.skipTest("the report has too few cases")
        self.open_study()
        names = self.names()
        self.browser.shown("table.cases .name a")[1].click()
        self.assertEqual(self.browser.one("header .study").text, names[1])
        self.browser.keys("n")
        self.browser.wait(lambda: self.browser.one("header .study").text == names[2], "the next case")
        self.browser.one(".neighbours .previous").click()
        self.browser.wait(lambda: self.browser.one("header .study").text == names[1], "the previous case")

    # MARK: the case

    def open_case(self, fragment=""):
        self.browser.open(self.report / self.worst[0], fragment)
        self.browser.wait(lambda: self.browser.shown("canvas.heat"), "the heatmap's values")
        self.wait_for_pictures()

    def wait_for_pictures(self):
        self.browser.wait(
            lambda: self.browser.run(
                "return [...document.querySelectorAll('section.scan:not([hidden]) img')]"
                ".filter(image => image.offsetParent).every(image => image.complete && image.naturalWidth)"),
            "the pictures")

    def main(self):
        return self.browser.shown(".main .frame")[0]

    def shown_scan(self):
        return self.browser.shown("section.scan h2")[0].text

    def test_it_opens_at_the_worst_scan_with_its_region_in_sight(self):
        self.open_case()
        self.assertEqual(self.shown_scan(), self.worst[1])
        self.assertEqual(len(self.browser.shown("section.scan")), 1)
        self.assertEqual(self.browser.shown(".regions tbody td:first-child a")[0].text, "1")
        # Without scrolling: the picture begins in the upper half of a screen of usual size.
        self.assertLess(self.main().rect["y"], 520)

    def test_the_heatmap_hides_and_shows_again(self):
        self.open_case()
        with_heat = self.browser.pixels(self.main())
        self.browser.keys("h")
        without = self.browser.pixels(self.main())
        self.browser.keys("h")
        again = self.browser.pixels(self.main())
        changed = numpy.abs(with_heat - without).sum(axis=2) > 30
        self.assertGreater(changed.sum(), 20)
        self.assertLess(changed.mean(), 0.5)
        numpy.testing.assert_array_equal(with_heat, again)
        # Without the heat what is left of the large picture is gray, but for the white of its marks.
        self.assertLess((without.max(axis=2) - without.min(axis=2)).max(), 40)

    def test_the_slider_fades_it(self):
        self.open_case()
        slider = self.browser.one("#opacity")
        full = self.browser.pixels(self.main())
        slider.send_keys(Keys.HOME)
        bare = self.browser.pixels(self.main())
        # The slider still has the focus.
        self.browser.keys("h")
        numpy.testing.assert_array_equal(self.browser.pixels(self.main()), full)
        self.browser.keys("h")
        self.browser.run("arguments[0].value = 50; arguments[0].dispatchEvent(new Event('input'))", slider)
        half = self.browser.pixels(self.main())
        area = numpy.abs(full - bare).sum(axis=2) > 60
        distance = lambda a: numpy.abs(a - bare)[area].mean()
        self.assertGreater(distance(half), 0.3 * distance(full))
        self.assertLess(distance(half), 0.7 * distance(full))

    def test_a_lower_threshold_shows_more_and_contours_go(self):
        self.open_case()
        painted = lambda: self.painted(self.browser.shown("canvas.heat")[0])
        area, outline = painted()
        self.assertGreater(outline, 0)
        [configuration] = self.index.execute("SELECT configuration FROM runs ORDER BY id DESC LIMIT 1").fetchone()
        heatmap = tifffile.imread(REPORT / self.worst[2])
        self.assertEqual(area, (heatmap >= numpy.float32(json.loads(configuration)["threshold"])).sum())
        self.browser.run("document.querySelector('.more').open = true")
        self.browser.one("#from").send_keys(Keys.HOME)
        self.assertGreater(painted()[0], area)
        self.browser.keys(Keys.NULL)
        self.browser.one("#contours").click()
        self.assertEqual(painted()[1], 0)
        self.browser.one("#reset").click()
        self.assertEqual(painted(), [area, outline])

    def painted(self, canvas):
        """How many pixels of a canvas are painted, and how many of them are outline."""
        address = self.browser.run("return arguments[0].toDataURL()", canvas)
        picture = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("RGBA")
        pixels = numpy.asarray(picture)
        return [int((pixels[..., 3] > 0).sum()), int((pixels == [94, 234, 255, 255]).all(axis=2).sum())]

    def transforms(self):
        return self.browser.run(
            "return [...document.querySelectorAll('section.scan:not([hidden]) .view')].map(view => view.style.transform)")

    def test_all_panels_zoom_and_pan_together(self):
        self.open_case()
        frames = self.browser.shown(".frame")
        self.assertGreaterEqual(len(frames), 5)
        self.assertEqual(len(set(self.transforms())), 1)
        start = self.transforms()[0]
        self.browser.run("arguments[0].scrollIntoView({block: 'center'})", self.main())
        self.browser.actions().scroll_from_origin(ScrollOrigin.from_element(self.main()), 0, -600).perform()
        zoomed = self.transforms()
        self.assertEqual(len(set(zoomed)), 1)
        self.assertIn("scale(", zoomed[0])
        self.assertGreater(float(re.search(r"scale\(([\d.]+)\)", zoomed[0])[1]), 2)
        self.browser.actions().move_to_element(self.main()).click_and_hold().move_by_offset(60, 40).release().perform()
        panned = self.transforms()
        self.assertEqual(len(set(panned)), 1)
        self.assertNotEqual(panned, zoomed)
        self.browser.keys("0")
        self.assertEqual(self.transforms()[0], start)
        self.browser.keys("+")
        self.assertNotEqual(self.transforms()[0], start)
        self.browser.one("#zoom-fit").click()
        self.assertEqual(self.transforms()[0], start)

    def test_two_fingers_zoom(self):
        self.open_case()
        box = self.main().rect
        self.browser.run("arguments[0].scrollIntoView({block: 'center'})", self.main())
        top = self.browser.run("return arguments[0].getBoundingClientRect().top", self.main())
        x, y = box["x"] + box["width"] / 2, top + box["height"] / 2
        touch = lambda kind, reach: self.browser.driver.execute_cdp_cmd(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [] if kind == "touchEnd" else [
                {"x": x - reach, "y": y, "id": 0}, {"x": x + reach, "y": y, "id": 1}]})
        touch("touchStart", 30)
        for reach in range(40, 130, 10):
            touch("touchMove", reach)
        touch("touchEnd", 0)
        scale = float(re.search(r"scale\(([\d.]+)\)", self.transforms()[0])[1])
        self.assertGreater(scale, 2)

    def test_the_value_under_the_cursor_is_the_heatmaps(self):
        self.open_case()
        heatmap = tifffile.imread(REPORT / self.worst[2])
        frame = self.main()
        self.browser.run("arguments[0].scrollIntoView({block: 'center'})", frame)
        box = frame.rect
        for share_x, share_y in [(0.5, 0.5), (0.31, 0.62), (0.7, 0.44), self.region_center()]:
            offset = (share_x - 0.5) * box["width"], (share_y - 0.5) * box["height"]
            self.browser.actions().move_to_element_with_offset(frame, round(offset[0]), round(offset[1])).perform()
            text = self.browser.shown(".readout")[0].text
            found = re.match(r"x (\d+), y (\d+): (?:no tissue|z ([<≥]? ?-?[\d.]+), p )", text)
            self.assertIsNotNone(found, text)
            x, y = int(found[1]), int(found[2])
            self.assertLess(abs(x - share_x * heatmap.shape[1]), 2)
            self.assertLess(abs(y - share_y * heatmap.shape[0]), 2)
            if found[3] and found[3][0] not in "<≥":
                # Levels are sixteenths, words are tenths.
                self.assertLess(abs(float(found[3]) - heatmap[y, x]), 0.09)

    def region_center(self):
        _, _, _, x, y, width, height, *_ = self.worst
        shape = tifffile.imread(REPORT / self.worst[2]).shape
        return (x + width / 2) / shape[1], (y + height / 2) / shape[0]

    def test_window_and_level_change_the_scan_and_not_the_difference(self):
        self.open_case()
        panels = lambda title: next(
            figure for figure in self.browser.shown("figure")
            if figure.find_element("css selector", "figcaption strong").text.startswith(title)
        ).find_element("css selector", ".frame")
        scan, difference = self.browser.pixels(panels("Scan")), self.browser.pixels(panels("Difference"))
        self.browser.run(
            "const w = document.getElementById('window'); w.value = -1; w.dispatchEvent(new Event('input'))")
        self.assertGreater(numpy.abs(self.browser.pixels(panels("Scan")) - scan).mean(), 2)
        numpy.testing.assert_array_equal(self.browser.pixels(panels("Difference")), difference)

    def test_the_difference_is_that_of_the_pictures(self):
        self.open_case()
        sources = self.browser.run(
            "return [...document.querySelectorAll('section.scan:not([hidden]) .main .difference img')]"
            ".map(image => image.src)")
        weights = self.browser.run(
            "return document.querySelector('#view-plain feColorMatrix').getAttribute('values')").split()[:3]
        scan, expected = (self.lightness(source, weights) for source in sources)
        self.browser.keys("h")
        self.browser.keys("3")
        self.wait_for_pictures()
        seen = self.browser.pixels(self.main())[..., 1]
        button = self.browser.one(".layers [data-layer=difference]")
        self.assertEqual(button.get_attribute("aria-pressed"), "true")
        # The middles of the scan's pixels, but for those not scored, which are black, and under marks, which are white.
        height, width = scan.shape
        rows = ((numpy.arange(height) + 0.5) * seen.shape[0] / height).astype(int)
        columns = ((numpy.arange(width) + 0.5) * seen.shape[1] / width).astype(int)
        found = seen[rows][:, columns]
        wanted = numpy.clip(127.5 + scan - expected, 0, 255)
        is_scored = found > 0
        self.assertGreater(is_scored.mean(), 0.05)
        self.assertLess(numpy.median(numpy.abs(found - wanted)[is_scored]), 3)
        self.browser.keys("2")
        self.wait_for_pictures()
        expectation = self.browser.pixels(self.main())
        self.browser.keys("1")
        self.assertGreater(numpy.abs(self.browser.pixels(self.main()) - expectation).mean(), 0.5)

    def lightness(self, source, weights):
        path = urllib.request.url2pathname(urllib.parse.urlparse(source).path)
        pixels = numpy.asarray(Image.open(path).convert("RGB")).astype(float)
        return pixels @ numpy.array([float(weight) for weight in weights])

    def test_blinking_alternates(self):
        self.open_case()
        self.browser.emulate("prefers-reduced-motion", "reduce")
        self.open_case()
        pressed = lambda: self.browser.one(".layers [aria-pressed=true][data-layer]").get_attribute("data-layer")
        self.browser.keys("b")
        self.assertEqual(pressed(), "expected")
        self.browser.keys("b")
        self.assertEqual(pressed(), "scan")
        self.browser.emulate("prefers-reduced-motion", "")
        self.open_case()
        self.browser.keys("b")
        seen = set()
        self.browser.wait(lambda: seen.add(pressed()) or len(seen) == 2, "the other picture")
        self.browser.keys("b")
        self.assertEqual(self.browser.one("#blink").get_attribute("aria-pressed"), "false")

    def test_arrow_keys_leaf_through_the_scans(self):
        path = self.several()
        count = len(self.index.execute(
            "SELECT scans.id FROM scans JOIN cases ON cases.id = case_id WHERE report_path = ?", [path]).fetchall())
        self.browser.open(self.report / path, "#scan-1")
        first = self.shown_scan()
        self.browser.keys(Keys.ARROW_RIGHT)
        second = self.shown_scan()
        self.assertNotEqual(first, second)
        self.assertTrue(self.browser.driver.current_url.endswith("#scan-2"))
        self.browser.driver.refresh()
        self.assertEqual(self.shown_scan(), second)
        self.browser.keys(Keys.END)
        self.assertTrue(self.browser.driver.current_url.endswith(f"#scan-{count}"))
        self.browser.shown(".strip li a")[0].click()
        self.assertEqual(self.shown_scan(), first)
        bars = self.browser.all(".along a")
        self.assertEqual(len(bars), count)
        self.browser.run("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))", bars[2])
        self.assertTrue(self.browser.driver.current_url.endswith("#scan-3"))

    def test_a_region_is_centred_where_it_is_chosen(self):
        self.open_case()
        self.browser.shown(".regions tbody td:first-child a")[0].click()
        found = re.search(r"translate\(([-\d.]+)%, ?([-\d.]+)%\) scale\(([\d.]+)\)", self.transforms()[0])
        scale = float(found[3])
        # A region is shown at 0.3 of the frame, and one that is larger than that in the whole scan.
        _, _, _, _, _, width, height, *_ = self.worst
        shape = tifffile.imread(REPORT / self.worst[2]).shape
        if max(width / shape[1], height / shape[0]) < 0.3:
            self.assertGreater(scale, 1)
        else:
            self.assertEqual(scale, 1)
        center = [(50 - float(found[k])) / scale / 100 for k in (1, 2)]
        expected = [min(1 - 0.5 / scale, max(0.5 / scale, value)) for value in self.region_center()]
        for a, b in zip(center, expected):
            self.assertLess(abs(a - b), 0.02)
        self.assertTrue(self.browser.shown(".marks .chosen rect"))
        self.assertTrue(self.browser.shown(".regions .crop img"))

    def test_a_review_is_kept_and_downloaded(self):
        self.open_case()
        name = self.browser.one("header .study").text
        self.browser.one(".review [value=disagree]").click()
        self.browser.one(".review [name=note]").send_keys("artefact <b>\"quoted\"")
        self.browser.driver.refresh()
        self.assertTrue(self.browser.one(".review [value=disagree]").is_selected())
        self.open_study()
        row = next(row for row in self.browser.shown("tbody tr") if row.get_attribute("data-name") == name)
        self.assertIn("disagree", row.text)
        self.browser.one("#only-unreviewed").click()
        self.assertNotIn(name, self.names())
        self.browser.one("#download").click()
        self.browser.wait(lambda: list(self.folder.glob("*.review.json")), "the download")
        [path] = self.folder.glob("*.review.json")
        said = json.loads(path.read_text())
        path.unlink()
        self.assertEqual(said["norma"], "review 1")
        [review] = said["reviews"]
        self.assertEqual((review["case"], review["verdict"]), (name, "disagree"))
        self.assertEqual(review["note"], "artefact <b>\"quoted\"")
        self.assertRegex(review["reviewed_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_arrows_leaf_on_after_a_click_and_change_no_verdict(self):
        path = self.several()
        self.browser.open(self.report / path, "#scan-1")
        first = self.shown_scan()
        self.browser.one(".review [value=agree]").click()
        self.browser.keys(Keys.ARROW_RIGHT)
        self.browser.wait(lambda: self.shown_scan() != first, "the next scan")
        self.assertTrue(self.browser.one(".review [value=agree]").is_selected())
        self.browser.one(".review .clear").click()
        self.assertEqual(self.browser.all(".review [name=verdict]:checked"), [])
        self.browser.driver.refresh()
        self.assertEqual(self.browser.all(".review [name=verdict]:checked"), [])

    def several(self):
        path, count = self.index.execute(
            "SELECT report_path, scan_count FROM cases WHERE failed_scan_count = 0 ORDER BY scan_count DESC LIMIT 1"
        ).fetchone()
        if count < 3:
            self.skipTest("the report has no case of several scans")
        return path

    def test_addresses_of_nothing_open_something_and_say_what(self):
        path = self.several()
        for fragment, shown in [
            ("#%", None), ("#%E0%A4%A", None), ("#scan-99", None), ("#nonsense", None), ("#scan-1-name", None),
            ("#scan-2-region-999", "#scan-2"),
        ]:
            with self.subTest(fragment=fragment):
                self.browser.open(self.report / path, fragment)
                self.assertEqual(len(self.browser.shown("section.scan")), 1)
                self.assertRegex(self.browser.driver.current_url, (shown or r"#scan-\d+") + "$")

    def test_a_picture_that_is_gone_is_said_to_be(self):
        self.open_case()
        source = self.browser.run(
            "return document.querySelector('section.scan:not([hidden]) [data-layer=expected] img').src")
        path = pathlib.Path(urllib.request.url2pathname(urllib.parse.urlparse(source).path))
        aside = path.with_suffix(".aside")
        path.rename(aside)
        try:
            self.browser.open(self.report / self.worst[0])
            self.browser.wait(lambda: self.browser.shown(".frame.missing"), "the note")
            missing = [frame.find_element("xpath", "..").text for frame in self.browser.shown(".frame.missing")]
            self.assertTrue(any(text.startswith("Difference") for text in missing), missing)
            self.assertNotIn("missing", self.main().get_attribute("class"))
        finally:
            aside.rename(path)
        complaints, _ = self.browser.collect()
        self.assertTrue(all("ERR_FILE_NOT_FOUND" in complaint for complaint in complaints), complaints)

    def test_the_table_is_as_it_was_when_one_comes_back(self):
        self.open_study("#flagged=1")
        self.browser.shown("table.cases .name a")[0].click()
        self.browser.wait(lambda: self.browser.all("body.case"), "the case's page")
        self.browser.one(".kicker .home").click()
        self.browser.wait(lambda: self.browser.all("table.cases"), "the study's page")
        self.assertTrue(self.browser.one("#only-flagged").is_selected())

    # MARK: for everybody

    def pages(self):
        return {"study": self.report / "index.html", "case": self.report / self.worst[0]}

    def test_axe_finds_nothing_serious_in_light_or_dark_wide_or_narrow(self):
        for scheme in ["light", "dark"]:
            self.browser.emulate("prefers-color-scheme", scheme)
            for width in [1400, 400]:
                self.browser.resize(width, 1000)
                for name, page in self.pages().items():
                    with self.subTest(page=name, scheme=scheme, width=width):
                        self.browser.open(page)
                        if name == "case":
                            self.browser.wait(lambda: self.browser.shown("canvas.heat"), "the heatmap's values")
                        self.assertEqual(self.browser.violations(), [])
                        overflow = self.browser.run(
                            "return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                        self.assertLessEqual(overflow, 0)
                        if SCREENSHOTS:
                            self.browser.screenshot(pathlib.Path(SCREENSHOTS) / f"{name}-{scheme}-{width}.png")
        self.browser.emulate("prefers-color-scheme", "light")
        self.browser.resize(1400, 1300)

    def test_the_pages_read_without_scripts(self):
        browser = Browser(self.folder, scripts=False)
        try:
            browser.open(self.report / "index.html")
            self.assertEqual(len(browser.shown("table.cases tbody tr")), len(self.browser_rows()))
            self.assertEqual(browser.shown("form.filter"), [])
            browser.open(self.report / self.worst[0])
            self.assertEqual(browser.shown(".tools"), [])
            self.assertTrue(all(section.is_displayed() for section in browser.all("section.scan")))
            frame = browser.one("section.scan .main .frame")
            browser.run("arguments[0].scrollIntoView()", frame)
            browser.wait(lambda: browser.pixels(frame).std() > 5, "a picture")
        finally:
            browser.quit()

    def browser_rows(self):
        return self.index.execute("SELECT id FROM cases").fetchall()


if __name__ == "__main__":
    unittest.main()
