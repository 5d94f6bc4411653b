# SPDX-License-Identifier: Apache-2.0
"""gfscc --report, read as a person would: in a browser that has no network."""
import html.parser
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from deployment import DATA, MODEL, must, run

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# Names of a hostile model: none may end the element that carries the data, or become markup.
HOSTILE = """module attributes {fixed.ring_bits = 32 : i64} {
  func.func @main(%x: !fixed.tensor<1x4, scale = 8> {fixed.name = "</script><b id='injected'>"})
      -> (!fixed.tensor<1x4, scale = 8> {fixed.name = "{{data}}"}) {
    %y = fixed.relu %x shift 0 window [6, 13) : !fixed.tensor<1x4, scale = 8> -> !fixed.tensor<1x4, scale = 8> loc("<img src=x>")
    return %y : !fixed.tensor<1x4, scale = 8>
  }
}
"""


class Page(html.parser.HTMLParser):
    """What a browser made of a page: attributes by id, the sections' headings, counts of elements, the text."""

    def __init__(self, path):
        super().__init__()
        self.attributes, self.counts, self.headings, self.text, self.inside = {}, {}, [], "", []
        self.all = []  # attributes of all elements, in order
        # A profile of its own: two browsers may run at a time.
        with tempfile.TemporaryDirectory() as profile:
            done = subprocess.run(
                [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--dump-dom",
                 "--host-resolver-rules=MAP * ~NOTFOUND", pathlib.Path(path).as_uri()],
                capture_output=True, text=True, timeout=120)
        self.feed(done.stdout)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.all.append(attributes)
        self.attributes[attributes.get("id", tag)] = attributes
        self.inside.append(tag)

    def handle_endtag(self, tag):
        if tag in self.inside:
            while self.inside.pop() != tag:
                pass

    def handle_data(self, data):
        if "script" in self.inside or "style" in self.inside:
            return
        if "h2" in self.inside:
            self.headings.append(data)
        self.text += data


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.page, cls.data = (pathlib.Path(cls.folder.name) / f"report.{form}" for form in ("html", "json"))
        for path in (cls.page, cls.data):
            must("gfscc", MODEL, "--calib", DATA / "fashion_calib.npy", "-q", "--report", path)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_json(self):
        report = json.loads(self.data.read_text())
        self.assertEqual(report["schema"], 1)
        self.assertEqual(report["plan"]["totals"]["exchanges"], len(report["plan"]["schedule"]))
        self.assertEqual(sum(sum(layer["message_bytes"]) for layer in report["plan"]["layers"]),
                         report["plan"]["totals"]["bytes_each_way"])
        self.assertTrue(all(row["headroom"] == 0 or row["headroom"] >= 2 for row in report["headroom"]))
        self.assertGreater(report["calibration"]["agreement"], 0.9)
        self.assertIn("Server 1", [role["role"] for role in report["leakage"]])

    def test_page_needs_nothing_else(self):
        text = self.page.read_text()
        self.assertNotIn("http://", text.replace("http://www.w3.org/2000/svg", ""))
        self.assertNotIn("https://", text)

    @unittest.skipUnless(BROWSER, "chromium is not installed; tools/install.sh --tests installs it")
    def test_page_is_drawn(self):
        report, page = json.loads(self.data.read_text()), Page(self.page)
        names = {layer["name"] for layer in report["plan"]["layers"]}
        self.assertEqual(page.attributes["body"]["data-drawn"], str(len(names)))
        for heading in ("Overview", "Network", "Layers", "Choices", "Activations", "Head-room", "Exchanges", "Who sees what"):
            self.assertIn(heading, page.headings)
        for name in names:
            self.assertIn(name, page.text)
        # A box a layer, a column an exchange.
        self.assertGreaterEqual(page.counts["rect"], len(names) + len(report["plan"]["schedule"]))

    def test_predictions_add_up(self):
        report = json.loads(self.data.read_text())
        plan, total = report["plan"], report["explain"]["total"]
        self.assertAlmostEqual(sum(layer["predicted_ms"] for layer in plan["layers"]), plan["predicted"]["online_ms"], 6)
        self.assertAlmostEqual(total["predicted_ms"], plan["predicted"]["online_ms"], 6)
        self.assertEqual(plan["predicted"]["network"], report["explain"]["network"]["name"])
        self.assertEqual({kind for row in report["activations"] for kind in row["kinds"]}, {"relu"})
        self.assertNotIn("frontier", report)

    @unittest.skipUnless(BROWSER, "chromium is not installed; tools/install.sh --tests installs it")
    def test_choices_are_drawn(self):
        """What --replace=auto and --explain decided: every section shows, and its figures are those of the JSON."""
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            common = (MODEL, "--calib", DATA / "fashion_calib.npy", "-q", "--compile-to=plan", "--replace=auto",
                      "--max-accuracy-drop=2", "--explain", "--frontier", folder / "frontier.json")
            for form in ("html", "json"):
                must("gfscc", *common, "--report", folder / f"report.{form}")
            report, page = json.loads((folder / "report.json").read_text()), Page(folder / "report.html")
            self.assertEqual(report["frontier"], json.loads((folder / "frontier.json").read_text()))
        self.assertIn("data-drawn", page.attributes["body"])
        for heading in ("Choices", "Activations", "Accuracy and cost"):
            self.assertIn(heading, page.headings)
        self.assertIn(f"{report['plan']['predicted']['online_ms']:.2f} ms", page.text)
        # Choices: the chosen protocol of each layer that finds signs is marked, with its predicted time.
        deciding = [layer for layer in report["explain"]["layers"] if layer["alternatives"]]
        self.assertTrue(deciding)
        for layer in deciding:
            self.assertIn(f"▸ {layer['protocol']}{layer['cost']['predicted_ms']:.3f}", page.text)
        # Activations: a cell per channel, and polynomials among them.
        rows = report["activations"]
        self.assertTrue(any(set(row["per_channel"]) - {"relu"} for row in rows))
        cells = [a for a in page.all if a.get("title", "").startswith("channel ")]
        self.assertEqual(len(cells), sum(row["channels"] for row in rows))
        for row in rows:
            self.assertEqual(sum(row["kinds"].values()), row["channels"])
            self.assertIn(", ".join(f"{n} {kind}" for kind, n in row["kinds"].items()), page.text)
        # Frontier: a mark per point, at the right place; the chosen one is the only one that stands out.
        points, chosen = report["frontier"]["points"], report["frontier"]["chosen"]
        marks = [a for a in page.all if a.get("class", "").startswith("mark")]
        self.assertEqual([a["class"] == "mark chosen" for a in marks], [i == chosen for i in range(len(points))])
        self.assertGreater(chosen, 0)
        for mark, point in zip(marks, points):
            self.assertAlmostEqual(float(mark["cx"]), 60 + 640 * point["replaced"], 3)
            self.assertIn(f"{point['dealt_bytes']:,}", page.text)
        self.assertIn(f"▸ {100 * points[chosen]['replaced']:.2f} %", page.text)

    @unittest.skipUnless(BROWSER, "chromium is not installed; tools/install.sh --tests installs it")
    def test_names_are_never_markup(self):
        with tempfile.TemporaryDirectory() as folder:
            program, path = pathlib.Path(folder) / "hostile.mlir", pathlib.Path(folder) / "hostile.html"
            program.write_text(HOSTILE)
            must("gfscc", program, "-q", "--report", path)
            page = Page(path)
        self.assertIn("data-drawn", page.attributes["body"])
        self.assertNotIn("injected", page.attributes)
        self.assertNotIn("img", page.counts)
        self.assertIn("<img src=x>", page.text)

    def test_refusals(self):
        done = run("gfscc", MODEL, "--report", "report.pdf")
        self.assertEqual(done.returncode, 2)
        self.assertIn("neither .html nor .json", done.stderr)
        done = run("gfscc", MODEL, "--report", "report.html", "--compile-to", "fixed")
        self.assertEqual(done.returncode, 2)
        done = run("gfscc", MODEL, "--calib", DATA / "fashion_calib.npy", "-q", "--report", "/nowhere/report.html")
        self.assertEqual(done.returncode, 4)
        self.assertIn("/nowhere/report.html", done.stderr)


if __name__ == "__main__":
    if BROWSER is None:
        print("SKIPPED in part: no browser; tools/install.sh --tests installs chromium", file=sys.stderr)
    unittest.main(verbosity=2)
