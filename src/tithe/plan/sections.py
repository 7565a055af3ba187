"""The sections of a plan: every key with its default, its range and, under it, its meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from tithe.plan.options import Options

TEXT_SETS = ("sms-spam", "sst2", "ag-news")
DATA_SETS = (
    "digits",
    "mnist",
    "fashion-mnist",
    "svhn",
    "cifar10",
    "pneumonia-mnist",
    "wdbc",
    "adult",
    *TEXT_SETS,
)
DATA_FORMS = ("npz:PATH", "csv:PATH", "images:PATH", "python:module:function")
MODELS = (
    "auto",
    "mnist-mlp",
    "mnist-cnn",
    "svhn-mlp",
    "svhn-cnn",
    "digits-mlp",
    "digits-cnn",
    "linear",
    "vgg19",
    "wrn-16-4",
    "table-mlp",
    "text-bag",
    "text-linear",
    "text-transformer",
)
MODEL_FORMS = ("table-mlp-COLUMNS", "module:function")


@dataclass(frozen=True)
class Words:
    """What a text key may say, in words for its reader, and the words it may be one of."""

    rule: str
    words: tuple[str, ...] = ()

    @classmethod
    def any_of(cls, words: tuple[str, ...], forms: tuple[str, ...]) -> Words:
        """One of the words, or a text of one of the forms."""
        return cls("one of " + ", ".join(f'"{each}"' for each in words + forms), words)


Fraction = Annotated[float, Field(gt=0, le=1)]
UnitInterval = Annotated[float, Field(ge=0, le=1)]
Momentum = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]
Name = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}$"),
    Words('a folder name of letters, digits and "._-"'),
]
DataSource = Annotated[
    str,
    Field(pattern=rf"^({'|'.join(DATA_SETS)}|(npz|csv|images):.+|python:[\w.]+:\w+)$"),
    Words.any_of(DATA_SETS, DATA_FORMS),
]
ModelName = Annotated[
    str,
    Field(pattern=rf"^({'|'.join(MODELS)}|table-mlp-[1-9]\d{{0,5}}|[\w.]+:\w+)$"),
    Words.any_of(MODELS, MODEL_FORMS),
]
Device = Annotated[
    str,
    Field(pattern=r"^(cpu|mps|cuda(:\d+)?)$"),
    Words.any_of(("cpu", "cuda", "mps"), ("cuda:N",)),
]


class Section(BaseModel):
    """What all sections share: immutable, exact about types, and every key explained."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class Data(Section):
    """What is learned from."""

    set: DataSource = "digits"
    """a named data set or data of your own; its path counts from the folder you run in"""
    train_rows: Count = 0
    """keep this many training rows, drawn with the seed; 0 keeps all"""
    test_rows: Count = 0
    """keep this many test rows, drawn with the seed; 0 keeps all"""
    features: Literal["pixels", "scattering"] = "pixels"
    """what a network sees of an image: its pixels, or its wavelet scattering, which is fixed and so
    costs no privacy (with model.name = "linear")"""
    normalise: Literal["constants", "own", "none"] = "constants"
    """by public constants, by each participant's own statistics, or not at all"""
    mean: tuple[float, ...] = ()
    """public mean per channel, in place of the data set's own constants"""
    std: tuple[Positive, ...] = ()
    """public standard deviation per channel, in place of the data set's own constants"""
    options: Options = Options()
    """for data of your own: the label column and the like"""


class Partition(Section):
    """Who holds which rows."""

    kind: Literal["even", "independent", "label_shards", "dirichlet", "power_law", "natural"] = (
        "even"
    )
    """even and disjoint; independent samples that may overlap; few labels each; Dirichlet over
    labels; sizes by a power law; or by the data's own owner column"""
    participants: AtLeastOne = 10
    """how many; with natural, the owners in the data count instead"""
    rows_each: Count = 0
    """even and independent: rows a participant gets; 0: as many as if all were dealt out"""
    shards_each: AtLeastOne = 2
    """label_shards: shards of one label a participant gets"""
    concentration: Positive = 0.5
    """dirichlet: small is uneven, large is even"""
    exponent: Positive = 1.5
    """power_law: how fast the sizes fall"""
    min_rows: AtLeastOne = 1
    """dirichlet and power_law: no participant gets fewer rows"""


class Model(Section):
    """What is trained."""

    name: ModelName = "auto"
    """a network, or a function of yours that returns a module; auto goes by the data set"""
    initial: Literal["as_built", "lecun"] = "as_built"
    """initial parameters: as the network's own code draws them, or weights of variance 1/fan-in and
    biases 0, which suits tanh"""
    arguments: Options = Options()
    """passed to that function by name"""


