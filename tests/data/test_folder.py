"""A user's images, one folder a class."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.data.official_files import images
from tithe.checks import BadInput
from tithe.data.files import load_features, load_own


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_classes(folder, num_each=4, shape=(6, 5), names=("cat", "dog"), seed=0):
    pixels = images(len(names) * num_each, *shape, seed=seed)
    for row, some in enumerate(pixels):
        save(folder / names[row // num_each] / f"{row % num_each}.png", some)
    return pixels


def load(folder, **options):
    return load_own("images", str(folder), options=options)


def test_class_folders_become_a_set_with_a_part_set_aside(tmp_path):
    pixels = write_classes(tmp_path, num_each=5)
    splits = load(tmp_path, test_fraction=0.2)
    assert splits.train.class_names == ("cat", "dog")
    assert splits.train.features.shape == (8, 1, 6, 5)
    assert (len(splits.test), splits.test.labels.tolist()) == (2, [0, 1])
    everything = np.concatenate([splits.train.features, splits.test.features])[:, 0]
    assert np.array_equal(
        np.unique(everything.reshape(10, -1), axis=0), np.unique(pixels.reshape(10, -1), axis=0)
    )


def test_train_and_test_folders_are_taken_as_given(tmp_path):
    train = write_classes(tmp_path / "train", shape=(6, 5, 3), seed=1)
    test = write_classes(tmp_path / "test", num_each=1, shape=(6, 5, 3), seed=2)
    splits = load(tmp_path)
    assert np.array_equal(splits.train.features.permute(0, 2, 3, 1).numpy(), train)
    assert np.array_equal(splits.test.features.permute(0, 2, 3, 1).numpy(), test)
    assert splits.train.labels.tolist() == [0] * 4 + [1] * 4
    assert splits.note.endswith("8 train and 2 test rows as given.")


def test_a_val_folder_serves_where_there_is_no_test_folder(tmp_path):
    write_classes(tmp_path / "train")
    write_classes(tmp_path / "val", num_each=1)
    splits = load(tmp_path)
    assert len(splits.test) == 2
    assert splits.note.endswith("The test rows are its folder val.")


def test_a_class_may_be_called_train(tmp_path):
    write_classes(tmp_path, names=("plane", "train"))
    assert load(tmp_path).train.class_names == ("plane", "train")


def test_a_train_folder_alone_is_split(tmp_path):
    write_classes(tmp_path / "train")
    assert "no test part was given" in load(tmp_path).note


def test_other_files_and_hidden_folders_are_passed_over(tmp_path):
    write_classes(tmp_path)
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "cat" / ".DS_Store").write_bytes(b"x")
    (tmp_path / ".cache").mkdir()
    assert load(tmp_path).train.num_classes == 2


def test_classes_may_be_stated_in_another_order(tmp_path):
    write_classes(tmp_path)
    splits = load(tmp_path, classes=["dog", "cat"])
    assert splits.train.class_names == ("dog", "cat")
    assert splits.train.labels.tolist()[:2] == [1, 1]


def test_one_colour_image_makes_all_colour_and_channels_can_be_chosen(tmp_path):
    write_classes(tmp_path)
    save(tmp_path / "cat" / "9.png", images(6, 5, 3))
    assert load(tmp_path).train.features.shape[1] == 3
    assert load(tmp_path, channels=1).train.features.shape[1] == 1


def test_several_sizes_are_refused_unless_one_is_asked_for(tmp_path):
    write_classes(tmp_path)
    save(tmp_path / "dog" / "9.png", images(8, 5))
    with pytest.raises(BadInput, match=r"got 2 .height x width. from 6x5 to 8x5; set option size"):
        load(tmp_path)
    assert load(tmp_path, size=[7, 3]).train.features.shape[2:] == (7, 3)


def test_resizing_keeps_a_flat_image_flat(tmp_path):
    write_classes(tmp_path)
    for row in range(4):
        save(tmp_path / "cat" / f"{row}.png", np.full((6, 5), 77, dtype=np.uint8))
    data = load(tmp_path, size=[12, 12]).train
    assert (data.features[data.labels == 0] == 77).all()


def test_an_empty_class_folder_is_refused(tmp_path):
    write_classes(tmp_path)
    (tmp_path / "emu").mkdir()
    with pytest.raises(BadInput, match="emu: a class folder must hold an image, got none"):
        load(tmp_path)


def test_a_folder_without_classes_is_refused(tmp_path):
    save(tmp_path / "0.png", images(6, 5))
    with pytest.raises(BadInput, match="must hold one folder of images per class"):
        load(tmp_path)
    with pytest.raises(BadInput, match="must be a folder of class folders"):
        load(tmp_path / "0.png")


def test_a_new_class_in_test_is_refused(tmp_path):
    write_classes(tmp_path / "train")
    write_classes(tmp_path / "test", names=("cat", "emu"))
    with pytest.raises(BadInput, match=r"must be in train too, got 1 more .first: 'emu'"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no image", "cut"])
def test_a_damaged_image_is_named(tmp_path, content):
    write_classes(tmp_path, shape=(60, 50))
    path = tmp_path / "dog" / "2.png"
    path.write_bytes(path.read_bytes()[:-900] if content == "cut" else content)
    with pytest.raises(BadInput, match=r"dog.2\.png: could not be read as an image"):
        load(tmp_path)


def test_deep_images_are_refused_rather_than_clipped(tmp_path):
    write_classes(tmp_path)
    save(tmp_path / "dog" / "2.png", np.full((6, 5), 4000, dtype=np.uint16))
    with pytest.raises(BadInput, match="8 bits per channel, got mode I"):
        load(tmp_path)


def test_images_to_predict_need_no_class_folders(tmp_path):
    pixels = write_classes(tmp_path)
    assert load_features(f"images:{tmp_path}", options={}).shape == (8, 1, 6, 5)
    single = load_features(f"images:{tmp_path / 'cat' / '0.png'}", options={})
    assert np.array_equal(single[0, 0].numpy(), pixels[0])
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInput, match="an image or a folder with images, got none"):
        load_features(f"images:{tmp_path / 'none'}", options={})


def test_folders_of_owners_say_whose_an_image_is(tmp_path):
    write_classes(tmp_path / "train" / "north", num_each=3, seed=1)
    write_classes(tmp_path / "train" / "south", num_each=2, names=("dog",), seed=2)
    write_classes(tmp_path / "test", num_each=1, seed=3)
    splits = load(tmp_path, owners=True)
    assert splits.train.groups is not None
    assert splits.train.groups.tolist() == [0] * 6 + [1] * 2
    assert splits.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    assert splits.test.groups is None


def test_owners_without_a_test_folder_keep_their_images_apart(tmp_path):
    write_classes(tmp_path / "north", num_each=5, seed=1)
    write_classes(tmp_path / "south", num_each=5, seed=2)
    splits = load(tmp_path, owners=True, test_fraction=0.2)
    assert (len(splits.train), len(splits.test)) == (16, 4)
    assert sorted(splits.train.groups.unique().tolist()) == [0, 1]


def test_owners_that_are_class_folders_are_refused(tmp_path):
    write_classes(tmp_path)
    with pytest.raises(BadInput, match="cat: must hold one folder of images per class, got none"):
        load(tmp_path, owners=True)


def test_no_owner_at_all_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"one folder per owner \(option owners\), got none"):
        load(tmp_path, owners=True)
