"""Images to train on: data sets, and the transforms on the way from a file to a tensor.

Meets: torch's Dataset contract, so that a DataLoader takes them; torchvision's names for the transforms, and its own
where it is installed (`transforms()`); a broken file is named. Concedes: CIFAR-10's Python version is a pickle, which
can run anything, and is never opened: the binary version has the same images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch.utils.data import Dataset

from kshot.classic.data.digits import SIDE, load_digits
from kshot.types import UserError

Transform = Callable[[Any], Any]
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


# ---------------------------------------------------------------- transforms, with torchvision's names


class ToTensor:
    """A Pillow image or (height, width[, channels]) bytes -> (channels, height, width) float32, 0 to 1."""

    def __call__(self, image: Any) -> torch.Tensor:
        pixels = np.array(image)
        scaled = torch.from_numpy(pixels[..., None] if pixels.ndim == 2 else pixels).permute(2, 0, 1).contiguous()
        return scaled.to(torch.float32) / 255 if scaled.dtype == torch.uint8 else scaled.to(torch.float32)


class Normalize:
    """(x - mean) / std, a number each a channel. Raises ValueError where a std is 0."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        if 0 in std:
            raise ValueError(f"Normalize: std is {list(std)}; none may be 0.")
        self.mean = torch.tensor(mean).view(-1, 1, 1)
        self.std = torch.tensor(std).view(-1, 1, 1)

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        return (image - self.mean) / self.std


class Resize:
    """A Pillow image to (height, width), by bilinear interpolation; with one number its shorter side becomes that."""

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = size

    def __call__(self, image: Image.Image) -> Image.Image:
        if isinstance(self.size, tuple):
            height, width = self.size
        else:
            shorter = min(image.size)
            width, height = (int(self.size * side / shorter) for side in image.size)
        return image.resize((width, height), Image.Resampling.BILINEAR)


class RandomCrop:
    """`size` x `size` pixels at a random place of a tensor, which first gets `padding` zeros on each side.

    Draws from its own generator. Raises ValueError where the image is smaller than the crop.
    """

    def __init__(self, size: int, *, padding: int = 0, generator: torch.Generator | None = None) -> None:
        self.size = size
        self.padding = padding
        self.generator = generator

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        padded = torch.nn.functional.pad(image, (self.padding,) * 4)
        room = [side - self.size for side in padded.shape[-2:]]
        if min(room) < 0:
            raise ValueError(f"RandomCrop takes {self.size} x {self.size} of an image of {tuple(padded.shape[-2:])}.")
        top, left = (int(torch.randint(0, free + 1, (), generator=self.generator)) for free in room)
        return padded[..., top : top + self.size, left : left + self.size]


class Compose:
    """Transforms one after the other."""

    def __init__(self, steps: Sequence[Transform]) -> None:
        self.steps = tuple(steps)

    def __call__(self, image: Any) -> Any:
        for step in self.steps:
            image = step(image)
        return image


def transforms() -> ModuleType | SimpleNamespace:
    """torchvision.transforms where it is installed, else ours: ToTensor, Normalize, Resize, RandomCrop, Compose."""
    try:
        from torchvision import transforms as theirs  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return SimpleNamespace(
            ToTensor=ToTensor, Normalize=Normalize, Resize=Resize, RandomCrop=RandomCrop, Compose=Compose
        )
    module: ModuleType = theirs
    return module


# ---------------------------------------------------------------- data sets


class ArrayImages(Dataset[tuple[torch.Tensor, int]]):
    """Images held in memory, (n, channels, height, width), and a label each, through a transform."""

    def __init__(self, images: NDArray[Any], labels: NDArray[Any], transform: Transform | None = None) -> None:
        if len(images) != len(labels):
            raise ValueError(f"ArrayImages: {len(images)} images and {len(labels)} labels; they must be as many.")
        self.images = torch.as_tensor(images)
        self.labels = [int(label) for label in labels]
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, at: int) -> tuple[torch.Tensor, int]:
        image = self.images[at]
        return (self.transform(image) if self.transform else image), self.labels[at]


class ImageFolder(Dataset[tuple[Any, int]]):
    """root/class/name.png: a class a folder, in the order of their names; `classes` has the names.

    An image is opened when it is asked for. Raises UserError where there is no class or no image, and, naming it,
    for a file that is no image.
    """

    def __init__(self, root: Path, transform: Transform | None = None, *, mode: str = "RGB") -> None:
        if not root.is_dir():
            raise UserError(f"{root} is no folder; give one with a folder of images for each class.")
        self.classes = sorted(folder.name for folder in root.iterdir() if folder.is_dir())
        if not self.classes:
            raise UserError(f"{root} holds no folders; put the images of each class into one named after it.")
        self.files: list[tuple[Path, int]] = []
        for label, name in enumerate(self.classes):
            found = sorted(path for path in (root / name).rglob("*") if path.suffix.lower() in SUFFIXES)
            if not found:
                raise UserError(f"{root / name} holds no image ({', '.join(SUFFIXES)}); add some or remove it.")
            self.files.extend((path, label) for path in found)
        self.transform = transform
        self.mode = mode

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, at: int) -> tuple[Any, int]:
        path, label = self.files[at]
        try:
            with Image.open(path) as file:
                image = file.convert(self.mode)
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            what = "no image that can be read" if isinstance(error, UnidentifiedImageError) else f"broken: {error}"
            raise UserError(f"{path} is {what}; mend or remove it.") from None
        return (self.transform(image) if self.transform else image), label


def cifar10(folder: Path, *, train: bool = True, transform: Transform | None = None) -> ArrayImages:
    """CIFAR-10 (Krizhevsky 2009) from its binary version: files of 10,000 records, a label and 3 x 32 x 32 bytes each.

    Pixels are 0 to 1. Raises UserError where a file is missing or no such file, and where the folder has the pickles.
    """
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] if train else ["test_batch.bin"]
    if not (folder / names[0]).is_file() and (folder / names[0].removesuffix(".bin")).is_file():
        raise UserError(
            f"{folder} has the Python version of CIFAR-10, a pickle, which could run anything and is not opened; "
            "give the folder of the binary version (cifar-10-binary.tar.gz, cifar-10-batches-bin)."
        )
    size = 1 + 3 * 32 * 32
    images, labels = [], []
    for name in names:
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path} does not exist; give the folder of CIFAR-10's binary version.")
        data = np.fromfile(path, np.uint8)
        if not len(data) or len(data) % size or (data[::size] > 9).any():
            raise UserError(f"{path} is not CIFAR-10's binary version: records of a label 0..9 and 3,072 bytes.")
        records = data.reshape(-1, size)
        labels.append(records[:, 0])
        images.append(records[:, 1:].reshape(-1, 3, 32, 32))
    pixels = np.concatenate(images).astype(np.float32) / np.float32(255)
    return ArrayImages(pixels, np.concatenate(labels), transform)


def digit_images(transform: Transform | None = None, rows: NDArray[Any] | None = None) -> ArrayImages:
    """The 1,797 handwritten digits that scikit-learn ships, (1, 8, 8), 0 to 1; `rows` picks some."""
    digits = load_digits(np.float32).rows(slice(None) if rows is None else rows)
    return ArrayImages(digits.X.reshape(-1, 1, SIDE, SIDE), digits.y, transform)
