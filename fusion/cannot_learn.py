"""The error of a classifier that has nothing to learn from, told apart from a mistake in its code."""


class CannotLearnError(ValueError):
    """These covers and columns hold nothing that the classifier could learn; others may hold it.

    A `ValueError`, as scikit-learn asks of estimators.
    """
