"""The curves of a training as a picture."""

import io
import math

from ..runs.history import History

# So many-th of all steps are averaged: no fewer than makes a difference, no more than shows the course.
SMOOTHED_PART, LEAST_SMOOTHED, MOST_SMOOTHED = 25, 5, 100

# Room for every label. To have it found out (layout="constrained"), the picture is drawn twice.
_MARGINS = {"left": 0.1, "right": 0.98, "top": 0.98, "bottom": 0.09, "hspace": 0.12}


def draw(history: History) -> bytes | None:
    """A PNG of the training loss, the losses on held-out rows and the learning rate by step. None where nothing was trained."""
    if all(step["loss"] is None for step in history.steps.values()):
        return None
    from matplotlib.figure import Figure  # Without pyplot, which would look for a display.

    steps = sorted(history.steps)
    losses = [_number(history.steps[step]["loss"]) for step in steps]
    figure = Figure(figsize=(9, 6), dpi=110)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1), gridspec_kw=_MARGINS)
    width = min(len(steps) // SMOOTHED_PART, MOST_SMOOTHED)
    above.plot(steps, losses, color="black", alpha=0.3 if width >= LEAST_SMOOTHED else 1, label="training", marker="." if len(steps) == 1 else None)
    if width >= LEAST_SMOOTHED:
        above.plot(steps, _smooth(losses, width), color="black", label=f"training, mean of {width} steps")
    for trait, by_step in history.held_out_loss.items():
        if trait is None and len(history.held_out_loss) == 2:
            continue  # Of one trait, which is all of them.
        evaluated = sorted(by_step)
        above.plot(evaluated, [by_step[step] for step in evaluated], marker="o", markersize=4, label=f"held out, {trait or 'all'}".replace("$", r"\$"))
    above.set_ylabel("loss")
    above.legend()
    below.plot(steps, [_number(history.steps[step]["learning_rate"]) for step in steps], color="tab:gray")
    below.set_ylabel("learning rate")
    below.set_xlabel("step")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _number(value: float | None) -> float:
    """Events have null for what is no number; a curve has a gap there."""
    return math.nan if value is None else value


def _smooth(values: list[float], width: int) -> list[float]:
    """The mean of each value and up to `width` - 1 before it."""
    parts = (values[max(0, end - width) : end] for end in range(1, len(values) + 1))
    return [sum(part) / len(part) for part in parts]
