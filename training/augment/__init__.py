"""Augmentation inside the train step: whole batches, on the device, the same on TensorFlow, JAX and PyTorch.

Images are float32 (n, H, W, C) in [0, 255] before and after every operation. An operation is `sample(shape, draws)`,
which takes its parameters for a batch from random draws, and `apply(images, params)`, which is deterministic; shapes
are static, so that a step is compiled once.

    draws.py       the random numbers          operation.py  the interface and the registry
    tone.py        one curve for all channels  colour.py     channels mixed or treated apart
    stain.py       dyes in optical density     texture.py    neighbouring pixels       jpeg.py  blocks
    occlusion.py   parts of the image covered  geometry.py   pixels moved, each kind by its name
    affine.py      matrices, composed warps    warp.py       the look-up of pixels     pixels.py  arithmetic
    chain.py       operations in turn          parts.py      a choice for each image of a batch
    stages.py      what a policy is made of    mixing.py     MixUp and CutMix
    engine.py      a policy on a batch         policies.py   policies by name
    sheet.py       a picture of every operation and policy
"""
