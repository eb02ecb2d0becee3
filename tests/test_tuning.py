"""What tunes may not read what judges, whichever way it opens the file."""

import json
import os

import numpy as np
import pytest

from submission.kit.errors import KitError
from submission.kit.image_set import open_image_set, write_image_set
from submission.kit.tuning import no_judge, tunes


@pytest.fixture
def artifacts(tmp_path):
    for part in ("select", "judge"):
        images = np.zeros((2, 4, 4, 3), np.uint8)
        folder = tmp_path / "suites" / "imagenet-c" / part
        write_image_set(folder, [(images, np.zeros(2, int))], 2, (4, 4, 3), {"class_names": ["a"], "part": part})
    (tmp_path / "judge" / "0123abcd").mkdir(parents=True)
    (tmp_path / "judge" / "score.json").write_text("{}")
    np.savez(tmp_path / "judge" / "0123abcd" / "table.npz", a=1)
    np.savez(tmp_path / "probs_an2dl_judge.npz", a=1)
    return tmp_path


READS = {
    "image set": lambda a: open_image_set(a / "suites/imagenet-c/judge", "make suites"),
    "memory map": lambda a: np.load(a / "suites/imagenet-c/judge/images.npy", mmap_mode="r"),
    "raw": lambda a: os.open(a / "suites/imagenet-c/judge/labels.npy", os.O_RDONLY),
    "text": lambda a: (a / "suites/imagenet-c/judge/meta.json").read_text(),
    "score": lambda a: json.loads((a / "judge/score.json").read_bytes()),
    "table": lambda a: np.load(a / "judge/0123abcd/table.npz"),
    "probabilities": lambda a: np.load(a / "probs_an2dl_judge.npz"),
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
