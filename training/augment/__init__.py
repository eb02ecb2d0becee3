"""Augmentation inside the train step: whole batches, on the device, the same on TensorFlow, JAX and PyTorch.

Images are float32 (n, H, W, C) in [0, 255] before and after every operation. An operation is `sample(shape, seed)`,
which draws its parameters for a batch, and `apply(images, params)`, which is deterministic; shapes are static, so that
a step is compiled once.

    operation.py   the interface and the registry
    affine.py      flips, quarter turns, rotation, shear, zoom, translation: one warp
    tone.py        one curve for all channels        colour.py    channels mixed or treated apart
    texture.py     neighbouring pixels               occlusion.py parts of the image covered
    engine.py      a policy applied to a batch       policies.py  policies by name
    sheet.py       a picture of every operation and policy
"""
