"""Where the named data sets officially live; of images, how one knows their files."""

from __future__ import annotations

from tithe.checks import BadInput, nearest
from tithe.data.catalogue_tables import TABLES_AND_TEXTS
from tithe.data.official import OfficialFile, OfficialSet

_DIGITS = tuple(str(digit) for digit in range(10))
_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_FASHION_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
_SVHN_HOME = "http://ufldl.stanford.edu/housenumbers/"


def _file(name: str, num_bytes: int, sha256: str, *folders: str) -> OfficialFile:
    return OfficialFile(name, num_bytes, sha256, tuple(folder + name for folder in folders))


# Sizes and SHA-256 are those that TensorFlow Datasets records (url_checksums/*.txt); the same files
# carry in torchvision (datasets/mnist.py, cifar.py, svhn.py) and on the CIFAR page these MD5:
#   mnist          f68b3c2dcbeaaa9fbdd348bbdeb94873 d53e105ee54ea40749a09fcbcd1e9432
#                  9fb629c4189551a2d022fa330f9573f3 ec29112dd5afa0611ce80d1b7f02629c
#   fashion-mnist  8d4fb7e6c68d591d4c3dfef9ec88bf0d 25c81989df183df01b3e8a0aad5dffbe
#                  bef4ecab320f06d8554ea6380940ec79 bb300cfdad3c16e7a12a480ee83cd310
#   cifar10        c32a1d4ab5d03f1284b67883e8d87530
#   svhn           e26dedcc434d2e4c54c9b2d4a06d8373 eb5a983be6a315427106f1b164d9cef3
#                  a93ce644f1a588dc4d68dda5feec44a7 (extra)
# The means and standard deviations are the customary ones of these training sets.
_OFFICIAL = (
    OfficialSet(
        name="mnist",
        title="MNIST",
        home="http://yann.lecun.com/exdb/mnist/",
        files=(
            _file(
                "train-images-idx3-ubyte.gz",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                *_MNIST_MIRRORS,
            ),
            _file(
                "train-labels-idx1-ubyte.gz",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                *_MNIST_MIRRORS,
            ),
            _file(
                "t10k-images-idx3-ubyte.gz",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                *_MNIST_MIRRORS,
            ),
            _file(
                "t10k-labels-idx1-ubyte.gz",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                *_MNIST_MIRRORS,
            ),
        ),
        class_names=_DIGITS,
        mean=(0.1307,),
        std=(0.3081,),
    ),
    OfficialSet(
        name="fashion-mnist",
        title="Fashion-MNIST",
        home="https://github.com/zalandoresearch/fashion-mnist",
        files=(
            _file(
                "train-images-idx3-ubyte.gz",
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                *_FASHION_MIRRORS,
            ),
            _file(
                "train-labels-idx1-ubyte.gz",
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                *_FASHION_MIRRORS,
            ),
            _file(
                "t10k-images-idx3-ubyte.gz",
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                *_FASHION_MIRRORS,
            ),
            _file(
                "t10k-labels-idx1-ubyte.gz",
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                *_FASHION_MIRRORS,
            ),
        ),
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        mean=(0.2860,),
        std=(0.3530,),
    ),
    OfficialSet(
        name="cifar10",
        title="CIFAR-10",
        home="https://www.cs.toronto.edu/~kriz/cifar.html",
        files=(
            _file(
                "cifar-10-binary.tar.gz",
                170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                "https://www.cs.toronto.edu/~kriz/",
            ),
        ),
        class_names=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
    ),
    OfficialSet(
        name="svhn",
        title="SVHN (cropped digits)",
        home=_SVHN_HOME,
        files=(
            _file(
                "train_32x32.mat",
                182_040_794,
                "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
                _SVHN_HOME,
            ),
            _file(
                "test_32x32.mat",
                64_275_384,
                "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
                _SVHN_HOME,
            ),
        ),
        extra=(
            _file(
                "extra_32x32.mat",
                1_329_278_602,
                "a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3",
                _SVHN_HOME,
            ),
        ),
        class_names=_DIGITS,
        mean=(0.4377, 0.4438, 0.4728),
        std=(0.1980, 0.2010, 0.1970),
    ),
)

OFFICIAL_SETS = {official.name: official for official in (*_OFFICIAL, *TABLES_AND_TEXTS)}
SET_NAMES = ("digits", *OFFICIAL_SETS)

# SHA-256 of the six members of cifar-10-binary.tar.gz, as torchvision for Ruby records them.
CIFAR10_BATCHES = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}


def official_set(name: str) -> OfficialSet:
    """The published set of this name.

    Raises:
      BadInput: there is none; the message names the nearest.
    """
    if name not in OFFICIAL_SETS:
        close = nearest(name, SET_NAMES)
        hint = f"; did you mean {close!r}?" if close else ""
        raise BadInput(
            f"data set must be one of {', '.join(SET_NAMES)}, or npz:PATH, csv:PATH, images:PATH, "
            f"python:module:function, got {name!r}{hint}"
        )
    return OFFICIAL_SETS[name]
