"""Writes the metadata of a `.tflite` file in the format of TensorFlow Lite.

Android Studio and MediaPipe read it: how pixels become inputs, what the outputs mean, and which
file inside holds the labels. It is a separate flatbuffer (`metadata_schema.fbs` of TensorFlow Lite
Support, root `ModelMetadata`), stored as a buffer of the model. The files it names are in a zip
archive after the model's last byte, which `unzip` can open. The published writers of both cannot be
installed with current libraries, so this module writes the few tables itself, slot by slot.
"""

import dataclasses
import io
import json
import zipfile
from typing import Any, Literal

import flatbuffers

from nas.architecture import spec_json, specs

# Name of the model's metadata entry, and the identifier of its flatbuffer.
ENTRY = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
LABELS = "labels.txt"
CHILD = "child.json"

# The first parser that supports normalization and label files.
_MIN_PARSER_VERSION = "1.0.0"
# Members of the schema's enumerations and unions: AssociatedFileType.TENSOR_AXIS_LABELS,
# ColorSpaceType by channels, ContentProperties, ProcessUnitOptions.
_AXIS_LABELS = 2
_COLOR_SPACES = {3: 1, 1: 2}
_FEATURE, _IMAGE = 1, 2
_NORMALIZATION = 1
# How a pixel becomes an input value, by the type of the input.
_PIXELS = {"float32": "pixel / 127.5 - 1", "int8": "pixel - 128", "uint8": "pixels as they are"}
# The earliest date in zip's format, so that the file's bytes depend only on the network.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


Scores = Literal["logits", "probabilities"]


@dataclasses.dataclass(frozen=True)
class About:
    """Description of a network without its weights.

    Attributes:
        dataset: name of the data set that it was trained on.
        class_names: name of each output, in order.
        child: the network as data; None if it was not built from a `Child`.
        pixels: what the app must do to its images before all else; empty if nothing.

    Example:
        >>> import export, nas
        >>> about = export.About("pets", ("cat", "dog"), nas.load_space("tiny").child([0, 1, 2]))
        >>> about.files["labels.txt"].decode().splitlines()
        ['cat', 'dog']
    """

    dataset: str
    class_names: tuple[str, ...]
    child: specs.Child | None = None
    pixels: str = ""

    @property
    def files(self) -> dict[str, bytes]:
        """The files inside the `.tflite`, by name."""
        contents = {LABELS: "".join(f"{name}\n" for name in self.class_names).encode()}
        if self.child is not None:
            known = {
                "schema_version": spec_json.SCHEMA_VERSION,
                **_short(self.child),
                "provenance": {"dataset": self.dataset},
            }
            contents[CHILD] = json.dumps(known, separators=(",", ":")).encode()
        return contents


def _short(spec: Any) -> Any:
    """Returns the JSON form of a spec without the fields that have their default values."""
    if isinstance(spec, tuple):
        return [_short(entry) for entry in spec]
    if not dataclasses.is_dataclass(spec):
        return spec
    return {
        field.name: _short(value)
        for field in dataclasses.fields(spec)
        # The kind is always written, since it tells readers the operation.
        if (value := getattr(spec, field.name)) != field.default or field.name == "kind"
    }


@dataclasses.dataclass(frozen=True)
class _Table:
    """A table of the schema: values by slot number.

    A value is a table, a text, a list of tables or of floats, or the code of an enumeration.
    """

    slots: dict[int, Any]


def to_flatbuffer(
    about: About,
    name: str,
    recipe_name: str,
    input_shape: tuple[int, ...],
    input_type: str,
    scores: Scores = "logits",
) -> bytes:
    """Writes the `ModelMetadata` of an image classifier.

    Args:
        about: description of the network.
        name: name of the network.
        recipe_name: name of the recipe, for the description.
        input_shape: height, width, channels.
        input_type: `float32`, `int8` or `uint8`. For a float input the app maps pixels to [-1, 1];
            for an integer input the quantization does this.
        scores: meaning of the outputs.
    """
    subgraph = _Table(
        {2: [_image(input_shape, input_type)], 3: [_output(scores, len(about.class_names))]}
    )
    description = f"{name}, trained on {about.dataset}, written as {recipe_name}"
    description += f"; {about.pixels}" if about.pixels else ""
    slots = {0: name, 1: description, 3: [subgraph], 7: _MIN_PARSER_VERSION}
    if about.child is not None:
        slots[6] = [_Table({0: CHILD, 1: "the network and its data set"})]
    builder = flatbuffers.Builder(1024)
    builder.Finish(_write(builder, _Table(slots)), _IDENTIFIER)
    return bytes(builder.Output())


def _image(shape: tuple[int, ...], input_type: str) -> _Table:
    height, width, channels = shape
    slots: dict[int, Any] = {
        0: "image",
        1: f"{height} x {width} x {channels}, {_PIXELS[input_type]}",
        3: _Table({0: _IMAGE, 1: _Table({0: _COLOR_SPACES.get(channels, 0)})}),
    }
    if input_type == "float32":
        normalization = _Table({0: [127.5], 1: [127.5]})
        slots[4] = [_Table({0: _NORMALIZATION, 1: normalization})]
        slots[5] = _Table({0: [1.0], 1: [-1.0]})
    return _Table(slots)


def _output(scores: Scores, num_classes: int) -> _Table:
    advice = "; softmax makes probabilities of them" if scores == "logits" else ""
    return _Table(
        {
            0: scores,
            1: f"score type: {scores} of {num_classes} classes{advice}",
            3: _Table({0: _FEATURE, 1: _Table({})}),
            6: [_Table({0: LABELS, 2: _AXIS_LABELS})],
        }
    )


def _write(builder: flatbuffers.Builder, value: Any) -> int:
    """Writes the value that a slot refers to, and returns its offset."""
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, list) and isinstance(value[0], float):
        builder.StartVector(4, len(value), 4)
        for number in reversed(value):
            builder.PrependFloat32(number)
        return builder.EndVector()
    if isinstance(value, list):
        offsets = [_write(builder, table) for table in value]
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()
    # The values that a table refers to are written before the table.
    written = {
        slot: entry if isinstance(entry, int) else _write(builder, entry)
        for slot, entry in value.slots.items()
    }
    builder.StartObject(max(written, default=-1) + 1)
    for slot, entry in written.items():
        if isinstance(value.slots[slot], int):
            builder.PrependUint8Slot(slot, entry, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, entry, 0)
    return builder.EndObject()


def with_files(model: bytes, contents: dict[str, bytes]) -> bytes:
    """Appends a zip archive of `contents` to `model`, uncompressed as MediaPipe requires."""
    file = io.BytesIO(model)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), content)
    return file.getvalue()


def read_files(content: bytes) -> dict[str, bytes]:
    """Reads the files inside a `.tflite`, by name; the inverse of `with_files`.

    Raises:
        ValueError: there are no files inside, or the end of the `.tflite` file is missing.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"expected a .tflite file with files inside, found none ({error}); export it again"
        ) from None
