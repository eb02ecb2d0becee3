"""Hashes in batches and their search, against Pillow, imagehash and two loops."""

import imagehash
import numpy as np
import pytest
from clean_pictures import picture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from training.cleaning import hamming, multi_index, resample
from training.cleaning.grey import grey_image, grey_images
from training.cleaning.hashes import HASHES, phash_turned
from training.cleaning.multi_index import close_pairs
from training.cleaning.resample import resize_grey
from training.cleaning.symmetry import symmetries

SIZES = [(96, 96), (64, 64), (28, 28), (33, 57), (100, 31), (8, 9), (200, 130), (7, 5)]


def odd_pictures(height, width):
    """Noise, flat ones, edges, ramps: pictures on which roundings and ties show."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    made = [rng.integers(0, 256, (height, width)) for _ in range(3)]
    made += [np.full((height, width), level) for level in (0, 127, 255)]
    made += [
        (x > width / 2) * 255,
        (y > height / 2) * 255,
        (x + y) % 2 * 255,
        x * 255 // width,
        255 - y * 255 // height,
    ]
    made += [((x - width / 2) ** 2 + (y - height / 2) ** 2 < 16) * 200]
    return np.stack(made).astype(np.uint8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("target", [(32, 32), (8, 9), (64, 64)])
def test_resizing_is_pillows(size, target):
    grey = odd_pictures(*size)
    for name, pillows in (("lanczos", Image.Resampling.LANCZOS), ("box", Image.Resampling.BOX)):
        found = resize_grey(grey, *target, name)
        for one, image in zip(found, grey, strict=True):
            expected = np.asarray(Image.fromarray(image).resize(target[::-1], pillows))
            assert np.array_equal(one, expected), name


@given(st.integers(1, 60), st.integers(1, 60), st.integers(4, 40), st.integers(4, 40), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_resizing_any_size_is_pillows(height, width, new_height, new_width, seed):
    image = np.random.default_rng(seed).integers(0, 256, (1, height, width), dtype=np.uint8)
    expected = Image.fromarray(image[0]).resize((new_width, new_height), Image.Resampling.LANCZOS)
    assert np.array_equal(resize_grey(image, new_height, new_width)[0], np.asarray(expected))


def test_resizing_by_pillow_itself_where_its_passes_are_other_ones(monkeypatch):
    grey = odd_pictures(20, 30)
    expected = resize_grey(grey, 8, 9)
    monkeypatch.setattr(resample, "_order", lambda *sizes: None)
    assert np.array_equal(resize_grey(grey, 8, 9), expected)


def test_resizing_in_blocks_and_of_nothing(monkeypatch):
    grey = odd_pictures(40, 40)
    whole = resize_grey(grey, 8, 8)
    monkeypatch.setattr(resample, "_BLOCK", 3000)
    assert np.array_equal(resize_grey(grey, 8, 8), whole)
    assert resize_grey(grey[:0], 8, 8).shape == (0, 8, 8)


def bits_of(name, image):
    return np.packbits(getattr(imagehash, name)(image).hash.ravel()).view(np.uint64)[0]


@pytest.mark.parametrize("name", HASHES)
@pytest.mark.parametrize("size", [(96, 96), (28, 28), (64, 64), (33, 57), (7, 5), (200, 130)])
def test_every_bit_is_imagehashs(name, size):
    grey = np.concatenate(
        [
            odd_pictures(*size),
            grey_images(np.stack([picture(seed, 200) for seed in range(20)]))[:, : size[0], : size[1]],
        ]
    )
    found = HASHES[name](grey)
    expected = [bits_of(name, Image.fromarray(image)) for image in grey]
    assert found.tolist() == [int(one) for one in expected]


@pytest.mark.parametrize("channels", [1, 3])
def test_hashes_of_colours_are_those_of_the_colour_picture(channels):
    images = np.stack([picture(seed, 96, channels) for seed in range(8)])
    pictures = [Image.fromarray(image if channels == 3 else image[..., 0]) for image in images]
    for name, function in HASHES.items():
        assert function(grey_images(images)).tolist() == [int(bits_of(name, one)) for one in pictures]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_grey_images_of_any_channels(channels):
    images = np.repeat(np.stack([picture(0, 20, 1), picture(1, 20, 1)]), channels, axis=-1)
    grey = grey_images(images)
    assert grey.shape == (2, 20, 20) and grey.dtype == np.uint8
    assert np.abs(grey.astype(int) - images[..., 0]).max() <= 1
    assert np.array_equal(np.asarray(grey_image(images[1])), grey[1])
    assert grey_images(images[:0]).shape == (0, 20, 20)


@pytest.mark.parametrize("size", [(64, 64), (40, 64)])
def test_turned_hashes_are_those_of_turned_pictures(size):
    grey = np.stack([grey_images(picture(seed)[None])[0][: size[0], : size[1]] for seed in range(20)])
    found = phash_turned(grey)
    known = symmetries(*size)
    assert found.shape == (20, 8 if size[0] == size[1] else 4)
    assert np.array_equal(found[:, 0], HASHES["phash"](grey))
    for number, symmetry in enumerate(known):
        expected = HASHES["phash"](np.ascontiguousarray(symmetry(grey)))
        assert hamming.count_bits(found[:, number] ^ expected).max() <= 2  # Pillow rounds rows before columns


def test_words_for_symmetries():
    assert [one.told for one in symmetries(8, 8)] == [
        "", "turned", "turned", "turned", "mirrored", "mirrored and turned", "mirrored", "mirrored and turned",
    ]  # fmt: skip


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=40), st.booleans())
def test_count_bits_is_that_of_python(values, with_table):
    words = np.array(values, np.uint64)
    with pytest.MonkeyPatch.context() as patch:
        if with_table:  # numpy 1 has no bitwise_count
            patch.delattr(np, "bitwise_count", raising=False)
        assert hamming.count_bits(words).tolist() == [value.bit_count() for value in values]
        assert hamming.count_bits(words[None, :, None]).shape == (1, len(values), 1)


@given(st.lists(st.integers(0, 255), max_size=30), st.integers(0, 8), st.integers(1, 7), st.booleans())
def test_close_rows_finds_what_two_loops_find(values, max_bits, block, crossed):
    others = [value ^ 5 for value in values] if crossed else values
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hamming, "BLOCK", block)
        found = [
            (row, int(other))
            for row, later in hamming.close_rows(
                np.array(values, np.uint64), max_bits, np.array(others, np.uint64) if crossed else None
            )
            for other in later
        ]
    pairs = [(i, j) for i in range(len(values)) for j in range(i + 1, len(values))]
    assert found == [(i, j) for i, j in pairs if (values[i] ^ others[j]).bit_count() <= max_bits]


def all_pairs(hashes, max_bits):
    return sorted(
        (int(a), int(b)) for one, other in close_pairs(hashes, max_bits) for a, b in zip(one, other, strict=True)
    )


@given(st.integers(0, 8), st.integers(0, 50), st.integers(1, 60), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_multi_index_finds_what_brute_force_finds_once(max_bits, count, spread, seed):
    """Hashes in clusters: the base ones with up to `spread` bits changed; some are equal."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, 3, dtype=np.uint64)[rng.integers(0, 3, count)]
    for _ in range(int(rng.integers(0, spread + 1))):
        hashes ^= np.where(
            rng.random(count) < 0.3, np.uint64(1) << rng.integers(0, 64, count).astype(np.uint64), np.uint64(0)
        )
    brute = [(row, int(other)) for row, later in hamming.close_rows(hashes, max_bits) for other in later]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multi_index, "_FEW", 0)
        assert all_pairs(hashes, max_bits) == brute
    assert all_pairs(hashes, max_bits) == brute  # as small sets are searched


def test_multi_index_of_many_skewed_hashes():
    """As hashes of cells are: bits far from fair, many equal."""
    rng = np.random.default_rng(1)
    bits = rng.random((6000, 64)) < rng.beta(0.5, 0.5, 64)
    hashes = np.packbits(bits, axis=1).view(np.uint64).ravel()
    brute = [(row, int(other)) for row, later in hamming.close_rows(hashes, 4) for other in later]
    assert len(brute) > 20 and all_pairs(hashes, 4) == brute


@pytest.mark.parametrize("max_bits", [-1, 9])
def test_multi_index_refuses_other_radii(max_bits):
    with pytest.raises(ValueError, match=r"max_bits must be 0 to 8"):
        next(close_pairs(np.zeros(3, np.uint64), max_bits))
