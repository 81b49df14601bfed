"""What a search may choose from, as it is typed: `C=1e-3..10:log` or `augmentation=none,mixup`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coverfusion.data.errors import UserError
from coverfusion.experiments.tuning.values import is_number, label, parse_value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

EXAMPLES = "learning_rate=1e-5..1e-2:log, frozen_stages=0..6 or augmentation=none,simple,mixup"


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; whole ones where both are."""

    low: float
    high: float
    log: bool = False

    def has(self, value: Any) -> bool:
        """Whether a value lies in it."""
        return is_number(value) and self.low <= value <= self.high

    def distribution(self) -> BaseDistribution:
        """As Optuna has it."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if isinstance(self.low, int) and isinstance(self.high, int):
            return IntDistribution(self.low, self.high, log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Choice:
    """One of several values; one alone stays as it is."""

    values: tuple[Any, ...]

    def has(self, value: Any) -> bool:
        """Whether a value is among them."""
        return label(value) in self.words

    @property
    def words(self) -> list[str]:
        """How they are written; Optuna keeps these, since a value may be a list."""
        return [label(value) for value in self.values]

    def distribution(self) -> BaseDistribution:
        """As Optuna has it."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.words)


SearchSpace = Mapping[str, Range | Choice]


def parse_space(texts: Sequence[str]) -> dict[str, Range | Choice]:
    """Parameter -> what it may be.

    Args:
        texts: `name=low..high`, with `:log` for an even draw of the logarithm; `name=value,value`;
            `name=value` for what stays.

    Raises:
        UserError: a text is none of these, a range is empty, a logarithmic one is not above 0; a name is
            there twice; nothing is left to choose.
    """
    space: dict[str, Range | Choice] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        if not equals or not name or not rest:
            raise UserError(f"-p {text}: write {EXAMPLES}.")
        if name in space:
            raise UserError(f"-p {text}: {name} is there twice.")
        space[name] = _range(text, rest) if ".." in rest else _choice(rest)
    if all(isinstance(of, Choice) and len(of.values) == 1 for of in space.values()):
        raise UserError(f"A search needs a parameter to choose: -p {EXAMPLES}.")
    return space


def values_of(space: SearchSpace, params: Mapping[str, Any]) -> dict[str, Any]:
    """The classifier's parameters for what Optuna chose."""
    values = {}
    for name, chosen in params.items():
        of = space[name]
        # 0 and 0.0 are one value, but a fit is kept under how it is written
        values[name] = of.values[of.words.index(chosen)] if isinstance(of, Choice) else type(of.low)(chosen)
    return values


def params_of(space: SearchSpace, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """How Optuna writes these values; None where one is outside the space."""
    if not all(name in values and of.has(values[name]) for name, of in space.items()):
        return None
    return {n: label(values[n]) if isinstance(of, Choice) else values[n] for n, of in space.items()}


def _range(text: str, rest: str) -> Range:
    ends, colon, scale = rest.partition(":")
    low, high = (parse_value(end) for end in ends.split("..", 1))
    if not is_number(low) or not is_number(high) or (colon and scale != "log"):
        raise UserError(f"-p {text}: a range is low..high or low..high:log, of numbers.")
    if low >= high or (scale == "log" and low <= 0):
        raise UserError(f"-p {text}: the range is empty, or a logarithmic one does not begin above 0.")
    if isinstance(low, float) or isinstance(high, float):
        low, high = float(low), float(high)
    return Range(low, high, scale == "log")


def _choice(rest: str) -> Choice:
    """Commas inside brackets part nothing."""
    values = parse_value(f"[{rest}]")
    return Choice(tuple(parse_value(v) if isinstance(v, str) else v for v in values))
