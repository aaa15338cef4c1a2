"""The teacher: the truth comes with the data."""

import numpy as np
import pytest

from skspectral.datasets import make_teacher_student


def test_targets_are_the_teachers():
    X, y, teacher = make_teacher_student(500, 7, n_teacher_nodes=4, random_state=0)
    assert X.shape == (500, 7)
    expected = sum(np.maximum(X @ column, 0) for column in teacher.weights[0].T)
    np.testing.assert_allclose(y, expected)
    np.testing.assert_allclose(teacher.predict(X), y)
    assert np.abs(teacher.weights[0]).max() <= np.sqrt(6 / 11)
    assert X.mean() == pytest.approx(0, abs=0.1)
    assert X.std() == pytest.approx(1, abs=0.1)


def test_a_second_layer_is_the_papers_teacher():
    X, y, teacher = make_teacher_student(50, second_layer=3, random_state=0)
    one, two = teacher.weights
    expected = np.maximum(np.maximum(X @ one, 0) @ two, 0).sum(1)
    np.testing.assert_allclose(y, expected)
    assert repr(teacher) == "Teacher(10 -> 20 -> 3 -> 1)"


def test_noise_is_in_units_of_the_target():
    X, y, teacher = make_teacher_student(20_000, noise=0.5, random_state=0)
    truth = teacher.predict(X)
    assert (y - truth).std() / truth.std() == pytest.approx(0.5, rel=0.03)


def test_a_seed_fixes_the_teacher_whatever_the_rows():
    small = make_teacher_student(10, random_state=3)[2]
    large = make_teacher_student(100, random_state=3)[2]
    np.testing.assert_array_equal(small.weights[0], large.weights[0])


def test_columns_bend_where_the_teacher_says():
    X, y, teacher = make_teacher_student(
        400, 3, n_teacher_nodes=2, n_bends=4, random_state=0
    )
    assert repr(teacher) == "Teacher(3 -> 2 -> 1, n_bends=4)"
    z = np.zeros((400, 2))
    for c in range(3):
        found = teacher.shape_functions(X, c)
        for j in range(2):
            # Straight pieces from bend to bend, drawn from 0 on: slope times way.
            bends = teacher.bends[c, :, j]
            assert (np.diff(bends) > 0).all()
            slopes = [teacher.weights[0][c, j], *teacher.slopes[c, :, j]]
            ends = [-np.inf, *bends, np.inf]

            def height(x, slopes=slopes, ends=ends):
                low, high = min(x, 0.0), max(x, 0.0)
                way = np.clip(ends[1:], low, high) - np.clip(ends[:-1], low, high)
                return np.sign(x) * (slopes @ way)

            z[:, j] += [height(x) for x in X[:, c]]
        assert found.shape == (400, 2)
    np.testing.assert_allclose(y, np.maximum(z, 0).sum(1))
    total = sum(teacher.shape_functions(X, c) for c in range(3))
    np.testing.assert_allclose(total, z, atol=1e-12)
    assert np.abs(teacher.slopes).max() <= np.sqrt(6 / 5)


def test_straight_columns_are_products():
    X, _, teacher = make_teacher_student(50, 3, n_teacher_nodes=2, random_state=0)
    assert teacher.bends.shape == teacher.slopes.shape == (3, 0, 2)
    for c in range(3):
        np.testing.assert_allclose(
            teacher.shape_functions(X, c), X[:, [c]] * teacher.weights[0][c]
        )


def test_bends_leave_the_straight_part_of_a_seed_as_it_is():
    straight, bent = (
        make_teacher_student(10, n_bends=n, random_state=3)[2] for n in (0, 5)
    )
    np.testing.assert_array_equal(straight.weights[0], bent.weights[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 0}, "`n_samples` must be an integer >= 1; got n_samples=0"),
        ({"n_teacher_nodes": 2.5}, "got n_teacher_nodes=2.5"),
        ({"second_layer": 0}, "got second_layer=0"),
        ({"n_bends": -1}, "`n_bends` must be an integer >= 0; got n_bends=-1"),
        ({"n_bends": True}, "got n_bends=True"),
        ({"noise": -1}, "`noise` must be a finite number >= 0; got noise=-1"),
    ],
)
def test_numbers_outside_their_rule(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_teacher_student(**arguments)
