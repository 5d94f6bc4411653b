# SPDX-License-Identifier: Apache-2.0
"""The side table expectations.toml: cases left out one by one, and cases known to fail, with reasons."""
import pathlib
import tomllib
from dataclasses import dataclass

FILE = pathlib.Path(__file__).resolve().parent / "expectations.toml"


@dataclass
class Expectations:
    """Reasons by case name."""

    skip: dict
    xfail: dict


def load():
    table = tomllib.loads(FILE.read_text())
    return Expectations(table["skip"], table["xfail"])
