"""Which modules a runtime can import, by their first name."""

import sys
from pathlib import Path

from .runtime import Runtime
from .runtime_venv import CACHE, read_modules

# What distributions bring that is imported by another name, and what their dependencies bring. Read off the venvs
# of tf215, tf217 and latest (make check-runtimes) and the distributions' own requirements; all of it where versions
# differ. It is used only until the runtime's environment is built, which then tells exactly.
_KERAS = (
    *(
        "keras",
        "absl",
        "h5py",
        "markdown_it",
        "mdurl",
        "ml_dtypes",
        "namex",
        "numpy",
        "optree",
        "packaging",
        "pygments",
    ),
    "rich",
)
_TENSORFLOW = (
    *("tensorflow", "tensorflow_estimator", "tensorflow_io_gcs_filesystem", "tensorboard", "tensorboard_data_server"),
    *("absl", "astunparse", "certifi", "cffi", "charset_normalizer", "clang", "cryptography", "flatbuffers", "gast"),
    *(
        "google",
        "google_auth_oauthlib",
        "grpc",
        "h5py",
        "idna",
        "keras",
        "markdown",
        "markupsafe",
        "ml_dtypes",
        "numpy",
    ),
    *("oauthlib", "opt_einsum", "packaging", "pasta", "pyasn1", "pyasn1_modules", "pycparser", "requests"),
    *("requests_oauthlib", "six", "termcolor", "typing_extensions", "urllib3", "werkzeug", "wrapt"),
)
_TORCH = ("torch", "functorch", "filelock", "fsspec", "jinja2", "markupsafe", "mpmath", "networkx", "sympy")
BRINGS: dict[str, tuple[str, ...]] = {
    "albumentations": ("albumentations", "cv2", "numpy", "pydantic", "scipy", "yaml"),
    "beautifulsoup4": ("bs4",),
    "imagehash": ("imagehash", "numpy", "PIL", "pywt", "scipy"),
    "jax": ("jax", "jaxlib", "ml_dtypes", "numpy", "opt_einsum", "scipy"),
    "keras": _KERAS,
    "keras-cv": ("keras_cv", "absl", "packaging", "regex", "tensorflow_datasets"),
    "keras-hub": ("keras_hub", "absl", "kagglehub", "numpy", "packaging", "regex", "rich", "tensorflow_text"),
    "matplotlib": (
        "matplotlib",
        "mpl_toolkits",
        "pylab",
        "contourpy",
        "cycler",
        "dateutil",
        "numpy",
        "packaging",
        "PIL",
    ),
    "numba": ("numba", "llvmlite", "numpy"),
    "onnxruntime": ("onnxruntime", "flatbuffers", "numpy", "packaging"),
    "opencv-contrib-python-headless": ("cv2", "numpy"),
    "opencv-contrib-python": ("cv2", "numpy"),
    "opencv-python-headless": ("cv2", "numpy"),
    "opencv-python": ("cv2", "numpy"),
    "pandas": ("pandas", "dateutil", "numpy", "pytz", "tzdata"),
    "pillow": ("PIL",),
    "protobuf": ("google",),
    "pyyaml": ("yaml",),
    "scikit-image": ("skimage", "imageio", "lazy_loader", "networkx", "numpy", "packaging", "PIL", "scipy", "tifffile"),
    "scikit-learn": ("sklearn", "joblib", "numpy", "scipy", "threadpoolctl"),
    "scipy": ("scipy", "numpy"),
    "tensorflow-addons": ("tensorflow_addons", "packaging", "typeguard"),
    "tensorflow-cpu": _TENSORFLOW,
    "tensorflow": _TENSORFLOW,
    "timm": ("timm", "huggingface_hub", "safetensors", "torchvision", "yaml", *_TORCH),
    "torch": _TORCH,
    "torchvision": ("torchvision", "numpy", "PIL", *_TORCH),
    "tqdm": ("tqdm",),
    "xgboost": ("xgboost", "numpy", "scipy"),
}
_ALWAYS = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "wheel")

# Gone from Python 3.12 and 3.13: there in a runtime of 3.11, though perhaps not in the Python that runs this.
_GONE = {
    "3.12": ("asynchat", "asyncore", "distutils", "imp", "smtpd"),
    "3.13": (
        *(
            "aifc",
            "audioop",
            "cgi",
            "cgitb",
            "chunk",
            "crypt",
            "imghdr",
            "lib2to3",
            "mailcap",
            "msilib",
            "nis",
            "nntplib",
        ),
        *("ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib"),
    ),
}


def runtime_modules(runtime: Runtime, cache: Path = CACHE) -> frozenset[str]:
    """First names of what can be imported: exactly, where the runtime's environment is built; else by `BRINGS`.

    A distribution that is not in `BRINGS` is taken to be imported by its own name.
    """
    exact = read_modules(runtime, cache)
    if exact is not None:
        return frozenset(exact)
    names = set(_ALWAYS)
    for distribution in runtime.distributions:
        names.update(BRINGS.get(distribution, (distribution.replace("-", "_"),)))
    return frozenset(names | _standard_library(runtime.python))


def _standard_library(python: str) -> set[str]:
    names = set(sys.stdlib_module_names)
    for since, gone in _GONE.items():
        if tuple(map(int, python.split("."))) >= tuple(map(int, since.split("."))):
            names.difference_update(gone)
        else:
            names.update(gone)
    return names
