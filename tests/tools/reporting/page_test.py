import dataclasses
import html.parser
import json
import re
import shutil

import made_workdir
import processes
import pytest

from tools.reporting import page
from tools.reporting.data import reading
from tools.reporting.data.records import Provenance
from tools.reporting.sections import comparison, reproduction

FIGURES = {
    "architecture",
    "recipe-accuracy",
    "recipe-latency",
    "recipe-size",
    "this-network",
    "held-out-networks",
    "held-out-blocks",
    "path-probabilities",
    "entropy",
    "expected-cost",
    "search-loss",
    "search-accuracy",
    "training-loss",
    "training-accuracy",
    "time",
}


@pytest.fixture
def workdir(tmp_path, tiny_model_file):
    return made_workdir.write(tmp_path / "w", tiny_model_file)


def written(*paths):
    return page.html([reading.read(path) for path in paths])


def figures(text):
    return set(re.findall(r'<figure class="[\w ]+" id="figure-([\w-]+)"', text))


class Outline(html.parser.HTMLParser):
    """Tags that stay open, and headings in their order."""

    VOID = {"meta", "link", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.headings = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag in ("h1", "h2", "h3"):
            self.headings.append(int(tag[1]))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_finished_run_has_every_figure_and_the_numbers_that_matter(workdir):
    text = written(workdir)
    assert figures(text) == FIGURES
    assert "Still missing" not in text and 'class="missing"' not in text
    for number in ("60.00", "0.0640", "16.0", "target 0.0600, predicted 0.0610"):
        assert number in text
    assert "Found by proxyless_gradient among 12 networks of the space tiny, for int8" in text


def test_the_page_is_well_formed_and_its_headings_are_in_order(workdir):
    outline = Outline(written(workdir))
    assert outline.open == []
    assert outline.headings[0] == 1 and outline.headings.count(1) == 1
    steps = zip(outline.headings, outline.headings[1:], strict=False)
    assert all(below <= above + 1 for above, below in steps)


def test_the_page_refers_to_nothing_outside_of_it(workdir):
    text = written(workdir).replace("http://www.w3.org/2000/svg", "")
    assert "://" not in text
    assert "<script" not in text and "@import" not in text and "url(" not in text
    assert re.findall(r'(?:src|href)="([^"]*)"', text) == ["data:,", "#content"]


def test_every_picture_has_a_text_and_every_table_a_scope(workdir):
    text = written(workdir)
    pictures = re.findall(r"<svg [^>]*>", text)
    assert len(pictures) > len(FIGURES)
    assert all(re.search(r'role="img" aria-label="[^"]{8,}"', picture) for picture in pictures)
    assert "<th>" not in text
    assert text.count("<table>") == text.count("<caption>") == text.count("<thead>")


def test_the_same_work_dir_gives_the_same_page(workdir):
    assert written(workdir) == written(workdir)


def test_what_a_user_named_is_escaped(workdir):
    provenance = made_workdir.provenance("pipeline.py --workdir=<script>alert(1)</script>")
    made_workdir.change(workdir, "config.json", provenance=provenance)
    text = written(workdir)
    assert "<script" not in text and "&lt;script&gt;" in text


def test_a_search_alone_says_what_is_missing(workdir):
    for name in ("summary.json", "parity_int8.json", "parity_float32.json"):
        (workdir / name).unlink()
    shutil.rmtree(workdir / "train")
    text = written(workdir)
    assert "Still missing: the training, the export and the measurement" in text
    assert "No epoch of the training is finished yet." in text
    assert "No .tflite file is written yet." in text
    assert FIGURES - figures(text) == {
        "recipe-accuracy",
        "recipe-latency",
        "recipe-size",
        "training-loss",
        "training-accuracy",
    }


def test_a_killed_search_says_how_far_it_is(workdir):
    for name in ("child.json", "summary.json", "parity_int8.json", "parity_float32.json"):
        (workdir / name).unlink()
    rows = (workdir / "search/metrics.jsonl").read_text().splitlines(keepends=True)
    (workdir / "search/metrics.jsonl").write_text("".join(rows[:2]))
    text = written(workdir)
    assert "2 of 4 epochs are finished; the same command resumes the search." in text
    assert "The network so far" in text and "Still missing: the search" in text


def test_a_run_that_has_only_begun_gives_a_page(workdir):
    for path in workdir.iterdir():
        if path.name != "config.json":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    text = written(workdir)
    assert figures(text) == set()
    assert "There is no search space and no network yet" in text


@pytest.mark.parametrize("algorithm", ["one_shot", "one_shot_single_path", "random"])
def test_a_search_without_probabilities_shows_what_it_judged(workdir, algorithm):
    made_workdir.write_judged(workdir)
    made_workdir.change_search(workdir, algorithm=algorithm)
    text = written(workdir)
    assert "judged-networks" in figures(text)
    assert not figures(text) & {"path-probabilities", "entropy", "expected-cost"}
    assert "This algorithm learns no path probabilities" in text
    assert "2 networks evaluated; the best has accuracy 70.0\xa0%" in text
    shared = "epochs shared by 2 networks" if algorithm == "random" else "1 of them warm-up"
    assert shared in text
    # Such a search takes no network above it.
    assert "limit 0.0600\xa0ms" in text and "target" not in text.partition("Reproduce this run")[0]


def test_the_page_says_what_the_training_began_with(workdir):
    assert "Training from scratch" in written(workdir)
    config = json.loads((workdir / "config.json").read_text())["pipeline"]
    config["preset"] = {**config.get("preset", {}), "init": "search"}
    made_workdir.change(workdir, "config.json", pipeline=config)
    assert "Training from the weights of the search" in written(workdir)


def test_finalists_are_drawn_with_the_network_that_was_chosen(workdir):
    made_workdir.write_finalists(workdir)
    text = written(workdir)
    assert figures(text) >= {"finalists", "path-probabilities"}
    assert "3 finalists, half of which dropped out in each of 2 rounds: each trained a" in text
    assert "the algorithm&#39;s own choice" in text and "best by the estimate" in text
    assert "65.00" in text and "70.00" in text


@pytest.mark.parametrize(
    ("form", "told"), [("absolute", "minus 0.3 times the latency"), ("power", "times a power of")]
)
def test_rewards_are_drawn(workdir, form, told):
    made_workdir.write_rewards(workdir, form)
    text = written(workdir)
    assert figures(text) >= {"reward", "path-probabilities", "entropy", "expected-cost"}
    assert "Mean reward of the sampled networks: 0.000 at first, 0.200 at the end." in text
    assert told in text


@pytest.mark.parametrize(
    ("algorithm", "title"),
    [
        ("proxyless_gradient", "Accuracy of sampled paths"),
        ("darts", "Accuracy of the mixture"),
        ("one_shot", "Accuracy of all paths together"),
    ],
)
def test_the_accuracy_is_that_of_what_a_step_runs(workdir, algorithm, title):
    made_workdir.change_search(workdir, algorithm=algorithm)
    assert title in written(workdir)


def test_a_target_of_macs_is_drawn_in_macs(workdir):
    rows = [
        json.loads(line) for line in (workdir / "search/metrics.jsonl").read_text().splitlines()
    ]
    for row in rows:
        row["expected_macs"] = 2.5e6
        row["most_probable_macs"] = 2.4e6
        del row["expected_latency_ms"], row["most_probable_latency_ms"]
    made_workdir.lines(workdir / "search/metrics.jsonl", rows)
    provenance = json.loads((workdir / "child.json").read_text())["provenance"]
    provenance["search"]["target"] = 2e6
    made_workdir.change(workdir, "child.json", provenance=provenance)
    text = written(workdir)
    assert "2.40 million MACs, +20.0\xa0% from the target 2.00 million MACs" in text
    assert "target 2.00\xa0million MACs" in text


def test_a_folder_of_images_gives_the_page_its_own_name(workdir):
    config = json.loads((workdir / "config.json").read_text())["pipeline"]
    config["preset"]["dataset"] = "folder:some/where/pets"
    made_workdir.change(workdir, "config.json", pipeline=config)
    assert "<h1>A network for pets</h1>" in written(workdir)


def test_commands_are_shown_once_in_order_as_they_are_typed():
    made = [
        Provenance("benchmark.py --space=tiny"),
        Provenance("search.py --space=tiny"),
        Provenance("search.py --space=tiny"),
        Provenance("-c"),
    ]
    assert reproduction.commands(made) == [
        "python -m tools.benchmark --space=tiny",
        "python -m tools.search --space=tiny",
    ]


def test_the_commands_begin_with_the_revision(workdir):
    commands = reproduction.commands_section(reading.read(workdir)).commands
    assert commands[0] == "git checkout 0123456789ab"
    assert commands[1] == "python -m tools.pipeline --preset=tiny --workdir=w"
    assert commands[-1] == f"python -m tools.report --workdir={workdir}"


def test_uncommitted_changes_are_said_so(workdir):
    run = reading.read(workdir)
    dirty = {
        name: dataclasses.replace(made, git_revision="0123456789ab+changes")
        for name, made in run.provenances.items()
    }
    section = reproduction.commands_section(dataclasses.replace(run, provenances=dirty))
    assert "uncommitted changes" in section.lead
    assert section.commands[0] == "git checkout 0123456789ab"


@pytest.fixture
def others(workdir, tmp_path):
    """A run that is faster and less accurate, and one for another data set."""
    fast = shutil.copytree(workdir, tmp_path / "fast")
    summary = made_workdir.summary()
    latencies = {**summary["latency_ms_by_recipe"], "int8": 0.032}
    made_workdir.change(fast, "summary.json", latency_ms_by_recipe=latencies)
    made_workdir.change(fast, "parity_int8.json", accuracy_tflite=0.5)
    apart = shutil.copytree(workdir, tmp_path / "apart")
    config = json.loads((apart / "config.json").read_text())["pipeline"]
    config["preset"]["dataset"] = "cifar10"
    made_workdir.change(apart, "config.json", pipeline=config)
    return fast, apart


def test_several_runs_are_compared_on_the_page_of_the_first(workdir, others):
    fast, apart = others
    text = written(workdir, fast, apart)
    assert figures(text) == FIGURES | {"pareto"}
    assert "No other run is both faster and more accurate than w or fast" in text
    assert "apart is only in the table, since it has another data set than w." in text
    runs = [reading.read(path) for path in (workdir, *others)]
    (table,) = comparison.section(runs).tables
    assert [(row[0], row[7], row[8]) for row in table.rows] == [
        ("w", "0.0640", "60.00"),
        ("fast", "0.0320", "50.00"),
        ("apart", "0.0640", "60.00"),
    ]


def test_a_limit_is_told_from_a_target_in_the_table_of_runs(workdir, others):
    fast, _ = others
    made_workdir.write_judged(fast)
    (table,) = comparison.section([reading.read(path) for path in (workdir, fast)]).tables
    assert [row[5] for row in table.rows] == ["0.0600", "≤ 0.0600"]
    assert 5 in table.numeric


def test_runs_are_named_by_what_tells_them_apart(workdir):
    run = reading.read(workdir)
    named = [dataclasses.replace(run, path=path) for path in ("a/quick/", "b/quick", "b/slow")]
    assert comparison.names(named) == ["a/quick", "b/quick", "b/slow"]
    assert comparison.names(named[1:]) == ["quick", "slow"]


report = processes.tool("report")


def test_the_command_writes_the_page_and_says_where(workdir, others, tmp_path):
    done = report(f"--workdir={workdir}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"the report is {workdir}/report/index.html\n"
    assert (workdir / "report/index.html").read_text() == written(workdir)
    output = tmp_path / "there/comparison.html"
    done = report(f"--workdirs={workdir},{others[0]}", f"--output={output}")
    assert done.returncode == 0, done.stderr
    assert "pareto" in figures(output.read_text())


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "expected --workdir=DIR or --workdirs=DIR,DIR"),
        (["--workdir=a", "--workdirs=a,b"], "expected --workdir=DIR or --workdirs=DIR,DIR"),
        (["--workdirs=a,a"], "expected every value once"),
        (["--workdir=no/such"], "no/such: expected a work dir, found no such folder"),
    ],
)
def test_bad_flags_are_one_line(arguments, error):
    done = report(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and error in line
