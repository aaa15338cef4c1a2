"""Data made by a network whose width is known."""

from skspectral.datasets._teacher_student import make_teacher_student

__all__ = ["make_teacher_student"]
