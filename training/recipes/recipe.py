"""What decides a training, as a frozen dataclass."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from submission.kit.errors import KitError


@dataclass(frozen=True)
class Recipe:
    """How a member is trained.

    A training has up to three phases: contrastive (the backbone learns by a projection head), head (the backbone is
    frozen), tune (backbone and head). Each has its own optimizer and schedule.

    Args:
        name: the recipe's name; runs are named after it.
        backbone: a name of `training.backbones`.
        weights: "imagenet", a path of a `.weights.h5` file of the backbone, or None for a start from scratch.
        image_size: side to which images are resized on the device, before the backbone; None leaves them as they are.
        head_units: widths of dense ReLU layers between features and logits.
        dropout: before each dense layer of the head, in [0, 1).
        l2: factor of the squared norm of the head's kernels, added to the loss.
        trainable_depth: share of the backbone's layers, counted from its output, that the tune phase changes.
        freeze_batch_norm: whether the backbone's batch norm keeps its statistics, scales and offsets when tuned.
        policy: a name of `training.augment.policies`.
        contrastive_epochs: epochs of the contrastive phase (Khosla et al. 2020); 0 for none. With it, a head phase of
            at least one epoch follows, and the tune phase may have none.
        contrastive_temperature: of that loss.
        head_epochs: epochs of the head phase; 0 for none.
        head_learning_rate: peak of the schedule of the contrastive and the head phase.
        epochs: passes over the training fold in the tune phase; 0 for none where another phase has some.
        batch_size: images a step; the last, incomplete batch of an epoch is left out.
        accumulate: steps whose gradients are summed up before the weights change.
        optimizer: adamw, lion, adam, sgd or rmsprop.
        learning_rate: peak of the tune phase's schedule, reached after `warmup_epochs`.
        schedule: "cosine" (down to zero at the last epoch), "constant", or "plateau": multiplied by `plateau_factor`
            after `plateau_patience` epochs without a better validation score.
        weight_decay: decoupled; biases and normalisation do not decay.
        momentum: of sgd.
        loss: "cross_entropy" or "focal" (Lin et al. 2017, with `focal_gamma`).
        label_smoothing: share of the target spread over all classes, in [0, 1).
        jsd_weight: weight of AugMix's Jensen-Shannon consistency between an image and two altered copies; 0 for none.
        balance: "none"; "class_weights" (inverse frequency); "balanced" (the same count of each class in every epoch,
            drawn on the fly); "smote" (synthetic minority images) or "smote_features" (the same on the features of the
            frozen backbone, in the head phase).
        images_per_class: with "balanced", images of each class an epoch; None for the largest class's count.
        shuffle: whether each epoch has an order of its own; without, all have the file's.
        row_filter: "none"; "outliers" or "label_issues": training images left out before the first epoch.
        ema_epochs: averaging time of the exponential moving average of the weights, in epochs; 0 for none.
        swa_epochs: equal average of the weights after each of so many last epochs (Izmailov et al. 2018); 0 for none.
        precision: "auto" (mixed on a GPU, float32 elsewhere), "float32", "mixed_float16" or "mixed_bfloat16".
        patience: epochs without a better validation score after which a phase stops.
    """

    name: str
    backbone: str
    weights: str | None = None
    image_size: int | None = None
    head_units: tuple[int, ...] = ()
    dropout: float = 0.2
    l2: float = 0.0
    trainable_depth: float = 1.0
    freeze_batch_norm: bool = False
    policy: str = "strong"
    contrastive_epochs: int = 0
    contrastive_temperature: float = 0.1
    head_epochs: int = 0
    head_learning_rate: float = 1e-3
    epochs: int = 50
    batch_size: int = 64
    accumulate: int = 1
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    plateau_patience: int = 3
    plateau_factor: float = 0.5
    warmup_epochs: float = 2.0
    weight_decay: float = 0.02
    momentum: float = 0.9
    loss: str = "cross_entropy"
    focal_gamma: float = 2.0
    label_smoothing: float = 0.1
    jsd_weight: float = 0.0
    balance: str = "none"
    images_per_class: int | None = None
    shuffle: bool = True
    row_filter: str = "none"
    ema_epochs: float = 1.5
    swa_epochs: int = 0
    precision: str = "auto"
    patience: int = 12


_CHOICES = {
    "optimizer": ("adamw", "lion", "adam", "sgd", "rmsprop"),
    "schedule": ("cosine", "constant", "plateau"),
    "loss": ("cross_entropy", "focal"),
    "balance": ("none", "class_weights", "balanced", "smote", "smote_features"),
    "row_filter": ("none", "outliers", "label_issues"),
    "precision": ("auto", "float32", "mixed_float16", "mixed_bfloat16"),
}

_NUMBERS = (
    ("epochs", int, 0, 100_000),
    ("head_epochs", int, 0, 100_000),
    ("contrastive_epochs", int, 0, 100_000),
    ("swa_epochs", int, 0, 100_000),
    ("batch_size", int, 1, 65_536),
    ("accumulate", int, 1, 65_536),
    ("patience", int, 1, 100_000),
    ("plateau_patience", int, 1, 100_000),
    ("plateau_factor", float, 0.01, 0.99),
    ("learning_rate", float, 1e-9, 100.0),
    ("head_learning_rate", float, 1e-9, 100.0),
    ("warmup_epochs", float, 0.0, 1000.0),
    ("weight_decay", float, 0.0, 100.0),
    ("momentum", float, 0.0, 0.9999),
    ("label_smoothing", float, 0.0, 0.99),
    ("focal_gamma", float, 0.0, 10.0),
    ("jsd_weight", float, 0.0, 1000.0),
    ("contrastive_temperature", float, 0.001, 10.0),
    ("dropout", float, 0.0, 0.99),
    ("l2", float, 0.0, 10.0),
    ("trainable_depth", float, 0.0, 1.0),
    ("ema_epochs", float, 0.0, 1000.0),
)

_OPTIONAL_NUMBERS = (("image_size", 8, 4096), ("images_per_class", 1, 10_000_000))


def changed(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """A recipe with some fields changed, checked.

    Raises:
        KitError: an unknown field (the known ones are listed), a value of the wrong kind or out of its range, fields
            that contradict each other.
    """
    if changes.get("name", recipe.name) != recipe.name:
        raise KitError(f"a recipe's name cannot be changed. Received: name={changes['name']!r} for {recipe.name!r}.")
    fields = {field.name for field in dataclasses.fields(Recipe)}
    unknown = sorted(set(changes) - fields)
    if unknown:
        raise KitError(f"unknown recipe fields. Received: {unknown}. Known: {', '.join(sorted(fields))}.")
    if isinstance(changes.get("head_units"), list):  # JSON has no tuples
        changes = changes | {"head_units": tuple(changes["head_units"])}
    recipe = dataclasses.replace(recipe, **changes)
    _check_kinds(recipe)
    _check_numbers(recipe)
    _check_together(recipe)
    return recipe


def _check_kinds(recipe: Recipe) -> None:
    for field in ("backbone", "policy"):
        if not isinstance(getattr(recipe, field), str):
            raise KitError(f"recipe field {field} must be a name. Received: {field}={getattr(recipe, field)!r}.")
    if not isinstance(recipe.weights, str | None):
        raise KitError(f"recipe field weights must be text or null. Received: weights={recipe.weights!r}.")
    for field in ("freeze_batch_norm", "shuffle"):
        if not isinstance(getattr(recipe, field), bool):
            raise KitError(f"recipe field {field} must be true or false. Received: {field}={getattr(recipe, field)!r}.")
    for field, choices in _CHOICES.items():
        value = getattr(recipe, field)
        if value not in choices:
            raise KitError(f"recipe field {field} must be one of {', '.join(choices)}. Received: {field}={value!r}.")
    units = recipe.head_units
    if not isinstance(units, tuple) or not all(_is_int(width) and 1 <= width <= 65_536 for width in units):
        raise KitError(
            f"recipe field head_units must be a list of widths in [1, 65536]. Received: head_units={units!r}."
        )


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_numbers(recipe: Recipe) -> None:
    for field, kind, low, high in _NUMBERS:
        value = getattr(recipe, field)
        if not isinstance(value, int if kind is int else (int, float)) or isinstance(value, bool):
            raise KitError(
                f"recipe field {field} must be {'an int' if kind is int else 'a number'}. Received: {field}={value!r}."
            )
        if not low <= value <= high:
            raise KitError(f"recipe field {field} must be in [{low}, {high}]. Received: {field}={value!r}.")
    for field, lowest, highest in _OPTIONAL_NUMBERS:
        value = getattr(recipe, field)
        if value is not None and not (_is_int(value) and lowest <= value <= highest):
            raise KitError(
                f"recipe field {field} must be an int in [{lowest}, {highest}] or null. Received: {field}={value!r}."
            )


def _check_together(recipe: Recipe) -> None:
    if recipe.epochs + recipe.head_epochs < 1:
        raise KitError(
            "expected at least one epoch of the head or the tune phase. "
            f"Received: head_epochs={recipe.head_epochs}, epochs={recipe.epochs}."
        )
    if recipe.contrastive_epochs and not recipe.head_epochs:
        raise KitError(
            "contrastive_epochs needs a head phase after it: set head_epochs. "
            f"Received: contrastive_epochs={recipe.contrastive_epochs}, head_epochs=0."
        )
    if recipe.balance == "smote_features" and not recipe.head_epochs:
        raise KitError("balance=smote_features needs a head phase: set head_epochs. Received: head_epochs=0.")
    if recipe.images_per_class is not None and recipe.balance != "balanced":
        raise KitError(
            f"images_per_class needs balance=balanced. Received: images_per_class={recipe.images_per_class}, "
            f"balance={recipe.balance!r}."
        )
    if recipe.swa_epochs and recipe.ema_epochs:
        raise KitError(
            "swa_epochs and ema_epochs are two averages of the same weights: set one of them to 0. "
            f"Received: swa_epochs={recipe.swa_epochs}, ema_epochs={recipe.ema_epochs}."
        )
