"""A progress bar in seconds of video, so that it can tell the time left."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from fer.video.reading import Video

# tqdm's own, but for its pace, which would turn into seconds a second where that is slow.
BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_noinv_fmt}{postfix}]"


@contextmanager
def progress(video: Video, done: str) -> Iterator[Callable[..., None]]:
    """Show a bar on stderr; what it gives is told the time reached, and figures to show beside.

    Args:
        video: where it states no duration, the bar tells the pace only.
        done: what is done to it, as "scored".
    """
    # Upwards: some containers state a little less than their last frame's time.
    total = math.ceil(10 * video.duration) / 10 if video.duration else None
    with tqdm(
        total=total,
        unit=f" s {done}",
        mininterval=0.5,
        smoothing=0.05,
        bar_format=BAR if total else None,
    ) as bar:

        def reached(time: float, **figures: int) -> None:
            bar.set_postfix(figures, refresh=False)
            bar.update(min(time, total or time) - bar.n)

        yield reached
