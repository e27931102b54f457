"""The curves of a training as a picture."""

import io
import math

from .history import History

SMOOTHED_PART, MOST_SMOOTHED = 25, 100  # Averaged are so many-th of all steps, once they are enough, and no more than so many.


def draw(history: History) -> bytes | None:
    """A PNG of the training loss, the losses on held-out rows and the learning rate by step. None where nothing was trained."""
    if all(step["loss"] is None for step in history.steps.values()):
        return None
    from matplotlib.figure import Figure  # Without pyplot, which would look for a display.

    steps = sorted(history.steps)
    losses = [_number(history.steps[step]["loss"]) for step in steps]
    figure = Figure(figsize=(9, 6), dpi=110, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    width = min(len(steps) // SMOOTHED_PART, MOST_SMOOTHED)
    above.plot(steps, losses, color="tab:blue", alpha=0.3 if width > 1 else 1, label="training", marker="." if len(steps) == 1 else None)
    if width > 1:
        above.plot(steps, _smooth(losses, width), color="tab:blue", label=f"training, mean of {width} steps")
    for trait, by_step in history.held_out_loss.items():
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
