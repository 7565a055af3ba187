"""Where the named tables, texts and X-rays officially live, and how one knows their files."""

from __future__ import annotations

from tithe.data.official import OfficialFile, OfficialSet

_UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases/"
_SPAM_SHA256 = "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d"
_AG_TEST_SHA256 = "521465c2428ed7f02f8d6db6ffdd4b5447c1c701962353eb2c40d548c3c85699"


def _by_hand(name: str, sha256: str = "") -> OfficialFile:
    """A file that has no address of its own: it is published in an archive, or as another split."""
    return OfficialFile(name, 0, sha256, ())


# The constants of a table are those of its whole published training part, to four digits: a public
# set, so its constants are public too. Columns of 0 and 1 have mean 0 and standard deviation 1.
_WDBC_MEAN = (
    *(14.13, 19.29, 91.97, 654.9, 0.09636, 0.1043, 0.0888, 0.04892, 0.1812, 0.0628),
    *(0.4052, 1.217, 2.866, 40.34, 0.007041, 0.02548, 0.03189, 0.0118, 0.02054, 0.003795),
    *(16.27, 25.68, 107.3, 880.6, 0.1324, 0.2543, 0.2722, 0.1146, 0.2901, 0.08395),
)
_WDBC_STD = (
    *(3.521, 4.297, 24.28, 351.6, 0.01405, 0.05277, 0.07965, 0.03877, 0.02739, 0.007054),
    *(0.2771, 0.5512, 2.02, 45.45, 0.003, 0.01789, 0.03016, 0.006165, 0.008259, 0.002644),
    *(4.829, 6.141, 33.57, 568.9, 0.02281, 0.1572, 0.2084, 0.06567, 0.06181, 0.01805),
)
_ADULT_MEAN = (38.58, 1.898e5, 10.08, 1078.0, 87.3, 40.44)
_ADULT_STD = (13.64, 1.055e5, 2.573, 7385.0, 403.0, 12.35)
_ADULT_FLAGS = 102

TABLES_AND_TEXTS = (
    OfficialSet(
        name="pneumonia-mnist",
        title="PneumoniaMNIST",
        home="https://medmnist.com",
        files=(_by_hand("pneumoniamnist.npz"),),
        class_names=("normal", "pneumonia"),
        mean=(0.5719,),
        std=(0.1684,),
        shelf="medmnist",
    ),
    OfficialSet(
        name="wdbc",
        title="Wisconsin Diagnostic Breast Cancer",
        home="https://archive.ics.uci.edu/dataset/17",
        files=(
            OfficialFile(
                "wdbc.data",
                124_103,
                "d606af411f3e5be8a317a5a8b652b425aaf0ff38ca683d5327ffff94c3695f4a",
                (f"{_UCI}breast-cancer-wisconsin/wdbc.data",),
            ),
        ),
        class_names=("benign", "malignant"),
        mean=_WDBC_MEAN,
        std=_WDBC_STD,
        shelf="tabular",
    ),
    OfficialSet(
        name="adult",
        title="Adult",
        home="https://archive.ics.uci.edu/dataset/2",
        files=(
            OfficialFile(
                "adult.data",
                3_974_305,
                "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
                (f"{_UCI}adult/adult.data",),
            ),
            OfficialFile(
                "adult.test",
                2_003_153,
                "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
                (f"{_UCI}adult/adult.test",),
            ),
        ),
        class_names=("<=50K", ">50K"),
        mean=(*_ADULT_MEAN, *(0.0,) * _ADULT_FLAGS),
        std=(*_ADULT_STD, *(1.0,) * _ADULT_FLAGS),
        shelf="tabular",
    ),
    OfficialSet(
        name="sms-spam",
        title="SMS Spam Collection",
        home="https://archive.ics.uci.edu/dataset/228",
        files=(_by_hand("SMSSpamCollection", _SPAM_SHA256),),
        class_names=("ham", "spam"),
        mean=(),
        std=(),
        shelf="text",
    ),
    OfficialSet(
        name="sst2",
        title="SST-2",
        home="https://nlp.stanford.edu/sentiment/",
        files=(_by_hand("sst2_train.tsv"), _by_hand("sst2_test.tsv")),
        class_names=("negative", "positive"),
        mean=(),
        std=(),
        shelf="text",
    ),
    OfficialSet(
        name="ag-news",
        title="AG News",
        home="http://groups.di.unipi.it/~gulli/AG_corpus_of_news_articles.html",
        files=(
            _by_hand("ag_news_train_sample.csv"),
            _by_hand("ag_news_test.csv", _AG_TEST_SHA256),
        ),
        class_names=("World", "Sports", "Business", "Sci/Tech"),
        mean=(),
        std=(),
        shelf="text",
    ),
)
