"""benchmarks/report.py: what it keeps, what it says, and that the pages are the report's."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import report, report_pages
from benchmarks.benchmark_table import BENCHMARKS, LIMIT, Benchmark

COMMITTED = report_pages.read_report(report.REPORT)
PAGES = ("README.md", "docs/results.md")

# A benchmark that measures nothing: it tells what it was given.
SCRIPT = """
import argparse, json, os, pathlib, signal, sys, time
parser = argparse.ArgumentParser()
for option in ("--json", "--model", "--source", "--report"):
    parser.add_argument(option)
parser.add_argument("--status", type=int, default=0)
parser.add_argument("--empty", action="store_true")
parser.add_argument("--sleep")
parser.add_argument("--stubborn", action="store_true")
options = parser.parse_args()
if options.stubborn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if options.sleep:
    pathlib.Path(options.sleep).write_text(str(os.getpid()))
    time.sleep(600)
row = {"model": options.model, "variable": os.environ.get("OMP_NUM_THREADS")}
if options.source:
    row["sentences"] = len(pathlib.Path(options.source).read_text().splitlines())
if options.report:
    row["entries"] = list(json.loads(pathlib.Path(options.report).read_text())["benchmarks"])
if not options.empty:
    pathlib.Path(options.json).write_text(json.dumps([row]))
sys.exit(options.status)
"""
FORMER = {
    "command": "one.py",
    "date": "2020-01-02",
    "commit": "0123456789",
    "machine": {"processor": "a former one", "cores": 64, "instructions": ["avx2"]},
    "versions": {"python": "3.11.0"},
    "environment": {},
    "seconds": 7,
    "exit_status": 0,
    "rows": [{"figure": 1}],
}


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """`bench(name=options, ...)`: these are all benchmarks that there are. Returns their names."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def make(_former=(), **table):
        table = {
            name: each if isinstance(each, Benchmark) else Benchmark((str(script), *each))
            for name, each in table.items()
        }
        for module in (report, report_pages):
            monkeypatch.setattr(module, "BENCHMARKS", table)
        monkeypatch.setattr(report, "REPORT", tmp_path / "report.json")
        monkeypatch.setattr(report, "stop_at_signals", lambda program: None)
        if _former:
            report.write_report({name: FORMER for name in _former})
        return str(script)

    return make


def entries():
    return json.loads(report.REPORT.read_text())["benchmarks"]


def test_the_pages_are_made_of_the_committed_report():
    assert report_pages.differing(COMMITTED) == []


@pytest.mark.parametrize("page", PAGES)
def test_an_edit_by_hand_is_found(page, tmp_path, monkeypatch, capsys):
    for name in PAGES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(report_pages.ROOT / name, tmp_path / name)
    for module in (report, report_pages):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    assert report.main(["--check"]) == 0
    text = (tmp_path / page).read_text()
    begin = text.index(report_pages.BEGIN)
    at = begin + re.search(r"\d(?= \[)|\d(?= times)", text[begin:]).start()
    digit = str((int(text[at]) + 1) % 10)
    (tmp_path / page).write_text(text[:at] + digit + text[at + 1 :])
    assert report.main(["--check"]) == 1
    assert page in capsys.readouterr().out
    assert report.main(["--tables"]) == 0
    assert (tmp_path / page).read_text() == text


@pytest.mark.parametrize("text", ["", report_pages.END + report_pages.BEGIN, report_pages.BEGIN])
def test_a_page_without_its_marks_is_told(text, tmp_path, monkeypatch):
    for name in PAGES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(report_pages, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"results\.md must have one line"):
        report_pages.write_pages(COMMITTED)


def test_the_committed_report_has_the_benchmarks_of_the_table():
    found, absent = list(COMMITTED["benchmarks"]), COMMITTED["not_measured_yet"]
    assert found == [name for name in BENCHMARKS if name not in absent]
    assert set(absent) <= set(BENCHMARKS)
    page = report_pages.pages(COMMITTED)[report_pages.ROOT / "docs" / "results.md"]
    for name in absent:
        assert re.search(rf"Not measured yet:.*{re.escape(name)}", page), name
    for name, entry in COMMITTED["benchmarks"].items():
        assert set(FORMER) <= set(entry), name
        assert entry["rows"], name


