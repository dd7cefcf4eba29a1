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
from PIL import Image, ImageOps, UnidentifiedImageError
from torch.utils.data import Dataset

from kshot.classic.data.digits import SIDE, load_digits
from kshot.types import UserError

Transform = Callable[[Any], Any]
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


# ---------------------------------------------------------------- transforms, with torchvision's names


class ToTensor:
    """A Pillow image or (height, width[, channels]) bytes -> (channels, height, width) float32, 0 to 1.

    Raises TypeError for what is neither, a tensor among them, and ValueError for an array of other axes.
    """

    def __call__(self, image: Any) -> torch.Tensor:
        if not isinstance(image, Image.Image | np.ndarray):
            raise TypeError(f"ToTensor takes a Pillow image or an array, not {type(image).__name__}.")
        pixels = np.array(image)
        if pixels.ndim not in (2, 3):
            raise ValueError(f"ToTensor takes (height, width) or (height, width, channels), not {pixels.shape}.")
        scaled = torch.from_numpy(pixels[..., None] if pixels.ndim == 2 else pixels).permute(2, 0, 1).contiguous()
        return scaled.to(torch.float32) / 255 if scaled.dtype == torch.uint8 else scaled.to(torch.float32)


class Normalize:
    """(x - mean) / std, a number each a channel. Raises ValueError where a std is 0 or the channels are others."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        if 0 in std:
            raise ValueError(f"Normalize: std is {list(std)}; none may be 0.")
        self.mean, self.std = (torch.tensor(values, dtype=torch.float64).view(-1, 1, 1) for values in (mean, std))

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        if not isinstance(image, torch.Tensor) or not image.is_floating_point() or image.ndim < 3:
            raise TypeError("Normalize takes a tensor of floats, (channels, height, width); put ToTensor before it.")
        for values in (self.mean, self.std):
            if len(values) not in (1, image.shape[-3]):
                raise ValueError(f"Normalize has {len(values)} numbers for {image.shape[-3]} channels; give one each.")
        return (image - self.mean.to(image)) / self.std.to(image)


class Resize:
    """To (height, width), by bilinear interpolation that averages where it shrinks; of one number the shorter side.

    A Pillow image, or a tensor (..., height, width), whose whole numbers are rounded. `antialias` is for tensors: a
    Pillow image is always averaged. Raises TypeError for anything else, ValueError for a size that is none.
    """

    def __init__(self, size: int | Sequence[int], *, antialias: bool = True) -> None:
        self.size = sides_of("Resize", size)
        self.antialias = antialias

    def __call__(self, image: Any) -> Any:
        size = here = sides_in("Resize", image)
        if len(self.size) == 2:
            size = (self.size[0], self.size[1])
        else:
            short = min(here)
            size = (int(self.size[0] * here[0] / short), int(self.size[0] * here[1] / short))
        if size == here:
            return image
        if isinstance(image, Image.Image):
            return image.resize(size[::-1], Image.Resampling.BILINEAR)
        flat = image.reshape(1, -1, *here)
        exact = flat.dtype in (torch.float32, torch.float64)
        resized = torch.nn.functional.interpolate(
            flat if exact else flat.to(torch.float32), size, mode="bilinear", antialias=self.antialias
        ).reshape(*image.shape[:-2], *size)
        return (resized if image.is_floating_point() else resized.round()).to(image.dtype)


class RandomCrop:
    """`size` x `size` pixels, or (height, width), at a random place of a Pillow image or of a tensor (..., h, w).

    First it gets `padding` on each side: a number, (left and right, top and bottom), or (left, top, right, bottom);
    with `pad_if_needed` also as much as the crop is larger. What is put there is `fill`, or by `padding_mode` "edge",
    "reflect" or "symmetric" of the image itself. Draws from its own generator, else from torch's. Raises ValueError
    where the image is smaller than the crop, TypeError where it is neither kind of image.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        sides = sides_of("RandomCrop", size)
        self.size = (sides[0], sides[-1])  # height, width
        around = (padding or 0,) if isinstance(padding, int) or padding is None else tuple(padding)
        if len(around) not in (1, 2, 4) or min(around) < 0:
            raise ValueError(f"RandomCrop: padding is {padding!r}; give 1, 2 or 4 whole numbers of at least 0.")
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError(
                f"RandomCrop: padding_mode is {padding_mode!r}; give constant, edge, reflect or symmetric."
            )
        self.padding = around * (4 // len(around))  # left, top, right, bottom
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode
        self.generator = generator

    def __call__(self, image: Any) -> Any:
        sides_in("RandomCrop", image)
        image = self._padded(image, self.padding)
        if self.pad_if_needed:
            down, across = (max(0, new - old) for new, old in zip(self.size, sides_in("", image), strict=True))
            image = self._padded(image, (across, down, across, down))
        (height, width), here = self.size, sides_in("", image)
        room = (here[0] - height, here[1] - width)
        if min(room) < 0:
            raise ValueError(
                f"RandomCrop takes {height} x {width} of an image of {here[0]} x {here[1]}; crop less, or set padding "
                "or pad_if_needed."
            )
        top = left = 0
        if room != (0, 0):
            top, left = (int(torch.randint(0, free + 1, (1,), generator=self.generator)) for free in room)
        if isinstance(image, Image.Image):
            return image.crop((left, top, left + width, top + height))
        return image[..., top : top + height, left : left + width]

    def _padded(self, image: Any, around: tuple[int, ...]) -> Any:
        """With so many pixels more on the left, on top, on the right and at the bottom."""
        left, top, right, bottom = around
        if not any(around):
            return image
        if self.padding_mode == "constant":
            if isinstance(image, Image.Image):
                bands = len(image.getbands())
                fill = (self.fill,) * bands if bands > 1 and isinstance(self.fill, int) else self.fill
                return ImageOps.expand(image, (left, top, right, bottom), fill)
            return torch.nn.functional.pad(image, (left, right, top, bottom), value=self.fill)
        height, width = sides_in("RandomCrop", image)
        rows = np.pad(np.arange(height), (top, bottom), mode=self.padding_mode)  # type: ignore[call-overload]
        columns = np.pad(np.arange(width), (left, right), mode=self.padding_mode)  # type: ignore[call-overload]
        if isinstance(image, Image.Image):
            return Image.fromarray(np.asarray(image)[rows[:, None], columns])
        return image[..., torch.as_tensor(rows)[:, None], torch.as_tensor(columns)]


def sides_of(name: str, size: int | Sequence[int]) -> tuple[int, ...]:
    """A transform's size as one side or as (height, width). Raises ValueError."""
    sides = (size,) if isinstance(size, int) else tuple(size) if isinstance(size, Sequence) else ()
    whole = all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in sides)
    if len(sides) not in (1, 2) or not whole:
        raise ValueError(f"{name}: size is {size!r}; give a whole number above 0, or two, (height, width).")
    return sides


def sides_in(name: str, image: Any) -> tuple[int, int]:
    """An image's height and width. Raises TypeError where it is neither a Pillow image nor a tensor with both."""
    if isinstance(image, Image.Image):
        return image.height, image.width
    if isinstance(image, torch.Tensor) and image.ndim >= 2:
        return image.shape[-2], image.shape[-1]
    kind = f"a tensor of shape {tuple(image.shape)}" if isinstance(image, torch.Tensor) else type(image).__name__
    raise TypeError(f"{name} takes a Pillow image or a tensor (..., height, width), not {kind}.")


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
        wrong = [row for row, label in enumerate(labels) if label != int(label)]
        if wrong:
            raise ValueError(
                f"ArrayImages: label {labels[wrong[0]]} of image {wrong[0]} is no class index; give 0, 1 ..."
            )
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
