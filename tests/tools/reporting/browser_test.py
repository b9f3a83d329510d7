"""The page as a browser shows it: Debian's chromium, headless."""

import json
import pathlib
import shutil
import subprocess

import made_wide_workdir
import made_workdir
import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tools.reporting import page

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PHONE, DESKTOP = 390, 1280
# Chromium must reach no network by itself either, and runs as root in containers.
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium and driver, "apt-get install chromium chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


@pytest.fixture(scope="module")
def reports(tmp_path_factory, tiny_model_file):
    """Finished runs of several algorithms, and one that has only been searched."""
    folder = tmp_path_factory.mktemp("runs")
    finished = made_workdir.write(folder / "finished", tiny_model_file)
    searched = shutil.copytree(finished, folder / "searched")
    for name in ("summary.json", "parity_int8.json", "parity_float32.json"):
        (searched / name).unlink()
    shutil.rmtree(searched / "train")
    judged, rewarded = (shutil.copytree(finished, folder / name) for name in ("judged", "rewarded"))
    made_workdir.write_judged(judged)
    made_workdir.change_search(judged, algorithm="random")
    made_workdir.write_rewards(rewarded)
    made_wide_workdir.write(folder / "wide", depth=7)
    return {
        "wide": page.write([str(folder / "wide")]),
        "judged": page.write([str(judged)]),
        "rewarded": page.write([str(rewarded)]),
        "finished": page.write([str(finished)]),
        "searched": page.write([str(searched)]),
        "compared": page.write([str(finished), str(searched)], str(folder / "compared.html")),
    }


def show(browser, path, width=DESKTOP, scheme="light", media="screen"):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(path.as_uri())


@pytest.mark.parametrize("name", ["finished", "searched", "compared"])
def test_the_page_asks_for_nothing_else_and_reports_no_error(browser, reports, name):
    browser.get("about:blank")
    browser.get_log("performance")
    browser.get_log("browser")
    show(browser, reports[name])
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    urls = {request["request"]["url"] for request in asked}
    assert urls - {"data:,"} == {reports[name].as_uri()}
    assert browser.title == "A network for fashion_mnist"


FIGURES = """
return [...document.querySelectorAll("figure")].map(figure => {
  const pictures = [...figure.querySelectorAll("svg")];
  const shown = pictures.filter(svg => svg.getBoundingClientRect().width);
  return {
    key: figure.id,
    title: figure.querySelector("h3").innerText,
    caption: figure.querySelector("figcaption").innerText,
    pictures: shown.length,
    words: shown.map(svg => [...svg.querySelectorAll("text")].map(t => t.textContent).join(" ")),
    labels: shown.map(svg => svg.getAttribute("aria-label")),
  };
});
"""


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_every_figure_is_seen_with_its_text(browser, reports, width):
    show(browser, reports["compared"], width)
    figures = {figure["key"]: figure for figure in browser.execute_script(FIGURES)}
    assert len(figures) == 16
    for figure in figures.values():
        assert figure["title"] and figure["caption"]
        assert figure["pictures"] == (3 if figure["key"] == "figure-path-probabilities" else 1)
        assert all(figure["words"]) and all(figure["labels"])
    assert "this network" in figures["figure-held-out-networks"]["words"][0]
    assert "target" in figures["figure-expected-cost"]["words"][0]


@pytest.mark.parametrize("name", ["judged", "rewarded"])
def test_what_only_one_algorithm_has_is_seen_with_its_text(browser, reports, name):
    show(browser, reports[name], PHONE)
    figures = {figure["key"]: figure for figure in browser.execute_script(FIGURES)}
    own, word = {"judged": ("judged-networks", "chosen"), "rewarded": ("reward", "mean")}[name]
    figure = figures[f"figure-{own}"]
    assert figure["pictures"] == 1 and word in figure["words"][0]
    assert figure["title"] and figure["caption"] and all(figure["labels"])


OVERFLOW = """
const edge = document.documentElement.clientWidth;
const hidden = element => element.closest(".scroll, pre, .skip-link, .hidden");
return {
  page: document.documentElement.scrollWidth - edge,
  over: [...document.querySelectorAll("body *")]
    .filter(e => !hidden(e) && e.getBoundingClientRect().right > edge + 0.5)
    .map(e => e.outerHTML.slice(0, 120)),
};
"""


@pytest.mark.parametrize("name", ["finished", "searched", "compared", "judged", "rewarded", "wide"])
@pytest.mark.parametrize("width", [320, PHONE, 768, DESKTOP])
def test_nothing_reaches_beyond_the_edge_of_the_screen(browser, reports, name, width):
    show(browser, reports[name], width)
    assert browser.execute_script(OVERFLOW) == {"page": 0, "over": []}


# Relative luminance and contrast as WCAG 2.2 defines them.
CONTRASTS = """
const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const luminance = colour => {
  const [r, g, b] = colour.match(/[\\d.]+/g).map(Number);
  return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
};
const page = luminance(getComputedStyle(document.body).backgroundColor);
const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
const named = "h1, h2, h3, p, dt, dd, td, th, figcaption, summary, svg text";
const words = [...document.querySelectorAll(named)];
const curve = getComputedStyle(document.querySelector("svg .line.accent")).stroke;
return {
  page,
  least: Math.min(...words.map(e => {
    const style = getComputedStyle(e);
    return contrast(luminance(e.namespaceURI.endsWith("svg") ? style.fill : style.color), page);
  })),
  curve: contrast(luminance(curve), page),
};
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dark_is_dark_and_everything_can_be_read_in_both(browser, reports, scheme):
    show(browser, reports["finished"], scheme=scheme)
    found = browser.execute_script(CONTRASTS)
    assert found["page"] < 0.02 if scheme == "dark" else found["page"] > 0.9
    assert found["least"] >= 4.5
    assert found["curve"] >= 3.0


def test_print_is_light_and_hides_what_cannot_be_opened(browser, reports):
    show(browser, reports["finished"], scheme="dark", media="print")
    assert browser.execute_script(CONTRASTS)["page"] > 0.9
    shown = "return getComputedStyle(document.querySelector('details')).display"
    assert browser.execute_script(shown) == "none"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen"})


def test_numbers_open_by_keyboard_and_the_first_stop_leads_to_the_content(browser, reports):
    show(browser, reports["finished"])
    active = browser.switch_to.active_element
    active.send_keys("\ue004")  # Tab.
    link = browser.switch_to.active_element
    assert link.get_attribute("href").endswith("#content")
    summary = browser.find_element("css selector", "#figure-entropy summary")
    summary.send_keys("\ue007")  # Enter.
    table = browser.find_element("css selector", "#figure-entropy table")
    assert table.is_displayed()
    assert [th.text for th in table.find_elements("css selector", "thead th")] == [
        "epoch",
        "nats per slot",
    ]


def test_readmes_pictures_are_drawn_by_their_script(reports, tmp_path):
    script = pathlib.Path(__file__).parents[3] / "docs/images/make.sh"
    workdir = reports["finished"].parents[1]
    subprocess.run(["bash", script, workdir, tmp_path], check=True)
    pictures = [Image.open(tmp_path / f"report_{scheme}.png") for scheme in ("dark", "light")]
    assert {picture.size for picture in pictures} == {(1280, 1010)}
    dark, light = (np.asarray(picture.convert("L")).mean() for picture in pictures)
    assert dark < 60 and light > 200
