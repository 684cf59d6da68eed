"""A curve of one job: the loss of a training or the share passed of an evaluation."""

from textual_plotext import PlotextPlot
from typing_extensions import override

from tui.curve import Course


class CoursePlot(PlotextPlot):
    """Drawn with braille dots: finer than blocks and present in every terminal font."""

    def show(self, course: Course, title: str) -> None:
        """Draw the course so far."""
        plot = self.plt
        plot.clear_data()
        plot.clear_figure()
        plot.title(title)
        if course.steps:
            plot.plot(course.steps, course.values, marker="braille", color="cyan")
        if course.smooth and len(course.smooth) == len(course.steps):
            plot.plot(course.steps, course.smooth, marker="braille", color="orange")
        self.refresh()

    @override
    def on_mount(self) -> None:
        super().on_mount()
        self.plt.title("")
