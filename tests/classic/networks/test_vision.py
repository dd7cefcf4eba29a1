"""The warm-up: transforms against Pillow and their formulas, folders with a broken file, CIFAR-10, TensorBoard."""

from __future__ import annotations

import builtins
import pickle
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from kshot.classic.data.images import (
    ArrayImages,
    Compose,
    ImageFolder,
    Normalize,
    RandomCrop,
    Resize,
    ToTensor,
    cifar10,
    digit_images,
    transforms,
)
from kshot.classic.networks.vision import SmallCNN, fit, mistakes, predict
from kshot.types import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, size=(6, 4, 3), dtype=np.uint8)


def test_to_tensor_is_channels_first_and_between_0_and_1() -> None:
    colour = ToTensor()(Image.fromarray(PIXELS))
    assert (colour.shape, colour.dtype) == ((3, 6, 4), torch.float32)
    np.testing.assert_allclose(colour.numpy(), PIXELS.transpose(2, 0, 1) / 255, rtol=1e-6)
    grey = ToTensor()(Image.fromarray(PIXELS[..., 0]))
    np.testing.assert_allclose(grey.numpy(), PIXELS[None, ..., 0] / 255, rtol=1e-6)
    assert ToTensor()(np.full((2, 2), 3.5)).tolist() == [[[3.5, 3.5], [3.5, 3.5]]]


def test_normalize_is_a_number_a_channel() -> None:
    image = ToTensor()(Image.fromarray(PIXELS))
    out = Normalize([0.1, 0.2, 0.3], [1.0, 2.0, 4.0])(image)
    for channel, (mean, std) in enumerate([(0.1, 1.0), (0.2, 2.0), (0.3, 4.0)]):
        np.testing.assert_allclose(out[channel], (image[channel] - mean) / std, rtol=1e-5)
    with pytest.raises(ValueError, match=r"std is \[1.0, 0.0\]; none may be 0"):
        Normalize([0.0, 0.0], [1.0, 0.0])


def test_resize_is_pillows_and_keeps_the_shape_with_one_number() -> None:
    image = Image.fromarray(PIXELS)  # 4 wide, 6 high
    assert Resize((8, 10))(image).size == (10, 8)
    assert Resize(8)(image).size == (8, 12)
    expected = image.resize((10, 8), Image.Resampling.BILINEAR)
    assert np.array_equal(np.array(Resize((8, 10))(image)), np.array(expected))


def test_random_crops_come_from_everywhere_and_from_the_generator() -> None:
    image = torch.arange(36.0).reshape(1, 6, 6)
    seen = set()
    crop = RandomCrop(4, generator=torch.Generator().manual_seed(0))
    for _ in range(200):
        part = crop(image)
        assert part.shape == (1, 4, 4)
        top, left = divmod(int(part[0, 0, 0]), 6)
        assert torch.equal(part, image[:, top : top + 4, left : left + 4])
        seen.add((top, left))
    assert seen == {(top, left) for top in range(3) for left in range(3)}
    again = [RandomCrop(4, generator=torch.Generator().manual_seed(1))(image)[0, 0, 0].item() for _ in range(2)]
    assert again[0] == again[1]
    padded = RandomCrop(6, padding=2, generator=torch.Generator().manual_seed(0))
    assert any((padded(image + 1) == 0).any() for _ in range(20))
    with pytest.raises(ValueError, match="RandomCrop takes 9 x 9 of an image of 6 x 6"):
        RandomCrop(9)(image)


def test_to_tensor_and_normalize_refuse_what_they_would_read_wrongly() -> None:
    for wrong, message in ((torch.zeros(3, 6, 4), "an image or an array, not Tensor"), ("a.png", "not str")):
        with pytest.raises(TypeError, match=message.replace("an image", "a Pillow image")):
            ToTensor()(wrong)
    for shape in ((4,), (1, 3, 6, 4)):
        with pytest.raises(ValueError, match=r"ToTensor takes \(height, width\)"):
            ToTensor()(np.zeros(shape))
    three = Normalize([0.1, 0.2, 0.3], [1.0, 2.0, 4.0])
    with pytest.raises(ValueError, match="Normalize has 3 numbers for 1 channels; give one each"):
        three(torch.zeros(1, 6, 4))
    for wrong in (torch.zeros(3, 6, 4, dtype=torch.uint8), Image.fromarray(PIXELS)):
        with pytest.raises(TypeError, match="put ToTensor before it"):
            three(wrong)
    double = torch.rand(3, 2, 2, dtype=torch.float64)
    torch.testing.assert_close(three(double)[0], double[0] - 0.1, rtol=0, atol=1e-15)


