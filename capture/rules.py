"""Every threshold of the stage detector, so that a bench can move them one by one."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Rules:
    """Shares are of the cells of a view.

    `draw`: a change worth noticing. `stage`: enough for a stage once a quiet sample follows. `stage_at_once`: enough
    without one. `stage_late`: enough after `late_s`. `contrast` of 255 levels: less is dithering,
    resampling (`contrast_moved`) or a codec (`contrast_lossy`).

    `same_lines`: share of the lines found in place that proves the old pose without looking for another.
    `pose_lines`: share that proves a pose by itself, `pose_lines_matched` when `min_inliers` matches agree on it,
    `pose_lines_old` when it is the last pose, and no better one is found; with `sure_lines` no better one is sought.

    `confirm_samples`: how long a brush outline, or anything new after a move, must stand to be believed;
    `hold_samples`: the same for a region shaped like a pop-up, longer when no title tells another program's window.
    `settle_samples`: how long an unexplained view must stand still to be worked with. `new_canvas_s`: how long
    nothing may register before it is another canvas.
    """

    draw: float = 0.0004
    stage: float = 0.002
    stage_at_once: float = 0.06
    stage_late: float = 0.001
    late_s: float = 24.0
    contrast: int = 18
    contrast_moved: int = 28
    contrast_lossy: int = 30
    idle: float = 2e-5
    same_lines: float = 0.95
    pose_lines: float = 0.7
    pose_lines_matched: float = 0.45
    pose_lines_old: float = 0.55
    sure_lines: float = 0.85
    min_inliers: int = 25
    confirm_samples: int = 1
    hold_samples: int = 4
    hold_samples_untitled: int = 8
    settle_samples: int = 3
    new_canvas_s: float = 45.0
    new_canvas_samples: int = 5

    def amid(self, canvas_share: float) -> "Rules":
        """Return the rules for a picture of which only about this share is canvas: drawing fills less of it."""
        return replace(
            self,
            draw=self.draw * canvas_share,
            stage=self.stage * canvas_share,
            stage_at_once=self.stage_at_once * canvas_share,
            stage_late=self.stage_late * canvas_share,
        )
