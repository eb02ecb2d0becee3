"""The judge's own second look at a zip of this kit: every member's probabilities, view by view.

    python table.py INPUT_DATA OUTPUT INGESTED_PROGRAM

INPUT_DATA        images.npy uint8 (N, H, W, C), ids.npy (N,)
INGESTED_PROGRAM  the unpacked zip, with manifest.json and kit/
OUTPUT            table.npz: ids (N,), probs float32 (M, V, N, K) (neither combined nor tempered), blended float32
                  (N, K), members (M,), views (V,), weights_mv (M, V), temperatures_m (M,)

Runs in the same place as the ingestion program, but only at home: the platform never sees it.
"""

import json
import sys
from pathlib import Path

import numpy as np

CHUNK = 256  # images; the map of all images stays on disk, one chunk is in memory


def main(argv: "list[str]") -> int:
    input_dir, output_dir, submission_dir = (Path(argument).resolve() for argument in argv)
    images = np.load(input_dir / "images.npy", mmap_mode="r")
    ids = np.load(input_dir / "ids.npy", allow_pickle=False)
    manifest = json.loads((submission_dir / "manifest.json").read_text(encoding="utf-8"))

    sys.path.insert(0, str(submission_dir))
    from kit.blend import blend
    from kit.predictor import Predictor

    predictor = Predictor(submission_dir)
    chunks = [
        np.asarray(predictor.predict_table(np.array(images[start : start + CHUNK])), dtype=np.float32)
        for start in range(0, len(images), CHUNK)
    ]
    probs_mvnk = np.concatenate(chunks, axis=2)
    weights_mv = np.asarray(manifest["weights_mv"], dtype=np.float64)
    temperatures_m = np.array([member["temperature"] for member in manifest["members"]], dtype=np.float64)
    blended_nk = blend(probs_mvnk, weights_mv, temperatures_m)

    new = output_dir / "new.npz"
    np.savez(
        new,
        ids=ids,
        probs=probs_mvnk,
        blended=np.asarray(blended_nk, dtype=np.float32),
        members=np.array([member["name"] for member in manifest["members"]]),
        views=np.array(manifest["views"]),
        weights_mv=weights_mv,
        temperatures_m=temperatures_m,
    )
    new.replace(output_dir / "table.npz")
    print("{} members x {} views x {} images".format(*probs_mvnk.shape))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
