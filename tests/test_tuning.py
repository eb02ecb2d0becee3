"""What tunes may not read what judges, whichever way it opens the file."""

import io
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set, write_image_set
from submission.kit.tuning import no_judge, tunes

ROOT = Path(__file__).parents[1]


@pytest.fixture
def artifacts(tmp_path):
    for part in ("select", "judge"):
        images = np.zeros((2, 4, 4, 3), np.uint8)
        folder = tmp_path / "suites" / "imagenet-c" / part
        write_image_set(folder, [(images, np.zeros(2, int))], 2, (4, 4, 3), {"class_names": ["a"], "part": part})
    (tmp_path / "judge" / "0123abcd").mkdir(parents=True)
    (tmp_path / "judge" / "0123abcd" / "an2dl-judge").mkdir()
    for name in ("score.json", "0123abcd/an2dl-judge/outcome.json", "compare-a-b.json"):
        (tmp_path / "judge" / name).write_text("{}")
    (tmp_path / "report").mkdir()
    (tmp_path / "report/report.html").touch()
    (tmp_path / "ledger.jsonl").touch()
    np.savez(tmp_path / "judge" / "0123abcd" / "table.npz", a=1)
    np.savez(tmp_path / "probs_an2dl_judge.npz", a=1)
    return tmp_path


def in_thread(path):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(path.read_bytes).result()


def in_folder(folder, name):
    before = Path.cwd()
    os.chdir(folder)
    try:
        return np.load(name)
    finally:
        os.chdir(before)


READS = {
    "image set": lambda a: open_image_set(a / "suites/imagenet-c/judge", "make suites"),
    "memory map": lambda a: np.load(a / "suites/imagenet-c/judge/images.npy", mmap_mode="r"),
    "raw": lambda a: os.open(a / "suites/imagenet-c/judge/labels.npy", os.O_RDONLY),
    "text": lambda a: (a / "suites/imagenet-c/judge/meta.json").read_text(),
    "score": lambda a: json.loads((a / "judge/score.json").read_bytes()),
    "table": lambda a: np.load(a / "judge/0123abcd/table.npz"),
    "probabilities": lambda a: np.load(a / "probs_an2dl_judge.npz"),
    "run": lambda a: (a / "judge/0123abcd/an2dl-judge/outcome.json").read_bytes(),
    "comparison": lambda a: (a / "judge/compare-a-b.json").read_bytes(),
    "ledger": lambda a: (a / "ledger.jsonl").read_text(),
    "report": lambda a: (a / "report/report.html").read_text(),
    "memmap": lambda a: np.memmap(a / "suites/imagenet-c/judge/images.npy", np.uint8, "r"),
    "from file": lambda a: np.fromfile(a / "suites/imagenet-c/judge/labels.npy", np.uint8),
    "bytes": lambda a: np.load(io.FileIO(os.fsencode(a / "suites/imagenet-c/judge/labels.npy"))),
    "file io": lambda a: io.FileIO(str(a / "suites/imagenet-c/judge/labels.npy")),
    "double slash": lambda a: np.load(f"{a}//suites/./imagenet-c//judge/labels.npy"),
    "proc": lambda a: np.load(f"/proc/self/root{a}/suites/imagenet-c/judge/labels.npy"),
    "copy": lambda a: shutil.copyfile(a / "suites/imagenet-c/judge/labels.npy", a / "mine.npy"),
    "hard link": lambda a: os.link(a / "suites/imagenet-c/judge/labels.npy", a / "mine.npy"),
    "renamed": lambda a: (a / "suites/imagenet-c/judge/labels.npy").rename(a / "mine.npy"),
    "another program": lambda a: subprocess.run(["cat", a / "suites/imagenet-c/judge/labels.npy"]),
    "thread": lambda a: in_thread(a / "suites/imagenet-c/judge/labels.npy"),
    "from its folder": lambda a: in_folder(a / "suites/imagenet-c/judge", "labels.npy"),
    "roundabout": lambda a: (a / "suites/imagenet-c/select/../judge/ids.npy").read_bytes(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_reading_what_judges_is_refused(artifacts, read):
    @tunes
    def choose_weights():
        read(artifacts)

    with pytest.raises(KitError, match=r"choose_weights chooses, so it may not read what judges.*Received: .*judge"):
        choose_weights()


def test_a_link_to_what_judges_is_refused_by_its_target(artifacts):
    (artifacts / "harmless").symlink_to(artifacts / "suites/imagenet-c/judge")
    with no_judge("x"), pytest.raises(KitError, match="may not read what judges"):
        open_image_set(artifacts / "harmless", "make suites")


def test_select_and_everything_after_the_block_are_read(artifacts):
    with no_judge("tests"):
        assert len(open_image_set(artifacts / "suites/imagenet-c/select", "make suites")) == 2
    assert len(open_image_set(artifacts / "suites/imagenet-c/judge", "make suites")) == 2


def test_an_error_ends_the_block(artifacts):
    with pytest.raises(RuntimeError), no_judge("tests"):
        raise RuntimeError
    assert (artifacts / "judge/score.json").read_text() == "{}"


def test_a_folder_that_happens_to_be_called_judge_is_no_matter(tmp_path):
    home = tmp_path / "judge" / "suites"
    home.mkdir(parents=True)
    (home / "meta.json").write_text("{}")
    with no_judge("tests"):
        assert (home / "meta.json").read_text() == "{}"


FORK = """
import os, sys
from submission.kit.errors import KitError
from submission.kit.tuning import no_judge
with no_judge("tests"):
    child = os.fork()
    if child == 0:
        try:
            open(sys.argv[1])
        except KitError:
            os._exit(7)
        os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_is_refused_too(artifacts):
    done = subprocess.run([sys.executable, "-c", FORK, artifacts / "judge/score.json"], cwd=ROOT)
    assert done.returncode == 7


def test_other_programs_and_moves_are_no_matter(artifacts):
    with no_judge("outer"), no_judge("inner"):
        assert subprocess.run(["true"]).returncode == 0
        (artifacts / "a").write_text("x")
        (artifacts / "a").rename(artifacts / "b")
        os.link(artifacts / "b", artifacts / "c")
    with no_judge("outer"):
        with no_judge("inner"):
            pass
        with pytest.raises(KitError, match="outer chooses"):
            (artifacts / "judge/score.json").read_text()
