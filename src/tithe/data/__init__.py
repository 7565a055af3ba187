"""Data sets: reading, checking, normalising and dealing them out."""

from tithe.data.catalogue import SET_NAMES
from tithe.data.dataset import Dataset, Splits
from tithe.data.datasets import load
from tithe.data.fetch import data_root
from tithe.data.files import load_features
from tithe.data.inventory import FileCheck, SetStatus, check, describe, fetch
from tithe.data.normalise import Normalisation, choose_normalisation, normalise
from tithe.data.partition import dirichlet, even, independent, label_shards, natural, power_law
from tithe.data.shard import Shard

__all__ = [
    "SET_NAMES",
    "Dataset",
    "FileCheck",
    "Normalisation",
    "SetStatus",
    "Shard",
    "Splits",
    "check",
    "choose_normalisation",
    "data_root",
    "describe",
    "dirichlet",
    "even",
    "fetch",
    "independent",
    "label_shards",
    "load",
    "load_features",
    "natural",
    "normalise",
    "power_law",
]
