from tools.terminal import export_table

PLAIN = {
    "size_bytes": 1500,
    "compressed_size_bytes": 1250,
    "max_abs_difference": 0.5,
    "top1_agreement": 0.99,
    "accuracy_keras": 0.75,
    "accuracy_tflite": 0.74,
    "fine_tuning": None,
}


def test_loss_is_counted_from_the_network_that_was_trained_as_long():
    tuned = {**PLAIN, "latency_ms": 0.25, "fine_tuning": {"accuracy_parent": 0.77}}
    plain = {**PLAIN, "by_class": {"balanced_accuracy": 0.5}}
    lines = export_table.table({"int8": plain, "sparse": tuned}).splitlines()
    assert lines[0].split()[-1] == "lost"
    assert lines[2].split() == ["int8", "1.5", "1.25", "-", "0.5", "99", "74", "50", "1"]
    # Files of earlier versions have no accuracy by class.
    assert lines[3].split() == ["sparse", "1.5", "1.25", "0.25", "0.5", "99", "74", "-", "3"]


def test_a_calibrated_file_that_often_names_another_class_is_remarked_on():
    far = {**PLAIN, "top1_agreement": 0.892}
    (line,) = export_table.remarks({"float32": far, "int8": far, "uint8_io": PLAIN})
    assert line.startswith("int8: another class than its network for 10.8% of the images. ")
    assert "dynamic_range" in line
