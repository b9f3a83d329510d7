import tensorflow as tf

from nas import run_length


def test_at_each_step_the_length_is_the_one_known_then():
    steps = [0, 3, 4, 9, 10, 29, 30, 99]
    found = [int(run_length.at(tf.constant(step), [4, 10, 30])) for step in steps]
    assert found == [4, 4, 10, 10, 30, 30, 30, 30]


def test_a_run_that_was_not_extended_adds_nothing_to_the_graph():
    assert run_length.at(tf.constant(7), [4]) == 4
    assert type(run_length.at(tf.constant(7), [4])) is int
