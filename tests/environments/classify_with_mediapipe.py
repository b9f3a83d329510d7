"""Classifies images with MediaPipe; runs in the environment `mediapipe`, without our packages.

    python classify_with_mediapipe.py MODEL.tflite IMAGES.npy RESULT.json [square]

IMAGES.npy holds uint8 `[count, height, width, 3]`. RESULT.json gets, for every image, the best
class as its index, name and score, and what MediaPipe's own reader finds in the metadata. With
the last argument the middle square of every image is the region of interest.
"""

import json
import pathlib
import sys

import mediapipe as mp
import numpy as np
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema
from mediapipe.tasks.metadata import schema_py_generated as schema
from mediapipe.tasks.python import BaseOptions, vision
from mediapipe.tasks.python.components.containers.rect import RectF
from mediapipe.tasks.python.vision.core.image_processing_options import ImageProcessingOptions


def middle_square(images):
    """The lines of docs/android.md for the frames of a camera."""
    height, width = images.shape[1:3]
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    region = RectF(
        left=left / width,
        top=top / height,
        right=(left + side) / width,
        bottom=(top + side) / height,
    )
    return ImageProcessingOptions(region_of_interest=region)


def classify(model, images, processing):
    options = vision.ImageClassifierOptions(
        base_options=BaseOptions(model_asset_path=model), max_results=1
    )
    with vision.ImageClassifier.create_from_options(options) as classifier:
        for pixels in images:
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
            (head,) = classifier.classify(image, processing).classifications
            best = head.categories[0]
            yield {"index": best.index, "name": best.category_name, "score": best.score}


def described(content):
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    (buffer,) = [e.buffer for e in model.metadata if e.name == b"TFLITE_METADATA"]
    whole = bytes(model.buffers[buffer].data)
    assert metadata_schema.ModelMetadata.ModelMetadataBufferHasIdentifier(whole, 0)
    found = metadata_schema.ModelMetadataT.InitFromObj(
        metadata_schema.ModelMetadata.GetRootAs(whole, 0)
    )
    (graph,) = found.subgraphMetadata
    (image,), (logits,) = graph.inputTensorMetadata, graph.outputTensorMetadata
    units = [unit.options for unit in image.processUnits or []]
    return {
        "name": found.name.decode(),
        "description": found.description.decode(),
        "files": [file.name.decode() for file in found.associatedFiles or []],
        "mean_std": [[*map(float, unit.mean), *map(float, unit.std)] for unit in units],
        "color_space": image.content.contentProperties.colorSpace,
        "output": logits.description.decode(),
        "labels": [[file.name.decode(), file.type] for file in logits.associatedFiles],
    }


def main():
    model, images, result, *square = sys.argv[1:]
    images = np.load(images)
    processing = middle_square(images) if square else None
    answer = {
        "classes": list(classify(model, images, processing)),
        "metadata": described(pathlib.Path(model).read_bytes()),
    }
    pathlib.Path(result).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