def test_the_committed_report_fits_into_the_limit():
    seconds = [e["seconds"] for n, e in COMMITTED["benchmarks"].items() if BENCHMARKS[n].in_bench]
    assert COMMITTED["seconds"] == sum(seconds) <= LIMIT


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_command_of_the_table_has_options_of_its_script(name):
    own = BENCHMARKS[name]
    text = own.script.read_text()
    wanted = ["--model", "--source"] if own.takes_run else []
    for option in [*own.command[1:], *wanted, "--json"]:
        if option.startswith("--") and option != "--json":
            assert f'"{option}"' in text, option
    assert "add_json_option(" in text


def test_every_ratio_of_the_report_is_explained():
    for name, entry in COMMITTED["benchmarks"].items():
        ratios = [key for row in entry["rows"] for key in row if "ratio" in key or "over" in key]
        assert not ratios or BENCHMARKS[name].ratio, name


def test_an_entry_says_when_on_what_and_with_what_it_was_measured(bench, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    bench(one=[])
    assert report.main([]) == 0
    (entry,) = entries().values()
    assert set(entry) == set(FORMER)
    assert entry["environment"]["OMP_NUM_THREADS"] == entry["rows"][0]["variable"] == "3"
    assert entry["environment"]["TF_CPU_ALLOCATOR_USE_BFC"] == "1"
    assert entry["machine"]["cores"] == os.cpu_count()
    assert entry["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "tensorflow" in entry["versions"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", entry["date"])
    assert entry["exit_status"] == 0


def test_the_commit_says_whether_code_was_changed(tmp_path, monkeypatch):
    def git(*arguments):
        name = ["-c", "user.name=n", "-c", "user.email=e"]
        subprocess.run(["git", "-C", str(tmp_path), *name, *arguments], check=True)

    monkeypatch.setattr(report, "ROOT", tmp_path)
    git("init", "-q")
    (tmp_path / "benchmarks").mkdir()
    for file in ("code.py", "benchmarks/report.json", "README.md"):
        (tmp_path / file).write_text("1")
    git("add", ".")
    git("commit", "-qm", "one")
    assert re.fullmatch("[0-9a-f]{10}", report.commit())
    (tmp_path / "benchmarks/report.json").write_text("2")
    (tmp_path / "README.md").write_text("2")
    assert re.fullmatch("[0-9a-f]{10}", report.commit())
    (tmp_path / "code.py").write_text("2")
    assert re.fullmatch(r"[0-9a-f]{10}\+", report.commit())


def test_only_one_leaves_the_others_as_they_were(bench):
    bench(("one", "two"), one=[], two=[])
    assert report.main(["--only", "two"]) == 0
    assert entries()["one"] == FORMER
    assert entries()["two"]["machine"] == report.machine() != FORMER["machine"]
    page = report_pages.results(report_pages.read_report(report.REPORT))
    assert "a former one, 64 cores" in page
    assert f"{os.cpu_count()} cores" in page


def test_what_lacks_a_package_keeps_its_entry_and_says_which(bench, capsys):
    script = bench()
    peer = Benchmark((script,), packages=("no-such-peer",))
    bench(("one",), one=peer, two=[], three=peer)
    assert report.main([]) == 0
    assert entries()["one"] == FORMER and list(entries()) == ["one", "two"]
    out = capsys.readouterr().out
    assert "one is not run: it needs `pip install no-such-peer`. Its figures of 2020-01-02 " in out
    assert "three is not run: it needs `pip install no-such-peer`. It has none." in out
    assert json.loads(report.REPORT.read_text())["not_measured_yet"] == ["three"]


@pytest.mark.parametrize("folder", [None, "empty", "full"])
def test_what_lacks_data_keeps_its_entry(bench, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("KERAS_ATTENTION_DATA", raising=False)
    if folder:
        monkeypatch.setenv("KERAS_ATTENTION_DATA", str(tmp_path))
    if folder == "full":
        (tmp_path / "corpus.gz").touch()
    script = bench()
    bench(("one",), one=Benchmark((script,), data=("corpus.gz",)))
    assert report.main([]) == 0
    assert (entries()["one"] == FORMER) == (folder != "full")
    assert ("it needs corpus.gz" in capsys.readouterr().out) == (folder != "full")


def test_what_breaks_off_without_figures_keeps_its_entry(bench, capsys):
    bench(("one",), one=["--empty", "--status", "3"], two=[])
    assert report.main([]) == 1
    assert entries()["one"] == FORMER and "two" in entries()
    out = capsys.readouterr().out
    assert "one has given no figures. Its figures of 2020-01-02 stay." in out
    assert "These benchmarks failed: one." in out


def test_figures_with_a_status_that_is_not_zero_are_kept_with_it(bench):
    bench(one=["--status", "3"])
    assert report.main([]) == 1
    assert entries()["one"]["exit_status"] == 3
    page = report_pages.results(report_pages.read_report(report.REPORT))
    assert "The command ended with status 3." in page


def test_the_report_is_written_after_each_benchmark(bench, tmp_path):
    bench(one=[], two=["--report", str(tmp_path / "report.json")])
    assert report.main([]) == 0
    assert entries()["two"]["rows"][0]["entries"] == ["one"]


def test_what_is_not_in_the_bench_is_run_when_asked_for(bench):
    script = bench()
    bench(one=[], two=Benchmark((script,), in_bench=False))
    assert report.main([]) == 0
    assert list(entries()) == ["one"]
    assert report.main(["--only", "two"]) == 0
    found = json.loads(report.REPORT.read_text())
    assert list(found["benchmarks"]) == ["one", "two"]
    assert found["seconds"] == found["benchmarks"]["one"]["seconds"]


def test_a_run_takes_the_place_of_random_weights(bench, tmp_path):
    script = bench()
    bench(one=Benchmark((script,), takes_run=True), two=[])
    (tmp_path / "run").mkdir()
    assert report.main(["--model", str(tmp_path / "run")]) == 0
    (own,), (other,) = (each["rows"] for each in entries().values())
    assert own["model"] == str(tmp_path / "run") and own["sentences"] == report.SENTENCES
    assert other["model"] is None
    assert entries()["one"]["command"] == f"{script} --model RUN --source SOURCE"
    assert "The command is now" not in report_pages.results(report_pages.read_report(report.REPORT))


def test_a_run_that_is_not_there_is_refused(bench, capsys):
    bench(one=[])
    with pytest.raises(SystemExit):
        report.main(["--model", "nowhere"])
    assert "--model must be the directory of a run. Received: nowhere" in capsys.readouterr().err


def test_what_does_not_fit_is_not_run_and_comes_first_next_time(bench, monkeypatch, capsys):
    bench(one=[], two=[], three=[])
    monkeypatch.setattr(report, "LIMIT", 10)
    former = {name: FORMER | {"seconds": seconds} for name, seconds in (("one", 7), ("two", 11))}
    report.write_report(former | {"three": FORMER | {"date": "2019-01-01"}})
    assert report.main([]) == 0
    out = capsys.readouterr().out
    assert out.index("three:") < out.index("one:")
    assert "two is not run: it does not fit into 10 s any more. Its figures" in out
    assert entries()["two"] == former["two"]
    assert report.main(["--only", "two"]) == 0
    assert entries()["two"] != former["two"]


def test_a_former_command_says_what_the_command_is_now(bench):
    bench(("one",), one=["--status", "0"])
    page = report_pages.results(report_pages.read_report(report.REPORT))
    assert "    python benchmarks/one.py\n\nThe command is now" in page
    assert report.main([]) == 0
    assert "The command is now" not in report_pages.results(report_pages.read_report(report.REPORT))


@pytest.mark.parametrize("stubborn", [[], ["--stubborn"]])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_sentence(bench, tmp_path, number, stubborn):
    script = bench(("two",), one=[], two=[])
    begun = tmp_path / "begun"
    table = {"one": (script,), "two": (script, "--sleep", str(begun), *stubborn)}
    program = (
        "import pathlib, sys\n"
        "from benchmarks import report\n"
        "from benchmarks.benchmark_table import Benchmark\n"
        f"report.BENCHMARKS = {{n: Benchmark(c) for n, c in {table!r}.items()}}\n"
        f"report.REPORT, report.GRACE = pathlib.Path({str(report.REPORT)!r}), 0.5\n"
        "sys.exit(report.main([]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (begun.exists() and begun.read_text()):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == 128 + number
    assert err == f"report.py: stopped by {number.name}.\n"
    assert "two was not finished. Its figures of 2020-01-02 stay." in out
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)
    assert entries()["two"] == FORMER
    assert entries()["one"]["commit"] != FORMER["commit"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