@pytest.mark.parametrize("size", [9, (9, 5), [9, 5], (5,), 3, (6, 4)])
def test_resize_takes_tensors_as_torch_interpolates_them(size) -> None:
    """torchvision's documented semantics: antialiased bilinear interpolation, whole numbers rounded."""
    image = torch.from_numpy(PIXELS.copy()).permute(2, 0, 1)
    sides = (size,) if isinstance(size, int) else tuple(size)
    height, width = sides if len(sides) == 2 else (int(sides[0] * 6 / 4), sides[0])
    expected = torch.nn.functional.interpolate(image[None].float(), (height, width), mode="bilinear", antialias=True)[0]
    assert torch.equal(Resize(size)(image), expected.round().to(torch.uint8))
    torch.testing.assert_close(Resize(size)(image / 255), expected / 255)
    assert Resize(size)(image.float()[0]).shape == (height, width)
    assert Resize(size)(image.float()[None, None]).shape == (1, 1, 3, height, width)
    near = np.asarray(Resize(size)(Image.fromarray(PIXELS)), float).transpose(2, 0, 1)  # Pillow's own, to its rounding
    assert np.abs(near - expected.numpy()).max() <= 1


@pytest.mark.parametrize("size", [4, (3, 2), [2, 4], (4,)])
def test_random_crops_of_a_pillow_image_are_those_of_its_tensor(size) -> None:
    image = Image.fromarray(PIXELS)
    tensor = ToTensor()(image)
    height, width = (size, size) if isinstance(size, int) else (size[0], size[-1])
    for options in ({}, {"padding": 2}, {"padding": (1, 3)}, {"padding": [0, 1, 2, 3], "fill": 255}):
        both = [RandomCrop(size, **options, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
        both[1].fill = both[1].fill / 255
        part = both[0](image)
        assert part.size == (width, height)
        assert torch.equal(ToTensor()(part), both[1](tensor))


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric"])
def test_padding_by_the_image_itself_is_numpys(mode: str) -> None:
    crop = RandomCrop((10, 9), (2, 2, 3, 2), padding_mode=mode)
    expected = np.pad(PIXELS, ((2, 2), (2, 3), (0, 0)), mode=mode)
    assert np.array_equal(np.asarray(crop(Image.fromarray(PIXELS))), expected)
    assert np.array_equal(crop(torch.from_numpy(PIXELS).permute(2, 0, 1)).permute(1, 2, 0).numpy(), expected)


def test_the_courses_own_lines() -> None:
    """RandomCrop(400) on a Pillow image, a crop as large as the image, and one that is larger."""
    large = Image.fromarray(np.random.default_rng(0).integers(0, 256, (500, 600, 3), dtype=np.uint8))
    assert RandomCrop(400)(large).size == (400, 400)
    assert RandomCrop((500, 600))(large) == large
    state = torch.get_rng_state()
    RandomCrop((500, 600))(large)  # nothing to draw
    assert torch.equal(torch.get_rng_state(), state)
    assert RandomCrop(700, pad_if_needed=True)(large).size == (700, 700)
    with pytest.raises(
        ValueError, match="RandomCrop takes 700 x 700 of an image of 500 x 600; crop less, or set padding"
    ):
        RandomCrop(700)(large)


@pytest.mark.parametrize("size", [0, -3, 2.5, "32", True, (), (1, 2, 3), (4, 0), None])
@pytest.mark.parametrize("transform", [Resize, RandomCrop])
def test_a_size_that_is_none_is_refused(transform, size) -> None:
    with pytest.raises(ValueError, match=r"size is .*; give a whole number above 0, or two, \(height, width\)"):
        transform(size)


def test_what_is_no_image_is_refused() -> None:
    for wrong, kind in ((PIXELS, "ndarray"), (torch.zeros(3), r"a tensor of shape \(3,\)")):
        for transform in (Resize(4), RandomCrop(2)):
            with pytest.raises(TypeError, match=f"takes a Pillow image or a tensor .*, not {kind}"):
                transform(wrong)
    with pytest.raises(ValueError, match="padding is"):
        RandomCrop(2, padding=(1, 2, 3))
    with pytest.raises(ValueError, match="padding_mode is 'wrap'"):
        RandomCrop(2, padding_mode="wrap")


def test_labels_that_are_no_class_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ArrayImages: label 0.5 of image 1 is no class index"):
        ArrayImages(np.zeros((2, 1, 4, 4)), np.array([1.0, 0.5]))
    assert ArrayImages(np.zeros((2, 1, 4, 4)), np.array([1.0, 0.0])).labels == [1, 0]


def test_compose_goes_in_order() -> None:
    steps = Compose([Resize((8, 8)), ToTensor(), Normalize([0.5] * 3, [0.5] * 3)])
    image = Image.fromarray(PIXELS)
    assert torch.equal(steps(image), Normalize([0.5] * 3, [0.5] * 3)(ToTensor()(Resize((8, 8))(image))))


def test_torchvisions_transforms_are_used_when_present(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert transforms().ToTensor is ToTensor
    theirs, parent = ModuleType("torchvision.transforms"), ModuleType("torchvision")
    parent.transforms = theirs
    monkeypatch.setitem(sys.modules, "torchvision", parent)
    assert transforms() is theirs


# ---------------------------------------------------------------- folders


def folder(root: Path) -> Path:
    for name, value in (("cat", 10), ("dog", 200)):
        (root / name).mkdir(parents=True)
        for at in range(3):
            Image.fromarray(np.full((5, 5, 3), value + at, np.uint8)).save(root / name / f"{at}.png")
    (root / "cat" / "notes.txt").write_text("no image")
    return root


def test_a_folder_of_images(tmp_path: Path) -> None:
    images = ImageFolder(folder(tmp_path / "pets"), ToTensor())
    assert (images.classes, len(images)) == (["cat", "dog"], 6)
    batches = list(DataLoader(images, batch_size=4))
    assert [tuple(x.shape) for x, _ in batches] == [(4, 3, 5, 5), (2, 3, 5, 5)]
    assert torch.cat([labels for _, labels in batches]).tolist() == [0, 0, 0, 1, 1, 1]
    assert (batches[0][0][1] * 255).round().unique().tolist() == [11.0]
    grey = ImageFolder(tmp_path / "pets", ToTensor(), mode="L")
    assert grey[0][0].shape == (1, 5, 5)


@pytest.mark.parametrize("kind", ["text", "truncated", "empty"])
def test_a_broken_file_is_named(tmp_path: Path, kind: str) -> None:
    root = folder(tmp_path / "pets")
    whole = (root / "dog" / "1.png").read_bytes()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(root / "dog" / "1.png")
    whole = (root / "dog" / "1.png").read_bytes()
    (root / "dog" / "1.png").write_bytes({"text": b"hello", "truncated": whole[: len(whole) // 2], "empty": b""}[kind])
    images = ImageFolder(root, ToTensor())
    with pytest.raises(UserError, match=r"dog.1\.png is (no image that can be read|broken: .*); mend or remove it"):
        list(DataLoader(images, batch_size=2))
    assert images[3][1] == 1


def test_folders_that_hold_nothing_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere is no folder"):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"holds no folders; put the images of each class into one"):
        ImageFolder(tmp_path)
    (folder(tmp_path / "pets") / "fish").mkdir()
    with pytest.raises(UserError, match=r"fish holds no image \(.png"):
        ImageFolder(tmp_path / "pets")


# ---------------------------------------------------------------- CIFAR-10


def test_cifar10s_binary_version_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    records = rng.integers(0, 256, size=(5, 4, 3073), dtype=np.uint8)
    records[:, :, 0] = rng.integers(0, 10, size=(5, 4))
    for number in range(5):
        records[number].tofile(tmp_path / f"data_batch_{number + 1}.bin")
    images = cifar10(tmp_path)
    assert len(images) == 20
    x, label = images[6]
    assert label == records[1, 2, 0]
    np.testing.assert_allclose(x[2, 31, 30], records[1, 2, 1 + 2 * 1024 + 31 * 32 + 30] / 255, rtol=1e-6)
    with pytest.raises(UserError, match=r"test_batch.bin does not exist"):
        cifar10(tmp_path, train=False)
    (tmp_path / "test_batch.bin").write_bytes(b"\x0b" + bytes(3072))
    with pytest.raises(UserError, match=r"test_batch.bin is not CIFAR-10's binary version"):
        cifar10(tmp_path, train=False)
    (tmp_path / "test_batch.bin").write_bytes(bytes(3000))
    with pytest.raises(UserError, match=r"test_batch.bin is not CIFAR-10's binary version"):
        cifar10(tmp_path, train=False)


class Trap:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path("sprung"),)


def test_a_pickle_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(
        UserError, match=r"a pickle, which could run anything and is not opened; give the folder of the"
    ):
        cifar10(tmp_path)
    assert not (tmp_path / "sprung").exists()


# ---------------------------------------------------------------- training


def test_a_small_cnn_reads_digits_and_a_seed_repeats_it(tmp_path: Path) -> None:
    train, test = digit_images(rows=np.arange(800)), digit_images(rows=np.arange(800, 1797))
    runs = [fit(SmallCNN(1, 8, 10, seed=seed), train, test, epochs=8, seed=seed) for seed in (0, 0, 1)]
    assert runs[0].train_losses == runs[1].train_losses != runs[2].train_losses
    assert runs[0].test_accuracies[-1] > 0.88
    assert runs[0].train_losses[-1] < 0.4 < runs[0].train_losses[0]


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    images = digit_images(rows=np.arange(40))
    fit(SmallCNN(1, 8, 10, seed=0), images, images, epochs=1)
    assert torch.equal(torch.get_rng_state(), before)
    SmallCNN(1, 8, 10, seed=1)
    first = SmallCNN(1, 8, 10, seed=1).first.weight
    torch.manual_seed(8)
    assert torch.equal(first, SmallCNN(1, 8, 10, seed=1).first.weight)


def test_mistakes_are_sorted_by_how_sure_they_were() -> None:
    scores = torch.tensor([[5.0, 0.0], [0.0, 1.0], [9.0, 0.0], [0.0, 4.0]])
    assert mistakes(scores, torch.tensor([1, 0, 1, 1])).tolist() == [2, 0, 1]
    images = ArrayImages(np.zeros((3, 1, 8, 8), np.float32), np.array([0, 1, 2]))
    found, truth = predict(SmallCNN(1, 8, 10), images)
    assert (found.shape, truth.tolist()) == ((3, 10), [0, 1, 2])


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(ValueError, match="10 pixels must be a multiple of 4"):
        SmallCNN(1, 10, 10)
    with pytest.raises(ValueError, match="3 images and 2 labels"):
        ArrayImages(np.zeros((3, 1, 8, 8)), np.zeros(2))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of tensorboard's own dependencies
def test_tensorboard_gets_scalars_and_images(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    images = digit_images(rows=np.arange(60))
    history = fit(SmallCNN(1, 8, 10), images, images, epochs=2, log_dir=tmp_path / "logs")
    events = EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"loss/train", "loss/test", "accuracy/test"}
    logged = [event.value for event in events.Scalars("loss/train")]
    np.testing.assert_allclose(logged, history.train_losses, rtol=1e-6)
    assert events.Tags()["images"]


def test_without_tensorboard_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if "tensorboard" in name:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    images = digit_images(rows=np.arange(20))
    with pytest.raises(UserError, match=r"log_dir needs tensorboard, .* pip install 'kshot\[tensorboard\]'"):
        fit(SmallCNN(1, 8, 10), images, images, epochs=1, log_dir=tmp_path)