class Training(Section):
    """How a participant trains in its turn."""

    learning_rate: Positive = 0.05
    """alpha of the local SGD"""
    schedule: Literal["constant", "exponential", "cosine", "inverse"] = "constant"
    """alpha at a participant's turn t: alpha; alpha * decay^t; half a cosine down to 0;
    alpha / (1 + decay * t)"""
    decay: Fraction = 1.0
    """for the exponential and the inverse schedule"""
    batch_size: AtLeastOne = 8
    """rows in a step"""
    local_epochs: Positive = 1.0
    """passes over its data in a turn; fractions allowed"""
    local_steps: Count = 0
    """steps in a turn, in place of local_epochs; 0 goes by epochs"""
    theta: Fraction = 1.0
    """fraction of the parameters that a step updates, those with the largest gradients; below 1 is
    the paper's selective SGD"""
    momentum: Momentum = 0.0
    """of the local SGD, from nothing in every turn"""
    weight_decay: NotNegative = 0.0
    """of the local SGD"""
    shift: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """images are shifted at random, anew in every step, by up to this fraction of their sides"""
    flip: bool = False
    """images are mirrored left to right at random, anew in every step"""


class Sharing(Section):
    """What leaves a participant and what it takes."""

    theta_u: Fraction = 0.1
    """fraction of the parameters whose change a participant uploads in a turn, at most"""
    theta_d: Fraction = 1.0
    """fraction of the parameters a participant downloads in a turn, the most updated ones"""
    selection: Literal["largest", "random_above_tau", "random_mask"] = "largest"
    """of largest magnitude; random ones of magnitude above tau; or the same random ones for all
    participants, from a shared seed"""
    tau: NotNegative = 0.0
    """threshold on the magnitude, for random_above_tau"""
    gamma: NotNegative = 0.0
    """every uploaded value is bounded to [-gamma, gamma]; 0 bounds nothing"""
    bound_first: bool = False
    """bound before selecting, as the paper's code did; what is largest is then decided by ties"""
    residual: bool = True
    """keep what was not sent and add it to the next change (error feedback)"""
    residual_keep: UnitInterval = 1.0
    """fraction of the residual that is kept from turn to turn"""
    residual_settle: bool = True
    """subtract from the residual what others meanwhile did in the same direction"""
    train_from_residual: bool = False
    """begin training at the downloaded parameters plus the residual, not at them alone"""
    values: Literal["float32", "float16", "int8"] = "float32"
    """number format of uploaded values; int8 is rounded stochastically"""
    download_values: Literal["float32", "float16"] = "float32"
    """number format of downloaded values"""


class Server(Section):
    """How uploads become the global parameters."""

    beta: Fraction = 1.0
    """factor on the update counters at every decay"""
    decay_every: Count = 0
    """uploads between two decays; 0 decays once a round"""
    learning_rate: Positive = 1.0
    """factor on what is added"""
    momentum: Momentum = 0.0
    """of the server, over uploads"""
    combine: Literal["add", "mean"] = "add"
    """add every upload as it comes, or the mean of a round's uploads (synchronous only)"""
    average_rounds: NotNegative = 0.0
    """rounds over which the parameters are averaged for use, not for training; 0 takes the last"""
    staleness_power: NotNegative = 0.0
    """an upload that is s versions late is weighted by (1 + s)^-power"""


class Exchange(Section):
    """Who has a turn when."""

    order: Literal["round_robin", "random", "asynchronous", "synchronous"] = "round_robin"
    """one after another; in an order drawn anew every round; each at its own speed on a simulated
    clock; or all from the same parameters"""
    rounds: AtLeastOne = 12
    """turns of each participant"""
    cohort: Fraction = 1.0
    """fraction of the participants in a round (synchronous only)"""
    speed_spread: NotNegative = 0.0
    """sigma of the participants' log-normal speeds (asynchronous only); 0: all equally fast"""


class Baselines(Section):
    """What the result is compared with: same network, same budget of local epochs."""

    centralised: bool = True
    """train on all data in one place too: the ceiling"""
    standalone: Count = 3
    """so many participants train alone too, at most all of them: the floor"""


class Run(Section):
    """How the computation is carried out."""

    engine: Literal["in_process", "parallel", "simulation"] = "in_process"
    """one process; a pool of them (asynchronous and synchronous only); or the actors of Flower's
    simulation, here or on a cluster"""
    processes: Count = 0
    """of the parallel engine, or actors of the simulation; 0 takes one a core"""
    threads: AtLeastOne = 1
    """of PyTorch in a process; more are slower on small networks"""
    device: Device = "cpu"
    """where the tensors live"""
    evaluate_every: AtLeastOne = 1
    """rounds from one measurement on the test data to the next"""
    ledgers: str = ""
    """folder of the participants' ledgers, which add up over all runs with the same data; empty: in
    the run's own folder"""
    keep_uploads: bool = False
    """keep all that every participant sent, and where each turn began, for `tithe audit uploads`;
    in the run's own folder, as private as the data"""
    tensorboard: bool = False
    """write TensorBoard event files too"""
    checkpoint_seconds: Positive = 30.0
    """work a crash may cost, at most"""


class Override(Section):
    """What is different for some participants."""

    ids: tuple[Count, ...] = ()
    """which participants, counted from 0"""
    training: Options = Options()
    """keys of [training] that differ for them"""
    sharing: Options = Options()
    """keys of [sharing] that differ for them"""
    joins: Count = 0
    """the first round they take part in"""
    leaves: Count = 0
    """the round before which they leave; 0 is never"""
    speed: Positive = 1.0
    """how fast they are beside the others (asynchronous only)"""


class ParticipantPlan(NamedTuple):
    """The plan as it is for one participant."""

    training: Training
    sharing: Sharing
    joins: int
    leaves: int
    speed: float
