"""The training of the child."""

from tools.reporting.data.run import Run
from tools.reporting.sections import curves, figures
from tools.reporting.sections.figures import Section
from tools.terminal import console


def section(run: Run) -> Section:
    """Draws loss and accuracy by epoch, or says what is missing."""
    searched = _begun_with_search(run)
    title = "Training from the weights of the search" if searched else "Training from scratch"
    if not run.train_rows:
        return Section("training", title, missing=["No epoch of the training is finished yet."])
    done = int(run.train_rows[-1]["epoch"])
    epochs = max(run.train_epochs or 0, done)
    drawn = [
        curves.metric(run.train_rows, "loss", "training-loss", "Loss", "nats", epochs),
        curves.metric(
            run.train_rows,
            "accuracy",
            "training-accuracy",
            "Accuracy on training images",
            "% of images",
            epochs,
            scale=100.0,
        ),
    ]
    words = [f"{epochs} epochs on all images except the test images"]
    if "train" in run.stage_seconds:
        words.append(console.duration(run.stage_seconds["train"]))
    if run.parity:
        accuracy = figures.percent(run.parity.accuracy_keras, 2)
        words.append(f"final accuracy {accuracy} on {run.parity.num_images:,} test images")
    missing = []
    if done < epochs:
        missing = [f"{done} of {epochs} epochs are finished; the same command resumes training."]
    return Section(
        key="training",
        title=title,
        lead=", ".join(words) + ".",
        figures=[figure for figure in drawn if figure is not None],
        missing=missing,
    )


def _begun_with_search(run: Run) -> bool:
    """Whether the training began with the weights that the search left."""
    flags = [run.config.get("train", {}), run.config.get("pipeline", {}).get("preset", {})]
    return any(of.get("init") == "search" for of in flags)
