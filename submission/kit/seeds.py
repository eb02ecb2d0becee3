"""Seeds derived by name, so that two uses never share their draws."""

import hashlib


def derive_seed(seed: int, *names: object) -> int:
    """A seed for one named use.

    Args:
        seed: the run's seed; 0 is a seed like any other.
        names: what the seed is for, such as `"augment", epoch`.

    Returns:
        An int in [0, 2**31): fits numpy's, Keras' and TensorFlow's seeds.
    """
    text = "/".join(str(part) for part in (int(seed), *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
