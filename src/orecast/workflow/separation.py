"""Evidence and places of deposits on which the folds of ``spatial`` can be cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from orecast import registry
from orecast.config import Config, most_shift
from orecast.config.schema import WINDOW
from orecast.errors import SamplingError
from orecast.evidence import Evidence, build_evidence
from orecast.evidence.elements import sample_places
from orecast.evidence.spacing import propose_radius
from orecast.models import CLASSICAL
from orecast.sampling import MapGeometry
from orecast.splits import build_protocol
from orecast.survey import Findings, Survey
from orecast.training import model_properties
from orecast.validation import FEWEST_GROUPS
from orecast.workflow.choosing import usual
from orecast.workflow.places import Places, place_deposits, require_window_fits

_SHARES = (0.9, 0.75, 0.5)  # of the samples with enough neighbours within a shorter radius


@dataclass(frozen=True)
class Separable:
    """Evidence and places, the configuration they are made with, and what it makes known."""

    config: Config
    evidence: Evidence
    places: Places
    findings: Findings
    built: Findings  # those of the evidence alone

    @classmethod
    def of(cls, survey: Survey, config: Config) -> Separable:
        """Build the evidence of a survey and find the places of its deposits."""
        findings = Findings()
        evidence = build_evidence(replace(survey, findings=findings), config)
        require_window_fits(evidence.grid, config.sampling.window)
        return cls._placed(survey, config, evidence, findings)

    @classmethod
    def _placed(
        cls, survey: Survey, config: Config, evidence: Evidence, built: Findings
    ) -> Separable:
        findings = Findings(list(built.items))
        window = config.sampling.window
        places = place_deposits(survey.deposits, evidence, window, findings)
        return cls(config, evidence, places, findings, built)

    def with_window(self, survey: Survey, window: int) -> Separable:
        """The same evidence with a smaller window; a configured shift stays within it."""
        sampling = self.config.sampling
        shift = min(sampling.growth[0], most_shift(window))
        changes = {"window": window, "shift": shift}
        changed = self.config.model_copy(update={"sampling": sampling.model_copy(update=changes)})
        return self._placed(survey, changed, self.evidence, self.built)

    @property
    def geometry(self) -> MapGeometry:
        """The map that ``spatial`` cuts."""
        cell_size = min(self.evidence.grid.cell_size)
        return MapGeometry(self.evidence.valid, cell_size, self.config.sampling.window)

    @property
    def buffer(self) -> float:
        """Metres between training and test."""
        return self.geometry.buffer(self.evidence.reach)

    def check(self) -> None:
        """Raise SamplingError where ``spatial`` cannot cut two folds."""
        if len(self.places.sampling):
            folds = self.config.validation.folds
            protocol = build_protocol("spatial", {}, self.geometry, n_folds=folds, seed=0)
            protocol.folds(self.places.sampling, self.evidence.reach)

    def obstacle(self) -> str | None:
        """Why the folds cannot be cut, or test too few groups of deposits; None if they do."""
        try:
            self.check()
        except SamplingError as error:
            return error.what
        places = len(self.places.sampling)
        groups = len(np.unique(self.places.sampling.group))
        if groups < FEWEST_GROUPS and places >= 2 * FEWEST_GROUPS:
            return (
                f"windows of {self.config.sampling.window} cells join {places} deposit cells to "
                f"{groups} groups, too few to compare maps"
            )
        return None


def build_separable(survey: Survey, config: Config) -> Separable:
    """Build the evidence and find the deposits' places, so that ``spatial`` cuts good folds.

    Where the distance between training and test is too long for two folds, or for ten groups of
    deposits, shorter ones are tried: windows smaller than the default, where the model reads one
    cell; then, if ``evidence.radius`` is left out, shorter radii. What was changed is reported,
    and stands in the returned configuration. Raises SamplingError where no two folds can be cut.
    """
    built = Separable.of(survey, config)
    obstacle = built.obstacle()
    if obstacle is not None:
        shorter = _shorter(survey, built)
        found = next((one for one in shorter if one.obstacle() is None), None)
        if found is None:
            built.check()
        else:
            found.findings.warning(
                "shorter-buffer",
                "validation.folds",
                f"orecast {_changed(built, found)}. Training and test deposits are "
                f"now at least {found.buffer:,.0f} m apart (before: {built.buffer:,.0f} m). "
                f"Reason: {obstacle}. Deposits whose windows share no cell count as independent",
                "to keep the longer distance, add deposits that lie farther apart",
                longest=built.buffer,
                buffer=found.buffer,
            )
            built = found
    survey.findings.items.extend(built.findings.items)
    return built


def _shorter(survey: Survey, built: Separable) -> Iterator[Separable]:
    """The same survey with ever shorter distances: smaller windows, then shorter radii."""
    config = built.config
    window = config.sampling.window
    smaller = range(window - 2, 0, -2) if window == WINDOW and _reads_one_cell(config) else ()
    for size in smaller:
        yield built.with_window(survey, size)
    evidence = config.evidence
    if evidence.radius is not None or survey.gridded is not None:
        return
    xy = sample_places(survey)
    longest = propose_radius(xy, evidence.neighbours)
    for share in _SHARES:
        radius = propose_radius(xy, evidence.neighbours, share)
        if radius < longest:
            shorter = evidence.model_copy(update={"radius": radius})
            again = Separable.of(survey, config.model_copy(update={"evidence": shorter}))
            yield again.with_window(survey, min(smaller)) if smaller else again


def _reads_one_cell(config: Config) -> bool:
    """Whether the model, or each member of an ensemble, reads the window's own cell alone."""
    model = usual(config).model
    members = {model.name: model.options}
    if model.name == "ensemble":
        options = model.options.get("member_options", {})
        members = {name: options.get(name, {}) for name in model.options.get("members", ())}
    members |= {channel: {} for channel in model.channels}
    classical = registry.entries(CLASSICAL)
    return all(
        name in classical
        and options.get("features", "centre") == "centre"
        and model_properties(name, {}, config.training).needs.smallest_window == 1
        for name, options in members.items()
    ) and not (config.sampling.grow or config.training.trim)


def _changed(before: Separable, now: Separable) -> str:
    """As text: the settings that were reduced, with both values."""
    changed = []
    was, new = before.config.sampling, now.config.sampling
    if new.window != was.window:
        changed.append(f"sampling.window from {was.window} to {new.window}")
        if new.shift != was.growth[0]:
            changed.append(f"sampling.shift from {was.growth[0]} to {new.shift}")
    radius = now.config.evidence.radius
    if radius is not None and before.config.evidence.radius is None:
        proposed = before.built.of("radius-proposed")
        longest = f" from {proposed[0].data['radius']:g}" if proposed else ""
        changed.append(f"evidence.radius{longest} to {radius:g} m")
    return f"reduced {' and '.join(changed)}"
