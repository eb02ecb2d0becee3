"""policy.json of a run: the names of what its augmentation may do to an image.

It travels with the submission, so that whoever judges it can tell which of the judge's shifts its nets have met.
"""

from submission.kit.files import write_json

from .runs import Run

POLICY = "policy.json"


def write_policy(run: Run) -> None:
    """Write {"name": the policy's, "operations": sorted names, those of MixUp and CutMix included}.

    Raises:
        KitError: the run's policy is not known any more.
    """
    from .augment.policies import get_policy

    policy = get_policy(run.config["recipe"]["policy"])
    write_json(run.path / POLICY, {"name": policy.name, "operations": policy.vocabulary()})
