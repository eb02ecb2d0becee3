"""The PBC dataset of the Hospital Clinic of Barcelona: 17,092 blood cells of eight types, in class folders of a zip."""

from .download.fetch import RemoteFile
from .licence import ACEVEDO, CC_BY_4, Licence

FILE = RemoteFile(
    "PBC_dataset_normal_DIB.zip",
    "https://data.mendeley.com/public-files/datasets/snkd93bnjr/files/2fc38728-2ae7-4a62-a857-032af82334c3/file_downloaded",
    None,
)
"""Mendeley Data, doi 10.17632/snkd93bnjr.1, version 1. Its page shows no checksum; each image is checked by the zip's
own, and their number by `IMAGES`."""

IMAGES = 17092
"""One hidden file among them, .DS_169665.jpg, is none of these."""

CROP, SIZE = 200, 96
"""Most images are 360 x 363 pixels with the cell in the middle; MedMNIST cuts out 200 x 200, too."""

LICENCE = Licence(*CC_BY_4, "https://data.mendeley.com/datasets/snkd93bnjr/1", (ACEVEDO,))
