# SPDX-License-Identifier: GPL-2.0
"""What the pictures of all suites have in common: SVG, their look, the goals."""

GOOD, BAD = "#2a7f62", "#b4442f"
SETTINGS = {"svg.hashsalt": "esxmem", "font.size": 9,
            "axes.spines.top": False, "axes.spines.right": False}


class Board:
    """Draws pictures into files called @stem-NAME.svg; a context manager.

    Raises ImportError where there is no library to draw with.
    """

    def __init__(self, directory, stem):
        import matplotlib
        matplotlib.use("svg")
        matplotlib.rcParams.update(SETTINGS)
        from matplotlib import pyplot
        self._pyplot = pyplot
        self._path = lambda name: directory / f"{stem}-{name}.svg"
        self._figure, self._name = None, ""
        self.drawn = []
        directory.mkdir(parents=True, exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._finish()

    def begin(self, name, title, size=(6, 3.2)):
        """Finish the last picture and return the axes of a new one."""
        self._finish()
        self._figure, axes = self._pyplot.subplots(figsize=size)
        self._name = name
        axes.set_title(title)
        return axes

    def _finish(self):
        if not self._figure:
            return
        path = self._path(self._name)
        self._figure.tight_layout()
        self._figure.savefig(path, metadata={"Date": None})
        self._pyplot.close(self._figure)
        self._figure = None
        self.drawn.append(path)


def goals(board, run):
    """Draw by how much the goals are met."""
    if run["goals"]:
        goal_bars(board.begin("goals", "Goals", (6, 3.6)), run["goals"])


def goal_bars(axes, goals):
    """How many times the must is exceeded or missed: right of the line is met."""
    names, reach = [], []
    for goal in goals:
        margin = margin_of(goal)
        if margin is not None:
            names.append(goal["id"])
            reach.append(margin)
    names, reach = names[::-1], reach[::-1]
    colours = [GOOD if x >= 1 else BAD for x in reach]
    axes.barh(names, [x - 1 for x in reach], left=1, color=colours)
    axes.scatter(reach, names, color=colours)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlim(min([0.1] + reach) / 1.5, max([10] + reach) * 1.5)
    axes.set_xlabel("times better than must be (log scale); left of 1 the goal is missed")


def margin_of(goal):
    """By what factor a goal is met; None where there is no factor."""
    if goal["limit"] == 0:
        return None
    value = goal["ratio"] if goal["of"] == "ratio" else goal["esxmem"]
    if not value:
        return None
    return goal["limit"] / value if goal["sense"] == "most" else value / goal["limit"]
